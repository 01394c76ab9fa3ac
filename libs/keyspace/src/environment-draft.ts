import { assert, ByteWriter, equalBytes } from '@env-cli/support';

import type { ChangeKind, ChangeParts } from './change-row.ts';
import { encodeContent, type EnvironmentHead, type EnvironmentReader } from './environment-content.ts';
import type { EnvironmentRow } from './environment-row.ts';
import { encodeLabels, type Label, sortedLabels } from './label.ts';
import { type MergedVariables, VariableMerge } from './merge-variables.ts';
import type { Revision } from './revision.ts';
import { cursorOn, type VariableCursor, writeVariable } from './variable-bytes.ts';
import { VariableFinder } from './variable-finder.ts';
import type { Variable } from './variable.ts';

/** What a write says of itself in each of its changes. */
export interface WriteStamp {
  /** The revision that the write takes if it changes anything. */
  readonly revision: Revision;
  readonly timeMs: number;
  readonly principal: string;
  readonly reason: Uint8Array;
}

/** What a write did to one environment, all in all. */
export interface NetChange {
  readonly parts: ChangeParts;
  /** Null when it deletes. */
  readonly content: Uint8Array | null;
  readonly variableCount: number;
}

const none = new Uint8Array(0);
/** Bytes that writers hand out as views share so much memory. */
const chunkBytes = 64 * 1024;
const writer = new ByteWriter(chunkBytes);
const variablesWriter = new ByteWriter(chunkBytes);
const changesWriter = new ByteWriter(chunkBytes);

/** An environment in the middle of a write: the state before, and what the operations so far did to it. */
export class EnvironmentDraft {
  readonly namespace: string;
  readonly name: string;
  /** The row before the write, null when nothing is known of the name. */
  readonly row: EnvironmentRow | null;
  readonly #stamp: WriteStamp;
  /** What the operations work on: the environment before the write, until one of them deletes it. */
  #base: EnvironmentReader | null;
  #exists: boolean;
  #finder: VariableFinder | null = null;
  #keepOthers = true;
  readonly #overlay = new Map<string, Uint8Array | null>();
  #labels: Map<string, string> | null = null;
  #description: Uint8Array | null = null;

  constructor(namespace: string, name: string, row: EnvironmentRow | null, stamp: WriteStamp) {
    this.namespace = namespace;
    this.name = name;
    this.row = row;
    this.#stamp = stamp;
    this.#base = row?.live ?? null;
    this.#exists = this.#base !== null;
  }

  /** Whether it exists after the operations so far. */
  get exists(): boolean {
    return this.#exists;
  }

  /** A variable after the operations so far, or null. */
  variable(name: string): VariableCursor | null {
    const set = this.#overlay.get(name);
    if (set !== undefined) return set === null ? null : cursorOn(set);
    if (!this.#keepOthers || this.#base === null) return null;
    this.#finder ??= new VariableFinder(this.#base);
    return this.#finder.find(name);
  }

  create(): void {
    assert(!this.#exists, 'what is created does not exist');
    this.#exists = true;
  }

  delete(): void {
    this.#exists = false;
    this.#base = null;
    this.clearVariables();
    this.#labels = null;
    this.#description = null;
  }

  /** Sets a variable. It counts as changed by this write unless it said the same before. */
  setVariable(variable: Omit<Variable, 'changedRevision'>): void {
    const { name, value, secret, hash, type, comment } = variable;
    writeVariable(writer, { name, value, secret, hash, type, comment, changedRevision: this.#stamp.revision });
    this.#overlay.set(name, writer.cut());
  }

  removeVariable(name: string): void {
    this.#overlay.set(name, null);
  }

  clearVariables(): void {
    this.#overlay.clear();
    this.#keepOthers = false;
  }

  setLabel(label: Label): void {
    this.#labelMap().set(label.key, label.value);
  }

  removeLabel(key: string): void {
    this.#labelMap().delete(key);
  }

  clearLabels(): void {
    this.#labels = new Map();
  }

  describe(description: Uint8Array): void {
    this.#description = description;
  }

  /** Labels after the operations so far. */
  get labelCount(): number {
    return this.#labelMap().size;
  }

  /** What the write does to the environment, or null when that is nothing. */
  net(): NetChange | null {
    const before = this.row?.live ?? null;
    if (!this.#exists) return before === null ? null : this.#deletion(before);
    const kind: ChangeKind = before === null ? 'created' : this.#base === null ? 'recreated' : 'updated';
    const updated = kind === 'updated';
    const merged = new VariableMerge(before, variablesWriter, changesWriter).merge(this.#overlay, {
      keepOthers: updated && this.#keepOthers,
      skipSame: updated,
    });
    const labels = this.#labels === null ? (this.#base?.labelBytes ?? none) : encodeLabels(writer, this.#sortedLabels());
    const description = this.#description ?? this.#base?.description ?? none;
    if (
      updated &&
      merged.changeCount === 0 &&
      equalBytes(labels, before!.labelBytes) &&
      equalBytes(description, before!.description)
    ) {
      return null;
    }
    const head = this.#headAfter(updated ? before : null);
    const content = encodeContent(writer, {
      head,
      description,
      labels,
      variableCount: merged.count,
      variables: merged.variables,
    });
    return { parts: this.#parts(kind, head, before, labels, description, merged), content, variableCount: merged.count };
  }

  #deletion(before: EnvironmentReader): NetChange {
    const merged = new VariableMerge(before, variablesWriter, changesWriter).merge(new Map(), {
      keepOthers: false,
      skipSame: false,
    });
    return {
      parts: this.#parts('deleted', this.#headAfter(before), before, none, none, merged),
      content: null,
      variableCount: 0,
    };
  }

  /** The head after the write; `continues` is the environment whose life goes on (or ends), null for a new one. */
  #headAfter(continues: EnvironmentReader | null): EnvironmentHead {
    const { revision, timeMs, principal } = this.#stamp;
    return {
      createRevision: continues?.createRevision ?? revision,
      createTimeMs: continues?.createTimeMs ?? timeMs,
      modifyRevision: revision,
      modifyTimeMs: timeMs,
      modifiedBy: principal,
      version: (continues?.version ?? 0) + 1,
    };
  }

  #parts(
    kind: ChangeKind,
    head: EnvironmentHead,
    before: EnvironmentReader | null,
    labelsAfter: Uint8Array,
    descriptionAfter: Uint8Array,
    merged: MergedVariables,
  ): ChangeParts {
    return {
      kind,
      namespace: this.namespace,
      name: this.name,
      head,
      before: before?.head ?? null,
      reason: this.#stamp.reason,
      labelsBefore: before?.labelBytes ?? none,
      labelsAfter,
      descriptionBefore: before?.description ?? none,
      descriptionAfter,
      variableChangeCount: merged.changeCount,
      variableChanges: merged.changes,
    };
  }

  #labelMap(): Map<string, string> {
    this.#labels ??= new Map((this.#base?.labels() ?? []).map(({ key, value }) => [key, value]));
    return this.#labels;
  }

  #sortedLabels(): Label[] {
    return sortedLabels([...this.#labels!].map(([key, value]) => ({ key, value })));
  }
}
