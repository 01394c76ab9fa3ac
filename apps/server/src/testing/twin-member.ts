import {
  type CommandResult,
  encodeCommand,
  encodeEntryData,
  defaultLimits,
  featureLevelMax,
  type Limits,
  positionOf,
  type StateHashes,
  StateMachine,
} from '@env-cli/environments';
import { MemoryTables, readProgress, type ReadTables } from '@env-cli/keyspace';
import { spool } from '@env-cli/store-lmdb';

import type { BackupCopied } from '../member/backup-copy.ts';
import { type Applied, type Member, MemberUnavailable, type MemberView, type Proposal, type ReadNeed } from '../member/member.ts';
import type { MemberWish, OrderAnswer } from '../member/member-orders.ts';
import { positionOfTables } from '../member/position-of-tables.ts';

/** The log of a cluster without a network: what is in it is committed. */
class TwinLog {
  readonly entries: Uint8Array[] = [];
}

const clusterId = new Uint8Array(16).fill(0xc1);
const startNonce = 1;

interface Waiter {
  readonly counter: number;
  readonly resolve: (applied: Applied) => void;
}

/**
 * A member without threads, disks and peers: the real state machine on tables in memory. The first of a cluster leads;
 * the others apply when a test says so, so that it can hold them behind.
 */
export class TwinMember implements Member {
  readonly identity: Member['identity'];
  readonly stopped = new Promise<void>(() => {});
  tables = new MemoryTables();
  /** For a follower: how far behind the leader it says that it is. */
  lagMs = 0;
  /** Nobody leads, as far as this member knows. */
  leaderless = false;
  /** What a proposal meets, while it is set. */
  proposalsFailWith: MemberUnavailable['code'] | null = null;
  /** What becomes of a proposal on its way into the log, while it is set. */
  tamper: ((proposal: Proposal) => Proposal) | null = null;
  /** What it says that its own program understands. */
  featureLevelMax = featureLevelMax;
  /** Members that it says there are besides. */
  others: MemberView['members'] = [];
  /** Reads that were answered. */
  readCount = 0;
  /** Where clients find the leader. */
  leaderApiAddress: string | null = null;
  readonly #machine = new StateMachine();
  readonly #log: TwinLog;
  readonly #leader: TwinMember | null;
  readonly #applied = new Set<(revision: number) => void>();
  readonly #hashes = new Set<(hashes: StateHashes) => void>();
  readonly #replaced = new Set<() => void>();
  readonly #leadership = new Set<(leading: { readonly term: number } | null) => void>();
  readonly #waiting: (() => void)[] = [];
  #appliedIndex = 0;
  #counter = 0;
  #nowMs = 1_700_000_000_000;
  #pending: { readonly proposal: Proposal; readonly resolve: (applied: Applied) => void }[] = [];
  #isBusy = false;

  private constructor(memberId: number, log: TwinLog, leader: TwinMember | null, epoch: number) {
    this.identity = { clusterId, epoch, memberId };
    this.#log = log;
    this.#leader = leader;
  }

