import { ByteReader, type ByteWriter, MalformedBytes } from '@env-cli/support';

import { type EnvironmentHead, readHead, writeHead } from './environment-content.ts';
import type { ChangePosition } from './keys.ts';
import { decodeLabels, type Label } from './label.ts';
import type { Revision } from './revision.ts';
import { cursorOn, type VariableCursor } from './variable-bytes.ts';

/**
 * What a revision did to an environment, all in all: `created` (it was absent before), `updated`, `deleted`, or `recreated`
 * (it was deleted and created in the same write, and is a new incarnation).
 */
export const changeKinds = ['created', 'updated', 'deleted', 'recreated'] as const;

export type ChangeKind = (typeof changeKinds)[number];

const format = 1;
const labelsFlag = 0x01;
const descriptionFlag = 0x02;
const keyframeFlag = 0x04;
const beforeFlag = 0x01;
const afterFlag = 0x02;

/** What a change row is made of. Arrays hold bytes as records hold them. */
export interface ChangeParts {
  readonly kind: ChangeKind;
  readonly namespace: string;
  readonly name: string;
  /** The head after the change. For `deleted`: that of the incarnation that ended, with the deletion's revision, time and principal. */
  readonly head: EnvironmentHead;
  /** The head before, null when it was absent. */
  readonly before: EnvironmentHead | null;
  readonly reason: Uint8Array;
  readonly labelsBefore: Uint8Array;
  readonly labelsAfter: Uint8Array;
  readonly descriptionBefore: Uint8Array;
  readonly descriptionAfter: Uint8Array;
  readonly variableChangeCount: number;
  /** For each: 1 (before), 2 (after) or 3 (both), then these variables. Sorted by name. */
  readonly variableChanges: Uint8Array;
}

/** Where the row hangs in the chain of its name. */
export interface ChangeLinks {
  readonly depth: number;
  readonly previous: ChangePosition;
  readonly skip: ChangePosition;
  readonly keyframe: ChangePosition;
  /** The content after the change, in an `updated` row that is a keyframe; rows of the other kinds say it all by themselves. */
  readonly keyframeContent: Uint8Array | null;
}

/** Appends one variable's change; null stands for "was not there" and "is no longer there". */
export function writeVariableChange(writer: ByteWriter, before: Uint8Array | null, after: Uint8Array | null): void {
  writer.u8((before === null ? 0 : beforeFlag) | (after === null ? 0 : afterFlag));
  if (before !== null) writer.raw(before);
  if (after !== null) writer.raw(after);
}

/** The bytes of a row of `changes`, format 1. */
export function encodeChange(writer: ByteWriter, parts: ChangeParts, links: ChangeLinks): Uint8Array {
  const labelsChanged = !sameBytes(parts.labelsBefore, parts.labelsAfter);
  const descriptionChanged = !sameBytes(parts.descriptionBefore, parts.descriptionAfter);
  writer
    .u8(format)
    .u8(changeKinds.indexOf(parts.kind) + 1)
    .u8(
      (labelsChanged ? labelsFlag : 0) |
        (descriptionChanged ? descriptionFlag : 0) |
        (links.keyframeContent === null ? 0 : keyframeFlag),
    )
    .text(parts.namespace)
    .text(parts.name);
  writeHead(writer, parts.head);
  writer.bytes(parts.reason).varint(links.depth);
  writePosition(writer, links.previous);
  writePosition(writer, links.skip);
  writePosition(writer, links.keyframe);
  if (parts.before !== null) writeHead(writer, parts.before);
  writer.bytes(parts.labelsAfter);
  if (labelsChanged) writer.bytes(parts.labelsBefore);
  writer.bytes(parts.descriptionAfter);
  if (descriptionChanged) writer.bytes(parts.descriptionBefore);
  if (links.keyframeContent !== null) writer.bytes(links.keyframeContent);
  return writer.varint(parts.variableChangeCount).raw(parts.variableChanges).cut();
}

function writePosition(writer: ByteWriter, position: ChangePosition): void {
  writer.varint(position.revision).varint(position.ordinal);
}

