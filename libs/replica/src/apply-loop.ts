import type { StateHashes } from '@env-cli/environments';
import type { Entry } from '@env-cli/raft';
import { assert } from '@env-cli/support';

import type { AppliedResult, ApplyObserver, Clock, StateMachine, StateStore } from './ports.ts';

/** The most commands of one transaction, and the longest that it goes on taking entries in. */
const transactionCommandsMax = 256;
const transactionMs = 2;

export interface ApplyLoopPorts {
  readonly store: StateStore;
  readonly machine: StateMachine;
  readonly observer: ApplyObserver;
  readonly clock: Clock;
  /** Asks the host to call `turn` soon. */
  readonly wake: () => void;
}

/** Whose results are told: those of requests that this member took in since this start of it (`RequestId`). */
export interface ApplyLoopOptions {
  readonly memberId: number;
  readonly startNonce: number;
  /** What the state had applied when it was opened. */
  readonly appliedIndex: number;
}

/**
 * Brings committed entries into the state, in order, a transaction at a time, and makes checkpoints.
 *
 * What goes into one transaction changes nothing but speed: the state after entry n is the same however entries were grouped.
 */
export class ApplyLoop {
  readonly #ports: ApplyLoopPorts;
  readonly #options: ApplyLoopOptions;
  /** Entries that wait, from `#next` on. The core bounds them (`RaftOptions.applyingBytesMax`). */
  #entries: Entry[] = [];
  #next = 0;
  #appliedIndex: number;

  constructor(options: ApplyLoopOptions, ports: ApplyLoopPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#appliedIndex = options.appliedIndex;
  }

  /** The index of the last entry in the state. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get idle(): boolean {
    return this.#next === this.#entries.length;
  }

  apply(entries: readonly Entry[]): void {
    if (this.idle) {
      this.#entries = [];
      this.#next = 0;
    } else if (this.#next > this.#entries.length / 2) {
      // What is applied goes, and not only when nothing waits: under a load that the disk just follows, something always does.
      this.#entries = this.#entries.slice(this.#next);
      this.#next = 0;
    }
    for (const entry of entries) this.#entries.push(entry);
    this.#ports.wake();
  }

  /** One transaction, if entries wait; then a checkpoint, if one is due. Throws when the state cannot be written: the member stops. */
  turn(): void {
    if (!this.idle) this.#transact();
    const { store, observer, clock } = this.#ports;
    const nowMs = clock.monotonicMs();
    if (store.checkpointDue(nowMs)) store.checkpoint(nowMs, (appliedIndex) => observer.checkpointed(appliedIndex));
    if (!this.idle) this.#ports.wake();
  }

  /** The state was replaced by one that has applied `appliedIndex`. Only while nothing waits. */
  replaced(appliedIndex: number): void {
    assert(this.idle, 'a state is replaced after all entries that were handed out are applied');
    this.#appliedIndex = appliedIndex;
  }

  #transact(): void {
    const { store, machine, observer, clock } = this.#ports;
    const results: AppliedResult[] = [];
    const first = this.#next;
    let end = first;
    let hashes: StateHashes | null = null;
    let progress = { revision: 0, backgroundDue: false };
    store.transact((tables) => {
      const transaction = machine.begin(tables);
      const untilMs = clock.monotonicMs() + transactionMs;
      let commands = 0;
      do {
        const entry = this.#entries[end]!;
        assert(entry.index === this.#appliedIndex + 1 + (end - first), 'entries are applied in order, each once');
        const outcome = transaction.apply(entry);
        for (const { requestId, result } of outcome.outcomes) {
          commands++;
          if (requestId.member !== this.#options.memberId || requestId.startNonce !== this.#options.startNonce) continue;
          results.push({ counter: requestId.counter, index: entry.index, result });
        }
        hashes = outcome.hashes ?? hashes;
        end++;
      } while (end < this.#entries.length && commands < transactionCommandsMax && clock.monotonicMs() < untilMs);
      progress = transaction.finish();
    });
    const { index, term } = this.#entries[end - 1]!;
    this.#next = end;
    this.#appliedIndex = index;
    if (this.idle) {
      this.#entries = [];
      this.#next = 0;
    }
    observer.applied({ index, term, revision: progress.revision, results, hashes });
    // Told again only after it was heard, that is with the next transaction: an entry of it is on its way.
    if (progress.backgroundDue) observer.backgroundDue();
  }
}
