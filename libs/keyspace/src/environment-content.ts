import { ByteReader, ByteWriter } from '@env-cli/support';

import { decodeLabels, type Label } from './label.ts';
import type { Revision } from './revision.ts';
import { VariableCursor } from './variable-bytes.ts';
import type { Variable } from './variable.ts';

/** What an environment's content begins with. */
export interface EnvironmentHead {
  /** The revision that created it. It tells this life of the name from earlier ones, so it is the incarnation too. */
  readonly createRevision: Revision;
  /** When it was created: milliseconds since 1970, the cluster's time for people. */
  readonly createTimeMs: number;
  readonly modifyRevision: Revision;
  readonly modifyTimeMs: number;
  /** The principal that last changed it. */
  readonly modifiedBy: string;
  /** Writes to it since its creation, from 1. */
  readonly version: number;
}

/** Appends the fields of a head. */
export function writeHead(writer: ByteWriter, head: EnvironmentHead): void {
  writer
    .varint(head.createRevision)
    .varint(head.createTimeMs)
    .varint(head.modifyRevision)
    .varint(head.modifyTimeMs)
    .text(head.modifiedBy)
    .varint(head.version);
}

/** Reads what {@link writeHead} wrote. */
export function readHead(reader: ByteReader): EnvironmentHead {
  return {
    createRevision: reader.varint() as Revision,
    createTimeMs: reader.varint(),
    modifyRevision: reader.varint() as Revision,
    modifyTimeMs: reader.varint(),
    modifiedBy: reader.text(),
    version: reader.varint(),
  };
}

/** An environment's content: head, description, labels, number of variables, variables sorted by name. */
export function encodeContent(
  writer: ByteWriter,
  parts: {
    readonly head: EnvironmentHead;
    readonly description: Uint8Array;
    /** As `encodeLabels` writes them. */
    readonly labels: Uint8Array;
    readonly variableCount: number;
    /** The variables one after the other, as `writeVariable` writes them. */
    readonly variables: Uint8Array;
  },
): Uint8Array {
  writeHead(writer, parts.head);
  return writer.bytes(parts.description).bytes(parts.labels).varint(parts.variableCount).raw(parts.variables).cut();
}

/**
 * An environment as it was at some revision, read from its bytes as far as it is asked for.
 *
 * Reading one variable, or going through all with the cursor, makes no object of the others.
 */
export class EnvironmentReader {
  readonly namespace: string;
  readonly name: string;
  readonly createRevision: Revision;
  readonly createTimeMs: number;
  readonly modifyRevision: Revision;
  readonly modifyTimeMs: number;
  readonly version: number;
  /** The description in UTF-8: a view on the record. */
  readonly description: Uint8Array;
  /** The labels' bytes: equal bytes are equal labels. */
  readonly labelBytes: Uint8Array;
  readonly variableCount: number;
  /** The whole content. Equal bytes are equal environments, their revisions included. */
  readonly content: Uint8Array;
  readonly #modifiedByAt: number;
  readonly #variablesAt: number;

  constructor(namespace: string, name: string, content: Uint8Array) {
    this.namespace = namespace;
    this.name = name;
    this.content = content;
    const reader = new ByteReader(content);
    this.createRevision = reader.varint() as Revision;
    this.createTimeMs = reader.varint();
    this.modifyRevision = reader.varint() as Revision;
    this.modifyTimeMs = reader.varint();
    this.#modifiedByAt = reader.position;
    reader.skip(reader.varint());
    this.version = reader.varint();
    this.description = reader.bytes();
    this.labelBytes = reader.bytes();
    this.variableCount = reader.varint();
    this.#variablesAt = reader.position;
  }

  /** The principal that last changed it. */
  get modifiedBy(): string {
    const reader = new ByteReader(this.content);
    reader.skip(this.#modifiedByAt);
    return reader.text();
  }

  get head(): EnvironmentHead {
    return {
      createRevision: this.createRevision,
      createTimeMs: this.createTimeMs,
      modifyRevision: this.modifyRevision,
      modifyTimeMs: this.modifyTimeMs,
      modifiedBy: this.modifiedBy,
      version: this.version,
    };
  }

  /** The labels, sorted by key. */
  labels(): Label[] {
    return decodeLabels(this.labelBytes);
  }

  /** Goes through the variables in the order of their names. */
  variables(): VariableCursor {
    return new VariableCursor(this.content, this.#variablesAt, this.variableCount);
  }

  /** One variable, or null. */
  variable(name: string): Variable | null {
    return this.cursorAt(name)?.variable() ?? null;
  }

  /** A cursor that stands on one variable, or null. */
  cursorAt(name: string): VariableCursor | null {
    const cursor = this.variables();
    while (cursor.next()) {
      const order = cursor.compareName(name);
      if (order === 0) return cursor;
      if (order > 0) return null;
    }
    return null;
  }
}

/** What is left of a deleted environment until its deletion is compacted. */
export interface Tombstone {
  /** The incarnation that ended. */
  readonly createRevision: Revision;
  readonly deleteRevision: Revision;
  readonly deleteTimeMs: number;
  readonly deletedBy: string;
}

/** A tombstone's content: its fields in their order. */
export function encodeTombstone(writer: ByteWriter, tombstone: Tombstone): Uint8Array {
  return writer
    .varint(tombstone.createRevision)
    .varint(tombstone.deleteRevision)
    .varint(tombstone.deleteTimeMs)
    .text(tombstone.deletedBy)
    .cut();
}

const measured = new ByteWriter(256);

/** The length of what {@link encodeTombstone} writes. */
export function tombstoneBytes(tombstone: Tombstone): number {
  return encodeTombstone(measured, tombstone).length;
}

/** Reads what {@link encodeTombstone} wrote. */
export function decodeTombstone(content: Uint8Array): Tombstone {
  const reader = new ByteReader(content);
  const tombstone = {
    createRevision: reader.varint() as Revision,
    deleteRevision: reader.varint() as Revision,
    deleteTimeMs: reader.varint(),
    deletedBy: reader.text(),
  };
  reader.end();
  return tombstone;
}
