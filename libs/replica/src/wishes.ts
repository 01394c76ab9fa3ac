import {
  type ChangeRefusal,
  type Index,
  isJoint,
  isMember,
  type Status,
  type TransferOutcome,
  type TransferRefusal,
} from '@env-cli/raft';

/**
 * What became of a wish to change who takes part. `unsafe`: its safety was asked for, and denied. `unknown`: the reign ended, or this member stops, before it was
 * certain.
 */
export type ChangeAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly refusal: ChangeRefusal }
  | { readonly kind: 'unsafe' }
  | { readonly kind: 'unknown' };

/** What became of a wish to hand over the lead. `unknown`: this member stops. */
export type TransferAnswer =
  | { readonly kind: 'ended'; readonly outcome: TransferOutcome }
  | { readonly kind: 'refused'; readonly refusal: TransferRefusal }
  | { readonly kind: 'unknown' };

interface WaitingChange {
  /** Null until it is in the log. */
  index: Index | null;
  readonly done: (answer: ChangeAnswer) => void;
}

/**
 * Who waits for a change of the members, or for a transfer of the lead, that was asked for here. Each is answered once. There are as many as
 * the core lets in (one of each), and those that it has still to answer.
 */
export class Wishes {
  readonly #changes = new Map<number, WaitingChange>();
  readonly #transfers = new Map<number, (answer: TransferAnswer) => void>();

  addChange(id: number, done: (answer: ChangeAnswer) => void): void {
    this.#changes.set(id, { index: null, done });
  }

  addTransfer(id: number, done: (answer: TransferAnswer) => void): void {
    this.#transfers.set(id, done);
  }

  /** Whether it is a change's number; then its place in the log is noted. */
  proposed(id: number, index: Index): boolean {
    const change = this.#changes.get(id);
    if (change !== undefined) change.index = index;
    return change !== undefined;
  }

  answerChange(id: number, answer: ChangeAnswer): void {
    const change = this.#changes.get(id);
    this.#changes.delete(id);
    change?.done(answer);
  }

  answerTransfer(id: number, answer: TransferAnswer): void {
    const done = this.#transfers.get(id);
    this.#transfers.delete(id);
    done?.(answer);
  }

  /**
   * Answers the changes that have come about: what they lead to is confirmed, so that whoever was removed may be switched off. Who was removed itself and
   * lost its reign before that hears of it from nobody.
   */
  settle({
    id: self,
    role,
    configuration,
    configurationIndex,
    configurationConfirmed,
  }: Pick<Status, 'id' | 'role' | 'configuration' | 'configurationIndex' | 'configurationConfirmed'>): void {
    if (this.#changes.size === 0 || isJoint(configuration)) return;
    if (!configurationConfirmed && (role === 'leader' || isMember(configuration, self))) return;
    const kind = configurationConfirmed ? 'done' : 'unknown';
    for (const [id, { index }] of this.#changes)
      if (index !== null && index <= configurationIndex) this.answerChange(id, { kind });
  }

  /** The state is a snapshot's now: which of the changes are in it cannot be told. */
  forgetChanges(): void {
    for (const [id, { index }] of this.#changes) if (index !== null) this.answerChange(id, { kind: 'unknown' });
  }

  /** This member stops. */
  abandon(): void {
    for (const id of this.#changes.keys()) this.answerChange(id, { kind: 'unknown' });
    for (const id of this.#transfers.keys()) this.answerTransfer(id, { kind: 'unknown' });
  }
}
