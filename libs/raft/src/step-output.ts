import { assert } from '@env-cli/support';

import type { Effect, Envelope } from './door.ts';
import type { Entry, HardState, Index, MemberId } from './entry.ts';
import type { LogView } from './log-view.ts';
import type { NoticeMessage, PromiseMessage } from './message.ts';

const noEnvelopes: readonly Envelope[] = [];
const noEntries: readonly Entry[] = [];

/** Collects the effects of one step: notices at once, promises behind the write of that step. */
export class StepOutput {
  readonly #log: LogView;
  #effects: Effect[] = [];
  #last: Effect | null = null;
  #promises: Envelope[] = [];
  #entries = noEntries;
  #hardState: HardState;

  /** `hardState` is what is on disk. */
  constructor(log: LogView, hardState: HardState) {
    this.#log = log;
    this.#hardState = hardState;
  }

  push(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** The effect stands behind the `store` of its step: whoever carries it out can wait for what that writes. One a step. */
  pushLast(effect: Effect): void {
    this.#last = effect;
  }

  send(to: MemberId, message: NoticeMessage): void {
    this.#effects.push({ kind: 'send', to, message });
  }

  /** The message goes when all that was and is to be stored up to this step's end is durable. */
  promise(to: MemberId, message: PromiseMessage): void {
    this.#promises.push({ to, message });
  }

  /** Entries that are in the log already, for the disk. Once a step. */
  store(entries: readonly Entry[]): void {
    assert(this.#entries.length === 0, 'a step writes one run of entries');
    this.#entries = entries;
  }

  /** The log on disk begins anew. It stands alone in its step, but for promises. */
  reset(index: Index, sequence: number): void {
    this.#effects.push({ kind: 'reset', sequence, index, term: this.#log.lastTerm, messages: this.#takePromises() });
  }

  /** Puts what this step has to write, or to wait for, into one `store`. */
  conclude(term: HardState['term'], votedFor: HardState['votedFor']): void {
    this.#writeOrSend(term, votedFor);
    if (this.#last !== null) this.#effects.push(this.#last);
    this.#last = null;
  }

  take(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #writeOrSend(term: HardState['term'], votedFor: HardState['votedFor']): void {
    const changed = term !== this.#hardState.term || votedFor !== this.#hardState.votedFor;
    if (changed) this.#hardState = { term, votedFor };
    const entries = this.#entries;
    if (!changed && entries.length === 0 && (this.#promises.length === 0 || this.#log.writes.idle)) {
      // All that the promises imply is durable already.
      for (const envelope of this.#takePromises()) this.#effects.push({ kind: 'send', ...envelope });
      return;
    }
    this.#entries = noEntries;
    const first = entries[0]?.index ?? ((this.#log.lastIndex + 1) as Index);
    const sequence = this.#log.writes.begin(first, (first + entries.length - 1) as Index);
    const hardState = changed ? this.#hardState : null;
    this.#effects.push({ kind: 'store', sequence, hardState, entries, messages: this.#takePromises() });
  }

  /** The list that is handed out is never added to again: a later step's promise must not leave with an earlier write. */
  #takePromises(): readonly Envelope[] {
    if (this.#promises.length === 0) return noEnvelopes;
    const promises = this.#promises;
    this.#promises = [];
    return promises;
  }
}
