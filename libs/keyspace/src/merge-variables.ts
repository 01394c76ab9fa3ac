import type { ByteWriter } from '@env-cli/support';

import { writeVariableChange } from './change-row.ts';
import type { EnvironmentReader } from './environment-content.ts';
import { cursorOn, type VariableCursor } from './variable-bytes.ts';

/** The variables of an environment after a change, and what the change did to each. */
export interface MergedVariables {
  readonly count: number;
  /** One after the other, sorted by name: a view that the next merge overwrites. */
  readonly variables: Uint8Array;
  readonly changeCount: number;
  /** As `writeVariableChange` writes them, sorted by name. */
  readonly changes: Uint8Array;
}

/** How the variables of before go into the new ones. */
export interface MergeOptions {
  /** Variables that are not set anew stay. */
  readonly keepOthers: boolean;
  /** A variable that is set to what it already says keeps its bytes and does not count as changed. */
  readonly skipSame: boolean;
}

/**
 * Puts variables that were set (their bytes) or removed (null) over those of before. What is untouched is copied in runs:
 * one changed variable of 4,096 costs the copy, not 4,096 decodings.
 */
export class VariableMerge {
  readonly #before: EnvironmentReader | null;
  readonly #variables: ByteWriter;
  readonly #changes: ByteWriter;
  #count = 0;
  #changeCount = 0;
  #runStart = 0;
  #runEnd = 0;

  /** The writers are scratch space; nothing of them is held afterwards. */
  constructor(before: EnvironmentReader | null, variables: ByteWriter, changes: ByteWriter) {
    this.#before = before;
    this.#variables = variables;
    this.#changes = changes;
  }

  merge(overlay: ReadonlyMap<string, Uint8Array | null>, options: MergeOptions): MergedVariables {
    const cursor = this.#before?.variables();
    let more = cursor?.next() ?? false;
    for (const name of [...overlay.keys()].toSorted()) {
      let order = 1;
      while (more && (order = cursor!.compareName(name)) < 0) {
        this.#passOver(cursor!, options.keepOthers);
        more = cursor!.next();
      }
      const met = more && order === 0;
      this.#put(met ? cursor! : null, overlay.get(name) ?? null, options.skipSame);
      if (met) more = cursor!.next();
    }
    for (; more; more = cursor!.next()) this.#passOver(cursor!, options.keepOthers);
    this.#copyRun();
    return {
      count: this.#count,
      variables: this.#variables.lend(),
      changeCount: this.#changeCount,
      changes: this.#changes.cut(),
    };
  }

  #put(before: VariableCursor | null, after: Uint8Array | null, skipSame: boolean): void {
    if (before !== null && after !== null && skipSame && before.saysTheSame(cursorOn(after))) {
      this.#keep(before);
      return;
    }
    if (before === null && after === null) return;
    this.#change(before?.encoded ?? null, after);
    if (after === null) return;
    this.#copyRun();
    this.#variables.raw(after);
    this.#count++;
  }

  #passOver(before: VariableCursor, keep: boolean): void {
    if (keep) this.#keep(before);
    else this.#change(before.encoded, null);
  }

  #change(before: Uint8Array | null, after: Uint8Array | null): void {
    writeVariableChange(this.#changes, before, after);
    this.#changeCount++;
  }

  #keep(variable: VariableCursor): void {
    this.#count++;
    if (this.#runEnd === variable.start) {
      this.#runEnd = variable.end;
      return;
    }
    this.#copyRun();
    this.#runStart = variable.start;
    this.#runEnd = variable.end;
  }

  #copyRun(): void {
    if (this.#runEnd > this.#runStart) this.#variables.raw(this.#before!.content.subarray(this.#runStart, this.#runEnd));
    this.#runStart = 0;
    this.#runEnd = 0;
  }
}
