import type { MessagePort } from 'node:worker_threads';
import type { Index, Term } from '@env-cli/raft';
import type { Origin, ProposalRefusedCode, ReadRefusedCode, ReplicaView } from '@env-cli/replica';

import type { MemberView } from './member.ts';
import type { OrderAnswer } from './member-orders.ts';
import type { ConsensusToApi } from './thread-messages.ts';

/** What the consensus thread has to tell the API thread: gathered over a turn, then one message. */
export class ApiOutbox implements Origin {
  readonly #port: MessagePort;
  readonly #describe: (view: ReplicaView) => MemberView;
  #refused: { counters: readonly number[]; code: ProposalRefusedCode }[] = [];
  #forwarded: { counters: readonly number[]; term: number }[] = [];
  #readsReady: { id: number; index: number }[] = [];
  #readsRefused: { id: number; code: ReadRefusedCode }[] = [];
  #ordersAnswered: { id: number; answer: OrderAnswer }[] = [];
  #view: MemberView | null = null;
  #lastView: ReplicaView | null = null;
  #full = false;

  constructor(port: MessagePort, describe: (view: ReplicaView) => MemberView) {
    this.#port = port;
    this.#describe = describe;
  }

  refused(counters: readonly number[], code: ProposalRefusedCode): void {
    this.#refused.push({ counters, code });
    this.#full = true;
  }

  forwarded(counters: readonly number[], term: Term): void {
    this.#forwarded.push({ counters, term });
    this.#full = true;
  }

  readReady(id: number, index: Index): void {
    this.#readsReady.push({ id, index });
    this.#full = true;
  }

  readRefused(id: number, code: ReadRefusedCode): void {
    this.#readsRefused.push({ id, code });
    this.#full = true;
  }

  orderAnswered(id: number, answer: OrderAnswer): void {
    this.#ordersAnswered.push({ id, answer });
    this.#full = true;
  }

  view(view: ReplicaView): void {
    this.#lastView = view;
    this.refreshView();
  }

  /** What the view says of connections changed. */
  refreshView(): void {
    if (this.#lastView === null) return;
    this.#view = this.#describe(this.#lastView);
    this.#full = true;
  }

  flush(): void {
    if (!this.#full) return;
    const message: ConsensusToApi = {
      refused: this.#refused,
      forwarded: this.#forwarded,
      readsReady: this.#readsReady,
      readsRefused: this.#readsRefused,
      ordersAnswered: this.#ordersAnswered,
      view: this.#view,
    };
    this.#refused = [];
    this.#forwarded = [];
    this.#readsReady = [];
    this.#readsRefused = [];
    this.#ordersAnswered = [];
    this.#view = null;
    this.#full = false;
    this.#port.postMessage(message);
  }
}
