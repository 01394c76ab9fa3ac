import { assert } from '@env-cli/support';

import type { Entry, Index } from './entry.ts';
import { sizeOf } from './entry-cache.ts';

/** How far the log was handed out to be applied, and how much of that is not reported as applied yet. */
export class Handover {
  #handedIndex: Index;
  #appliedIndex: Index;
  /** What is out, oldest first. */
  #batches: { readonly last: Index; readonly bytes: number }[] = [];
  #bytes = 0;
  /** The `load` that reads what comes next from the log, or null. */
  loadId: number | null = null;

  constructor(applied: Index) {
    this.#handedIndex = applied;
    this.#appliedIndex = applied;
  }

  get handedIndex(): Index {
    return this.#handedIndex;
  }

  get appliedIndex(): Index {
    return this.#appliedIndex;
  }

  /** Bytes that may still be handed out. Something always may when nothing is out. */
  roomBytes(limitBytes: number): number {
    return this.#batches.length === 0 ? limitBytes : Math.max(0, limitBytes - this.#bytes);
  }

  handOut(entries: readonly Entry[]): void {
    let bytes = 0;
    for (const entry of entries) {
      assert(entry.index === this.#handedIndex + 1, 'entries are applied in order, each once');
      this.#handedIndex = entry.index;
      bytes += sizeOf(entry);
    }
    this.#batches.push({ last: this.#handedIndex, bytes });
    this.#bytes += bytes;
  }

  applied(index: Index): void {
    // What is older than a snapshot that was installed meanwhile says nothing any more.
    if (index <= this.#appliedIndex) return;
    assert(index <= this.#handedIndex, 'only what was handed out is reported as applied');
    this.#appliedIndex = index;
    while (this.#batches.length > 0 && this.#batches[0]!.last <= index) this.#bytes -= this.#batches.shift()!.bytes;
  }

  /** The state is a snapshot's now. */
  reset(index: Index): void {
    this.#handedIndex = index;
    this.#appliedIndex = index;
    this.#batches = [];
    this.#bytes = 0;
    this.loadId = null;
  }
}