  /** A cluster of one member. */
  static alone(limits: Partial<Limits> = {}, featureLevel = featureLevelMax): TwinMember {
    const member = new TwinMember(1, new TwinLog(), null, 1);
    member.#append([
      {
        level: 1,
        group: 1,
        namespace: 'default',
        principal: 'test',
        authorisationRevision: 0,
        session: null,
        reason: new Uint8Array(),
        body: {
          kind: 'bootstrap',
          clusterId,
          members: [{ memberId: 1, diskId: new Uint8Array(16), address: '127.0.0.1:1' }],
          hashKey: new Uint8Array(32).fill(5),
          featureLevel,
          limits: { ...defaultLimits, ...limits },
        },
      },
    ]);
    member.catchUp();
    return member;
  }

  /** A follower that has applied everything so far. */
  follower(memberId: number): TwinMember {
    const member = new TwinMember(memberId, this.#log, this, this.identity.epoch);
    member.catchUp();
    return member;
  }

  /** Applies what is committed, up to an index or to the end. */
  catchUp(upTo = Number.POSITIVE_INFINITY): void {
    while (this.#appliedIndex < Math.min(upTo, this.#log.entries.length)) {
      const index = this.#appliedIndex + 1;
      const transaction = this.#machine.begin(this.tables);
      const { outcomes, hashes } = transaction.apply({ index, term: 1, kind: 'command', data: this.#log.entries[index - 1]! });
      const { revision, backgroundDue } = transaction.finish();
      this.#appliedIndex = index;
      if (this.#leader === null && backgroundDue) this.#append([]);
      for (const { requestId, result } of outcomes)
        if (requestId.member === this.identity.memberId) this.#answer(requestId.counter, result, index);
      for (const listener of this.#applied) listener(revision);
      if (hashes !== null) for (const listener of this.#hashes) listener(hashes);
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Puts the state of another member in the place of this one's. */
  replaceStateWith(other: TwinMember): void {
    this.tables = other.tables.clone();
    this.#appliedIndex = other.#appliedIndex;
    for (const listener of this.#replaced) listener();
  }

  /** Begins or ends to lead, as far as listeners are told. */
  tellLeadership(leading: { readonly term: number } | null): void {
    for (const listener of this.#leadership) listener(leading);
  }

  view(): MemberView {
    const leaderId = this.leaderless ? null : (this.#leader ?? this).identity.memberId;
    const plain = { voter: true, takesPart: true, replaces: null, connected: true, featureLevelMax };
    return {
      memberId: this.identity.memberId,
      role: this.#leader === null ? (this.leaderless ? 'candidate' : 'leader') : 'follower',
      leaderId,
      leaderApiAddress: leaderId === null ? null : this.leaderApiAddress,
      term: 1,
      commitIndex: this.#log.entries.length,
      appliedIndex: this.#appliedIndex,
      firstLogIndex: 1,
      configurationConfirmed: true,
      lastLogIndex: this.#log.entries.length,
      featureLevel: positionOf(this.tables).featureLevel,
      logBytes: this.#log.entries.reduce((sum, { length }) => sum + length, 0),
      members: [
        {
          memberId: 1,
          peerAddress: '127.0.0.1:1',
          apiAddress: this.leaderApiAddress,
          ...plain,
          featureLevelMax: this.featureLevelMax,
        },
        ...(this.identity.memberId === 1
          ? []
          : [{ memberId: this.identity.memberId, peerAddress: '127.0.0.1:2', apiAddress: null, ...plain }]),
        ...this.others,
      ],
    };
  }

  propose(proposal: Proposal, _deadline: number): Promise<Applied> {
    if (this.proposalsFailWith !== null) {
      return Promise.reject(new MemberUnavailable(this.proposalsFailWith, `a proposal meets ${this.proposalsFailWith}.`));
    }
    if (this.leaderless) return Promise.reject(new MemberUnavailable('no-leader', 'nobody leads. Try again.'));
    return new Promise((resolve) => {
      this.#pending.push({ proposal: this.tamper?.(proposal) ?? proposal, resolve });
      if (this.#isBusy) return;
      this.#isBusy = true;
      setImmediate(() => this.#commit());
    });
  }

  async read<T>(need: ReadNeed, work: (tables: ReadTables) => T): Promise<T> {
    if (need.freshness.kind === 'strong' && this.leaderless) throw new MemberUnavailable('no-leader', 'nobody leads. Try again.');
    if (need.freshness.kind === 'fresh-within' && (this.leaderless || this.lagMs > need.freshness.maxLagMs)) {
      throw new MemberUnavailable('too-stale', 'this member is further behind than the read allows. Ask the leader.');
    }
    const needed = Math.max(need.appliedIndex, need.freshness.kind === 'strong' ? this.#log.entries.length : 0);
    while (this.#appliedIndex < needed) {
      const leftMs = need.deadline - performance.now();
      if (leftMs <= 0) throw new MemberUnavailable('deadline-exceeded', 'the deadline passed before the read could be answered.');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    // As a real member, it answers in a later turn.
    await Promise.resolve();
    this.readCount++;
    return work(this.tables);
  }

  /** What it was asked about members, and the answer to all of it. */
  readonly wishes: MemberWish[] = [];
  orderAnswer: OrderAnswer = { kind: 'done' };

  order(wish: MemberWish): Promise<OrderAnswer> {
    this.wishes.push(wish);
    return Promise.resolve(this.orderAnswer);
  }

  onApplied(listener: (revision: number) => void): () => void {
    this.#applied.add(listener);
    return () => this.#applied.delete(listener);
  }

  onStateReplaced(listener: () => void): () => void {
    this.#replaced.add(listener);
    return () => this.#replaced.delete(listener);
  }

  onLeadership(listener: (leading: { readonly term: number } | null) => void): () => void {
    this.#leadership.add(listener);
    return () => this.#leadership.delete(listener);
  }

  onHashes(listener: (hashes: StateHashes) => void): () => void {
    this.#hashes.add(listener);
    return () => this.#hashes.delete(listener);
  }

  /** Its tables are in memory: nobody scrubs them. */
  onScrubbed(): () => void {
    return () => undefined;
  }

  async backUp(path: string): Promise<BackupCopied> {
    const position = positionOfTables(this.tables);
    const backup = { takenAtMs: this.#nowMs, memberId: this.identity.memberId, version: '0' };
    const { bytes } = await spool(path, this.tables.clone(), { clusterId, position, backup });
    return { epoch: this.identity.epoch, revision: position.revision, appliedIndex: position.appliedIndex, bytes };
  }

  metrics(): Promise<Record<string, number>> {
    return Promise.resolve({ event_loop_delay_p99_seconds_apply: 0.001, twin_applied_total: this.#appliedIndex });
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  /** The data of every entry of the log. */
  get logEntries(): readonly Uint8Array[] {
    return this.#log.entries;
  }

  /** The newest revision of this member's state. */
  get revision(): number {
    return readProgress(this.tables).revision;
  }

  readonly #answers = new Map<number, Waiter['resolve']>();

  #answer(counter: number, result: CommandResult, appliedIndex: number): void {
    this.#answers.get(counter)?.({ result, appliedIndex });
    this.#answers.delete(counter);
  }

  #commit(): void {
    this.#isBusy = false;
    const taken = this.#pending.splice(0, 100);
    if (this.#pending.length > 0) {
      this.#isBusy = true;
      setImmediate(() => this.#commit());
    }
    this.#append(
      taken.map(({ proposal }) => proposal),
      taken.map(({ resolve }) => resolve),
    );
    this.#leader?.catchUp();
    this.catchUp();
  }

  #append(proposals: readonly Proposal[], resolves: readonly Waiter['resolve'][] = []): void {
    const commands = proposals.map((proposal, at) => {
      const counter = ++this.#counter;
      const resolve = resolves[at];
      if (resolve !== undefined) this.#answers.set(counter, resolve);
      return encodeCommand({ ...proposal, requestId: { member: this.identity.memberId, startNonce, counter } });
    });
    this.#nowMs += 1_000;
    this.#log.entries.push(encodeEntryData({ stampMs: this.#nowMs, deltaMs: 10, commands }));
  }
}