function readPosition(reader: ByteReader): ChangePosition {
  return { revision: reader.varint() as Revision, ordinal: reader.varint() };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** One variable's part in a change. At least one of the two is there. */
export interface VariableChange {
  readonly name: string;
  readonly before: VariableCursor | null;
  readonly after: VariableCursor | null;
}

/** A row of the log of changes, read as far as it is asked for. */
export class ChangeReader {
  readonly position: ChangePosition;
  readonly kind: ChangeKind;
  readonly namespace: string;
  readonly name: string;
  /** The head after the change. For `deleted`, its `modifyRevision`, `modifyTimeMs` and `modifiedBy` are those of the deletion. */
  readonly head: EnvironmentHead;
  /** Why, in the words of who asked, in UTF-8. */
  readonly reason: Uint8Array;
  readonly depth: number;
  /** The change of the same name before this one; revision 0 when there is none. It may be compacted. */
  readonly previous: ChangePosition;
  readonly skip: ChangePosition;
  readonly keyframe: ChangePosition;
  /** The head before the change, null when the environment was absent. */
  readonly before: EnvironmentHead | null;
  readonly labelBytesBefore: Uint8Array;
  readonly labelBytesAfter: Uint8Array;
  readonly descriptionBefore: Uint8Array;
  readonly descriptionAfter: Uint8Array;
  /** The content after the change, in an `updated` row that is a keyframe; null in any other. */
  readonly keyframeContent: Uint8Array | null;
  readonly variableChangeCount: number;
  readonly #bytes: Uint8Array;
  readonly #flags: number;
  readonly #variablesAt: number;

  constructor(position: ChangePosition, bytes: Uint8Array) {
    this.position = position;
    this.#bytes = bytes;
    const reader = new ByteReader(bytes);
    if (reader.u8() !== format) throw new MalformedBytes('a change of an unknown format');
    const kind = changeKinds[reader.u8() - 1];
    if (kind === undefined) throw new MalformedBytes('a change of an unknown kind');
    this.kind = kind;
    this.#flags = reader.u8();
    this.namespace = reader.text();
    this.name = reader.text();
    this.head = readHead(reader);
    this.reason = reader.bytes();
    this.depth = reader.varint();
    this.previous = readPosition(reader);
    this.skip = readPosition(reader);
    this.keyframe = readPosition(reader);
    this.before = kind === 'created' ? null : readHead(reader);
    this.labelBytesAfter = reader.bytes();
    this.labelBytesBefore = (this.#flags & labelsFlag) === 0 ? this.labelBytesAfter : reader.bytes();
    this.descriptionAfter = reader.bytes();
    this.descriptionBefore = (this.#flags & descriptionFlag) === 0 ? this.descriptionAfter : reader.bytes();
    this.keyframeContent = (this.#flags & keyframeFlag) === 0 ? null : reader.bytes();
    this.variableChangeCount = reader.varint();
    this.#variablesAt = reader.position;
  }

  get revision(): Revision {
    return this.position.revision;
  }

  /** Bytes of the row. */
  get lengthBytes(): number {
    return this.#bytes.length;
  }

  /** The labels before the change; none when the environment was absent. */
  labelsBefore(): Label[] {
    return decodeLabels(this.labelBytesBefore);
  }

  /** The labels after the change; none when it was deleted. */
  labelsAfter(): Label[] {
    return decodeLabels(this.labelBytesAfter);
  }

  /** What became of each variable that the change touched, in the order of their names. The cursors are views on the row. */
  *variableChanges(): IterableIterator<VariableChange> {
    let at = this.#variablesAt;
    for (let left = this.variableChangeCount; left > 0; left--) {
      const sides = this.#bytes[at]!;
      at += 1;
      let before: VariableCursor | null = null;
      let after: VariableCursor | null = null;
      if ((sides & beforeFlag) !== 0) {
        before = cursorOn(this.#bytes, at);
        at = before.end;
      }
      if ((sides & afterFlag) !== 0) {
        after = cursorOn(this.#bytes, at);
        at = after.end;
      }
      const named = after ?? before;
      if (named === null) throw new MalformedBytes('a variable that changed neither from nor to anything');
      yield { name: named.name, before, after };
    }
  }
}
