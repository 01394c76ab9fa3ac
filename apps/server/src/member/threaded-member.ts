import type { MessagePort } from 'node:worker_threads';
import { commandRows, lendCommand, positionOf, type StateHashes } from '@env-cli/environments';
import { readProgress, type ReadTables } from '@env-cli/keyspace';
import { type DataDirectory, type FoundedIdentity, StoreReader } from '@env-cli/store-lmdb';

import { type BackupCopied, BackupCopy } from './backup-copy.ts';
import { BatchBuilder } from './batch-builder.ts';
import type { ConsensusReport } from './consensus-thread.ts';
import { forEachResult } from './flat.ts';
import { Listeners } from './listeners.ts';
import { LoopDelay } from './loop-delay.ts';
import {
  type Applied,
  type Member,
  MemberUnavailable,
  type MemberView,
  type MonotonicMs,
  type Proposal,
  type ReadNeed,
} from './member.ts';
import { type MemberOrder, type MemberWish, type OrderAnswer, ordersMax } from './member-orders.ts';
import { MirrorCount } from './mirror-count.ts';
import { type FailedCode, PendingProposals } from './pending-proposals.ts';
import { processMs, processMsOffset } from './process-clock.ts';
import { ReadGate } from './read-gate.ts';
import type { Scrubbed } from './scrubber.ts';
import type { ApiToConsensus, ApplyToApi, ConsensusToApi, StateReport, ThreadLog } from './thread-messages.ts';
import { Turns } from './turns.ts';
import type { WorkerHandle } from './worker-handle.ts';
import { softwareVersion } from '../version.ts';

export interface MemberParts {
  readonly identity: FoundedIdentity;
  /** As the cluster was founded with: the state has it once it has applied the first entry. */
  readonly epoch: number;
  readonly startNonce: number;
  readonly state: StateReport;
  readonly directory: DataDirectory;
  readonly apply: WorkerHandle<StateReport>;
  readonly consensus: WorkerHandle<ConsensusReport>;
  readonly applyPort: MessagePort;
  readonly consensusPort: MessagePort;
  readonly mapBytes: number | null;
  readonly leaderWaitMs: number;
  /** Rejects when a thread stopped by itself. */
  readonly failed: Promise<never>;
  readonly log: (log: ThreadLog) => void;
}

/** Commands whose result is waited for at once. */
const pendingMax = 16_384;

/** Milliseconds between two looks at what waits in vain. */
const sweepMs = 25;

/** The member as the API thread has it: it speaks with the two other threads in flat batches, one a turn of the event loop. */
export class ThreadedMember implements Member {
  readonly identity: Member['identity'];
  readonly stopped: Promise<void>;
  readonly #parts: MemberParts;
  readonly #pending = new PendingProposals();
  readonly #batch = new BatchBuilder();
  readonly #mirrors = new MirrorCount();
  readonly #gate: ReadGate;
  readonly #turns = new Turns(() => this.#send());
  /** Runs while anything waits: an idle member is not woken. */
  #sweeper: NodeJS.Timeout | null = null;
  readonly #delay = new LoopDelay('api');
  readonly #appliedListeners = new Listeners<number>();
  readonly #replacedListeners = new Listeners<void>();
  readonly #hashesListeners = new Listeners<StateHashes>();
  readonly #scrubbedListeners = new Listeners<{ readonly scrubbed: Scrubbed; readonly index: number }>();
  readonly #leadershipListeners = new Listeners<{ readonly term: number } | null>();
  readonly #ended = Promise.withResolvers<void>();
  /** Copies of the state that are under way. */
  readonly #copies = new Set<BackupCopy>();
  #reader: StoreReader;
  #reads: { id: number; deadlineMs: number }[] = [];
  #ordersToGo: MemberOrder[] = [];
  readonly #orders = new Map<number, (answer: OrderAnswer) => void>();
  #lastOrder = 0;
  #view: MemberView;
  #leadingTerm: number | null = null;
  #lastCounter = 0;
  #state: 'running' | 'stopping' | 'ended' = 'running';
  /** Called when nothing waits any more. */
  #drained: (() => void) | null = null;

