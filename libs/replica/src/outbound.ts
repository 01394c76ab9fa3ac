import type { MemberId, Term } from '@env-cli/raft';

import type { ForwardAnswer } from './forward.ts';
import type { Origin, Peers, ProposalRefusedCode } from './ports.ts';
import { type ProposalBatch, sizeOf, tailOf } from './proposal-batch.ts';
import type { WaitingBatch } from './proposal-queue.ts';

interface Sent {
  readonly to: MemberId;
  readonly batch: ProposalBatch;
}

/** Batches that were forwarded to the leader and not answered. What is answered by a refusal was certainly not proposed. */
export class Outbound {
  readonly #peers: Peers;
  readonly #origin: Origin;
  readonly #max: number;
  readonly #sent = new Map<number, Sent>();
  #last = 0;

  constructor(peers: Peers, origin: Origin, max: number) {
    this.#peers = peers;
    this.#origin = origin;
    this.#max = max;
  }

  /** False when it did not go out: no connection, or no room. */
  forward(to: MemberId, term: Term, waiting: WaitingBatch): boolean {
    if (this.#sent.size >= this.#max) return false;
    const batch = tailOf(waiting.batch, waiting.next);
    const id = ++this.#last;
    if (!this.#peers.forward(to, { id, term, batch })) return false;
    this.#sent.set(id, { to, batch });
    // Before any result: the origin must know the term by which a lost one is told.
    this.#origin.forwarded([...batch.counters], term);
    return true;
  }

  answered(from: MemberId, { id, accepted, code }: ForwardAnswer): void {
    const sent = this.#sent.get(id);
    // Not from whom it was asked of: a member that makes answers up must not settle another's.
    if (sent === undefined || sent.to !== from) return;
    this.#sent.delete(id);
    if (code !== null && accepted < sizeOf(sent.batch)) {
      this.#origin.refused([...sent.batch.counters.subarray(accepted)], codeHere[code]);
    }
  }

  broken(to: MemberId): void {
    for (const [id, sent] of this.#sent) if (sent.to === to) this.#sent.delete(id);
  }
}

const codeHere = {
  'not-leader': 'no-leader',
  'too-busy': 'too-busy',
  'too-large': 'too-large',
  stopping: 'no-leader',
} as const satisfies Record<NonNullable<ForwardAnswer['code']>, ProposalRefusedCode>;