  private constructor(parts: MemberParts, view: MemberView, epoch: number) {
    this.#parts = parts;
    this.#view = view;
    this.identity = { clusterId: parts.identity.clusterId, memberId: parts.identity.memberId, epoch };
    this.#reader = openReader(parts, parts.state.path);
    this.#gate = new ReadGate(this.#reader, {
      appliedIndexOf,
      ask: (id, deadlineMs) => {
        this.#reads.push({ id, deadlineMs });
        this.#turns.request();
      },
      nextTurn: (run) => setImmediate(run),
      after: (ms, run) => setTimeout(run, ms).unref(),
      nowMs: processMs,
      leaderWaitMs: parts.leaderWaitMs,
    });
    parts.applyPort.on('message', (message: ApplyToApi) => this.#fromApply(message));
    parts.consensusPort.on('message', (message: ConsensusToApi) => this.#fromConsensus(message));
    this.stopped = this.#ended.promise;
    this.stopped.catch(() => undefined);
    void this.#watchThreads();
  }

  /** Resolves once the consensus thread has said how things stand. */
  static async create(parts: MemberParts): Promise<ThreadedMember> {
    const first = await Promise.race([firstView(parts.consensusPort), parts.failed]);
    return new ThreadedMember(parts, first, Math.max(parts.epoch, parts.state.epoch));
  }

  view(): MemberView {
    return this.#view;
  }

  propose(proposal: Proposal, deadline: MonotonicMs): Promise<Applied> {
    // Level 1 is every cluster's; one that is not founded yet says so itself.
    const isAbove = proposal.level > Math.max(1, this.#view.featureLevel);
    return isAbove ? this.#proposeAbove(proposal, deadline) : this.#proposeNow(proposal, deadline);
  }

  /**
   * Proposes what this member's state does not let in: perhaps it does by now. What the cluster does not let in must not even come into the log, where it
   * would stop each member that cannot read it.
   */
  async #proposeAbove(proposal: Proposal, deadline: MonotonicMs): Promise<Applied> {
    const need = { freshness: { kind: 'strong' }, appliedIndex: 0, deadline } as const;
    const { featureLevel: level, appliedIndex } = await this.read(need, positionOf);
    if (proposal.level <= level) return this.#proposeNow(proposal, deadline);
    return { result: { kind: 'refused', refusal: { code: 'level-too-low', needed: proposal.level, level } }, appliedIndex };
  }

  #proposeNow(proposal: Proposal, deadline: MonotonicMs): Promise<Applied> {
    const deadlineMs = deadline + processMsOffset;
    const refusal = this.#refusal(deadlineMs);
    if (refusal !== null) {
      this.#pending.failed[refusal.code]++;
      return Promise.reject(new MemberUnavailable(refusal.code, refusal.text));
    }
    const counter = ++this.#lastCounter;
    const requestId = { member: this.identity.memberId, startNonce: this.#parts.startNonce, counter };
    const rows = commandRows(proposal, this.#mirrors.count);
    this.#batch.add(lendCommand(proposal, requestId), counter, deadlineMs, rows);
    this.#turns.request();
    this.#beginSweeping();
    return this.#pending.add(counter, deadlineMs);
  }

  read<T>(need: ReadNeed, work: (tables: ReadTables) => T): Promise<T> {
    if (this.#state === 'ended') return Promise.reject(stopping());
    this.#beginSweeping();
    return this.#gate.read(need, need.deadline + processMsOffset, work);
  }

  order(wish: MemberWish, deadline: MonotonicMs): Promise<OrderAnswer> {
    if (this.#state !== 'running') return Promise.reject(stopping());
    if (this.#orders.size >= ordersMax) {
      return Promise.reject(
        new MemberUnavailable('too-busy', `${ordersMax} orders about members wait already. Try again later.`),
      );
    }
    const id = ++this.#lastOrder;
    this.#ordersToGo.push({ id, wish });
    this.#turns.request();
    return new Promise((resolve, reject) => {
      const unknown = new MemberUnavailable('outcome-unknown', 'what came of it is not known: ask for the members.');
      const timer = setTimeout(
        () => {
          this.#orders.delete(id);
          reject(unknown);
        },
        Math.max(0, deadline - performance.now()),
      );
      this.#orders.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }

  onApplied(listener: (revision: number) => void): () => void {
    return this.#appliedListeners.add(listener);
  }

  onStateReplaced(listener: () => void): () => void {
    return this.#replacedListeners.add(listener);
  }

  onLeadership(listener: (leading: { readonly term: number } | null) => void): () => void {
    if (this.#leadingTerm !== null) listener({ term: this.#leadingTerm });
    return this.#leadershipListeners.add(listener);
  }

  onHashes(listener: (hashes: StateHashes) => void): () => void {
    return this.#hashesListeners.add(listener);
  }

  onScrubbed(listener: (scrubbed: Scrubbed, index: number) => void): () => void {
    return this.#scrubbedListeners.add(({ scrubbed, index }) => listener(scrubbed, index));
  }

  async backUp(path: string, options: { readonly checked: boolean; readonly signal?: AbortSignal }): Promise<BackupCopied> {
    if (this.#state !== 'running') throw stopping();
    const { mapBytes } = this.#parts;
    const mark = { takenAtMs: Date.now(), memberId: this.identity.memberId, version: softwareVersion };
    const copy = new BackupCopy({ statePath: this.#reader.path, path, mapBytes, mark, checked: options.checked });
    const stop = (): void => void copy.stop();
    this.#copies.add(copy);
    options.signal?.addEventListener('abort', stop);
    try {
      return await copy.copied();
    } finally {
      options.signal?.removeEventListener('abort', stop);
      this.#copies.delete(copy);
    }
  }

  async metrics(): Promise<Readonly<Record<string, number>>> {
    const [consensus, apply] = await Promise.all([this.#parts.consensus.metrics(), this.#parts.apply.metrics()]);
    return {
      ...consensus,
      ...apply,
      ...this.#delay.take(),
      api_proposals_pending: this.#pending.size,
      ...Object.fromEntries(
        Object.entries(this.#pending.failed).map(([reason, count]) => [`api_proposals_failed_total{reason="${reason}"}`, count]),
      ),
      api_reads_waiting: this.#gate.size,
    };
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#state !== 'running') return this.stopped.catch(() => undefined);
    this.#state = 'stopping';
    if (this.#pending.size > 0) await this.#drain(graceMs);
    this.#setEnded();
    await this.#stopCopies();
    try {
      // Consensus first: then nothing more is handed to apply, which ends with a checkpoint of all that it got.
      await this.#parts.consensus.close();
      await this.#reader.close();
      await this.#parts.apply.close();
    } catch (error) {
      await this.#giveUp(error);
      throw error;
    }
    this.#closePorts();
    this.#ended.resolve();
    return undefined;
  }

  #refusal(deadlineMs: number): { readonly code: FailedCode; readonly text: string } | null {
    if (this.#state !== 'running') return { code: 'stopping', text: stoppingText };
    if (deadlineMs <= processMs()) {
      return { code: 'deadline-exceeded', text: 'the deadline passed before the command was proposed.' };
    }
    if (this.#pending.size < pendingMax) return null;
    return {
      code: 'too-busy',
      text: `${pendingMax} commands wait for their result already: this one was not proposed. Try again later.`,
    };
  }

  #send(): void {
    if (this.#state === 'ended') return;
    const batches = this.#batch.take();
    const reads = this.#reads;
    const orders = this.#ordersToGo;
    if (batches.length === 0 && reads.length === 0 && orders.length === 0) return;
    this.#reads = [];
    this.#ordersToGo = [];
    const message: ApiToConsensus = { batches, reads, orders };
    const buffers = batches.flatMap(({ counters, deadlinesMs, rows, ends, bytes }) =>
      [counters, deadlinesMs, rows, ends, bytes].map((array) => array.buffer as ArrayBuffer),
    );
    this.#parts.consensusPort.postMessage(message, buffers);
  }

  #fromApply(message: ApplyToApi): void {
    if (message.kind === 'state-replaced') {
      this.#replace(message.state);
      if (this.#pending.size === 0) this.#drained?.();
      return;
    }
    if (message.kind === 'scrubbed') {
      this.#scrubbedListeners.tell(message);
      return;
    }
    const { results, index, term, revision, hashes } = message;
    if (hashes !== null) this.#hashesListeners.tell(hashes);
    if (results !== null) forEachResult(results, (counter, at, result) => this.#pending.applied(counter, at, result));
    this.#pending.termApplied(term);
    this.#view = { ...this.#view, appliedIndex: Math.max(index, this.#view.appliedIndex) };
    this.#gate.applied();
    this.#appliedListeners.tell(revision);
    if (this.#pending.size === 0) this.#drained?.();
  }

  #fromConsensus({ refused, forwarded, readsReady, readsRefused, ordersAnswered, view }: ConsensusToApi): void {
    // Before refusals: one of the same turn may be about what was just forwarded.
    for (const { counters, term } of forwarded) this.#pending.forwarded(counters, term);
    for (const { counters, code } of refused) this.#pending.refused(counters, code);
    for (const { id, index } of readsReady) this.#gate.ready(id, index);
    for (const { id, code } of readsRefused) this.#gate.refused(id, code);
    if (view !== null) this.#see(view);
    // After the view: who waits for the lead to move looks at it.
    for (const { id, answer } of ordersAnswered) {
      this.#orders.get(id)?.(answer);
      this.#orders.delete(id);
    }
    if (this.#pending.size === 0) this.#drained?.();
  }

  #see(view: MemberView): void {
    // Its threads go on telling until they are gone, and nobody acts on it any more.
    if (this.#state === 'ended') return;
    this.#view = { ...view, appliedIndex: Math.max(view.appliedIndex, this.#view.appliedIndex) };
    const leadingTerm = view.role === 'leader' ? view.term : null;
    if (leadingTerm === this.#leadingTerm) return;
    // From one reign straight to another: the end of the first is told too.
    if (this.#leadingTerm !== null && leadingTerm !== null) this.#leadershipListeners.tell(null);
    this.#leadingTerm = leadingTerm;
    this.#leadershipListeners.tell(leadingTerm === null ? null : { term: leadingTerm });
  }

  #replace(state: StateReport): void {
    if (this.#state === 'ended') return;
    this.#pending.stateReplaced();
    const former = this.#reader;
    this.#reader = openReader(this.#parts, state.path);
    this.#gate.use(this.#reader);
    void former.close();
    this.#replacedListeners.tell();
    this.#appliedListeners.tell(state.revision);
  }

  #beginSweeping(): void {
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs);
  }

  #endSweeping(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  #sweep(): void {
    const nowMs = processMs();
    this.#pending.sweep(nowMs);
    this.#gate.sweep(nowMs);
    this.#mirrors.refresh(nowMs, this.#reader);
    if (this.#pending.size === 0 && this.#gate.size === 0) this.#endSweeping();
  }

  #drain(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#drained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the member when one of its threads did. */
  async #watchThreads(): Promise<void> {
    try {
      await this.#parts.failed;
    } catch (error) {
      if (this.#state === 'ended') return;
      this.#setEnded();
      await this.#stopCopies();
      await this.#giveUp(error);
    }
  }

  /** Ends what still runs as a crash would. */
  async #giveUp(reason: unknown): Promise<void> {
    await Promise.allSettled([this.#parts.consensus.terminate(), this.#parts.apply.terminate(), this.#reader.close()]);
    this.#closePorts();
    this.#ended.reject(reason);
  }

  #setEnded(): void {
    this.#state = 'ended';
    this.#endSweeping();
    this.#delay.close();
    this.#pending.refuseAll('outcome-unknown');
    this.#gate.rejectAll(stopping());
    for (const answer of this.#orders.values()) answer({ kind: 'unknown' });
    this.#orders.clear();
    if (this.#leadingTerm !== null) this.#leadershipListeners.tell(null);
    this.#leadingTerm = null;
  }

  /** The store is opened first and closed last. */
  async #stopCopies(): Promise<void> {
    await Promise.all([...this.#copies].map((copy) => copy.stop()));
  }

  #closePorts(): void {
    this.#parts.applyPort.close();
    this.#parts.consensusPort.close();
    this.#parts.directory.close();
  }
}

function firstView(port: MessagePort): Promise<MemberView> {
  return new Promise((resolve) => {
    const listen = (message: ConsensusToApi): void => {
      if (message.view === null) return;
      port.off('message', listen);
      resolve(message.view);
    };
    port.on('message', listen);
  });
}

function openReader({ mapBytes }: MemberParts, path: string): StoreReader {
  return new StoreReader(path, mapBytes === null ? {} : { mapBytes });
}

function appliedIndexOf(tables: ReadTables): number {
  return readProgress(tables).appliedIndex;
}

const stoppingText = 'this member is stopping. Ask another member.';

function stopping(): MemberUnavailable {
  return new MemberUnavailable('stopping', stoppingText);
}
