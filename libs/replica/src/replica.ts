import { encodeEntryData } from '@env-cli/environments';
import type {
  Effect,
  HardState,
  Index,
  MemberId,
  MembershipChange,
  Message,
  PeerMessage,
  Raft,
  ResetEffect,
  Role,
  Status,
  StoreEffect,
  Term,
} from '@env-cli/raft';
import { assert } from '@env-cli/support';

import { EntryClock } from './entry-clock.ts';
import type { Forward, ForwardAnswer, ForwardRefusedCode } from './forward.ts';
import { Handover } from './handover.ts';
import { defaultReplicaLimits, type ReplicaLimits } from './limits.ts';
import { LogHolds } from './log-holds.ts';
import { LogTail } from './log-tail.ts';
import { Outbound } from './outbound.ts';
import { OwnSlowness } from './own-slowness.ts';
import type { Applier, Clock, InstalledSnapshot, LogStore, Origin, Peers, Snapshots } from './ports.ts';
import { assertBatch, type ProposalBatch, sizeOf } from './proposal-batch.ts';
import { type BatchPart, type PackedEntry, ProposalQueue, type WaitingBatch } from './proposal-queue.ts';
import { ReadQueue } from './read-queue.ts';
import { noStanding, type Standing } from './standing.ts';
import type { ReplicaView } from './view.ts';
import { type ChangeAnswer, type TransferAnswer, Wishes } from './wishes.ts';

/** The world of a replica. It keeps no clock, timer, file or socket of its own, so one process and one seed can run a whole cluster. */
export interface ReplicaPorts {
  readonly raft: Raft;
  readonly log: LogStore;
  readonly peers: Peers;
  readonly applier: Applier;
  readonly snapshots: Snapshots;
  readonly origin: Origin;
  readonly clock: Clock;
  /** Asks the host to call `turn` soon: after what has arrived meanwhile was handed in. Called once a turn at most. */
  readonly wake: () => void;
  /** For people: one sentence without a user's value in it. */
  readonly report: (message: string) => void;
}

export interface ReplicaOptions {
  /** For what people are told. */
  readonly memberId: MemberId;
  /** Milliseconds of one tick of the core. Defaults to 100. */
  readonly tickMs?: number;
  /** As the core has it (`RaftOptions.electionTicks`). Defaults to 10. */
  readonly electionTicks?: number;
  /**
   * Milliseconds for which a leader's event loop, or the disk of its log, may be slow before it hands the lead over. Defaults to
   * 8 election timeouts.
   */
  readonly slowLeaderMs?: number;
  readonly limits?: Partial<ReplicaLimits>;
  /**
   * Entries up to here are given to nobody, once the state holds them: what they did is not in the log alone, as of a cluster that was restored
   * from a backup. Who lacks them is sent a snapshot. Defaults to 0.
   */
  readonly withheldIndex?: number;
}

/**
 * Election timeouts for which a leader bears with its own slowness, unless it is told otherwise: long enough that nothing which is merely busy
 * ends a reign.
 */
const slowLeaderElections = 8;

/** A change of who takes part, and whether it is still safe when the core is asked for it. */
interface GuardedChange {
  readonly kind: 'guarded-change';
  readonly id: number;
  readonly changes: readonly MembershipChange[];
  readonly isSafe: (status: Status) => boolean;
}

/** A core message, a wish that is looked at first, or a write of the log that became durable. */
type Input = Message | GuardedChange | { readonly kind: 'durable'; readonly effect: StoreEffect | ResetEffect };

/** An entry of this reign that is not applied yet. */
interface Proposed {
  readonly id: number;
  readonly index: Index;
  /** Of its commands. */
  readonly bytes: number;
  readonly parts: readonly BatchPart[];
}

/**
 * The consensus loop of one member: it hands the core what happened, one thing after the other, and carries out in order what it asks.
 *
 * Everything that happens is noted and waits for the next `turn`. So commands that come while the log syncs go out together
 * with the next write, and after a pause what was received is looked at before time passes (docs/raft.md, "Rules for Node.js").
 */
export class Replica {
  readonly #ports: ReplicaPorts;
  readonly #memberId: MemberId;
  readonly #tickMs: number;
  readonly #pauseMs: number;
  readonly #leaderWaitMs: number;
  readonly #limits: ReplicaLimits;

  #inbox: Input[] = [];
  #received = 0;
  #dropped = 0;
  #awake = false;
  #stopping = false;
  #turnMs: number;
  /** When the last tick was asked for, and whether one is due; `late` when it has already let one turn pass. */
  #tickedMs: number;
  #tickDue: 'no' | 'now' | 'next-turn' = 'no';

  #role: Role;
  #term: Term;
  #leader: MemberId | null;
  #viewSent = '';

  readonly #queue: ProposalQueue;
  readonly #entryClock: EntryClock;
  readonly #outbound: Outbound;
  #packing: { readonly id: number; readonly packed: PackedEntry; taken: boolean; refused: Effect | null } | null = null;
  #lastProposal = 0;
  /** This member's entries that its state has not applied, oldest first, and the bytes of their commands. */
  #proposed: Proposed[] = [];
  #proposedBytes = 0;
  /** Writes of entries that are not durable. While there is one, commands gather for the next. */
  #writesOpen = 0;
  readonly #slowness: OwnSlowness;
  readonly #handover: Handover;
  /** Set when nobody took the lead over: the reign ends all the same, within this turn. */
  #mustStepDown = false;
  /** The core holds as many uncommitted bytes as it may, or hands its reign over: nothing is proposed before something moved. */
  #saturated = false;
  #backgroundDue = false;

  readonly #reads: ReadQueue;
  readonly #wishes = new Wishes();

  readonly #tail: LogTail;
  #checkpointIndex = 0;
  #released: number;
  readonly #withheldIndex: number;
  /** The log behind snapshots stays while they are on their way out, and until their receivers have it. */
  readonly #holds = new LogHolds();

  /** Term and vote as they are on disk. */
  #hardState: HardState;
  /** What this start found on its disk: term and vote, and the last entry. See `Hello.found`. */
  readonly found: Standing;

  constructor(options: ReplicaOptions, ports: ReplicaPorts) {
    this.#ports = ports;
    this.#memberId = options.memberId;
    this.#tickMs = options.tickMs ?? 100;
    this.#pauseMs = this.#tickMs * (options.electionTicks ?? 10);
    const bearMs = options.slowLeaderMs ?? slowLeaderElections * this.#pauseMs;
    this.#slowness = new OwnSlowness({ electionMs: this.#pauseMs, bearMs });
    this.#handover = new Handover({
      transfer: (done) => this.transferLead(null, done),
      onNobody: () => {
        ports.report(`nobody took the lead over from member ${this.#memberId} in time: it no longer leads`);
        this.#mustStepDown = true;
      },
    });
    // Long enough for an election that needs a second try.
    this.#leaderWaitMs = 4 * this.#pauseMs;
    this.#limits = { ...defaultReplicaLimits, ...options.limits };
    this.#queue = new ProposalQueue(this.#limits);
    this.#reads = new ReadQueue(ports.origin, this.#limits.readsMax);
    this.#outbound = new Outbound(ports.peers, ports.origin, this.#limits.forwardsMax);
    this.#entryClock = new EntryClock(ports.clock);
    this.#tail = new LogTail(this.#limits.tailEntriesMax, this.#limits.tailBytesMax);
    const status = ports.raft.status();
    this.#role = status.role;
    this.#term = status.term;
    this.#leader = status.leader;
    this.#released = status.previousIndex;
    this.#withheldIndex = options.withheldIndex ?? 0;
    // A state begins at its checkpoint.
    this.#checkpointIndex = Math.min(status.appliedIndex, this.#withheldIndex);
    this.#hardState = { term: status.term, votedFor: status.votedFor };
    this.found = this.#standingAt(this.#hardState, status.lastIndex) ?? noStanding;
    this.#turnMs = this.#tickedMs = ports.clock.monotonicMs();
    this.#showView(true);
  }

  /** The host's timer: every `tickMs`. However late it comes and however often, one turn ticks the core once. */
  tick(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    // Late: what peers sent meanwhile may still stand in the sockets, and it must be heard before time passes.
    if (this.#tickDue === 'no') this.#tickDue = nowMs - this.#tickedMs > 2 * this.#tickMs ? 'next-turn' : 'now';
    this.#slowness.ticked(this.#tickedMs, nowMs);
    this.#tickedMs = nowMs;
    this.#wake();
  }

  received(from: MemberId, message: PeerMessage): void {
    if (this.#received >= this.#limits.inboxMessagesMax) {
      this.#dropped++;
      return;
    }
    this.#received++;
    this.#note({ kind: 'received', from, message });
  }

  unreachable(to: MemberId): void {
    this.#note({ kind: 'unreachable', to });
  }

  /** Commands of this member's own API. The batch is the replica's from here on. */
  propose(batch: ProposalBatch): void {
    this.#enqueue(batch, null);
  }

  /** Commands that another member's API took in. Answered by `Peers.answerForward`, always. */
  forwarded(member: MemberId, forward: Forward): void {
    this.#enqueue(forward.batch, { member, id: forward.id, term: forward.term });
  }

  forwardAnswered(from: MemberId, answer: ForwardAnswer): void {
    this.#outbound.answered(from, answer);
  }

  /** The connection broke on which batches to `to` went: what it has not answered is not known, and need not be answered any more. */
  forwardsBroken(to: MemberId): void {
    this.#outbound.broken(to);
  }

  /**
   * Changes who takes part, all of `changes` at once. `done` is called once: when that holds, whoever loses power then and
   * whoever is switched off of those that it removed; or with why it does not. `isSafe` is asked right
   * before the core is, by what that knows then.
   */
  changeMembership(
    changes: readonly MembershipChange[],
    done: (answer: ChangeAnswer) => void,
    isSafe: (status: Status) => boolean = () => true,
  ): void {
    if (this.#stopping) return done({ kind: 'unknown' });
    const id = ++this.#lastProposal;
    this.#wishes.addChange(id, done);
    this.#note({ kind: 'guarded-change', id, changes, isSafe });
  }

  /** Who goes when a joining learner becomes a voter, as the state knows it: new → old. Takes the place of what was said before. */
  replacements(replacements: ReadonlyMap<number, number>): void {
    this.#note({ kind: 'replacements', replacements: replacements as ReadonlyMap<MemberId, MemberId> });
  }

  /** Hands the lead over to `to`, or (null) to the voter that has most of the log. `done` is called once, when that is over. */
  transferLead(to: MemberId | null, done: (answer: TransferAnswer) => void): void {
    if (this.#stopping) return done({ kind: 'unknown' });
    const id = ++this.#lastProposal;
    this.#wishes.addTransfer(id, done);
    this.#note({ kind: 'transfer', id, to });
  }

  /** A wish for a read index that is confirmed after this call. `id` is the origin's; answered once. */
  read(id: number, deadlineMs: number): void {
    if (this.#stopping) this.#ports.origin.readRefused(id, 'stopping');
    else this.#reads.add(id, deadlineMs, this.#ports.clock.monotonicMs());
    this.#wake();
  }

  /** The applier has everything up to `index` in the state. */
  applied(index: Index): void {
    this.#note({ kind: 'applied', index });
  }

  /** The state machine has work of its own that only an entry can move on. */
  backgroundDue(): void {
    this.#backgroundDue = true;
    this.#wake();
  }

  /** The state survives a crash up to `index`: the log may let go of what lies behind, less its tail. */
  checkpointed(index: number): void {
    this.#checkpointIndex = Math.max(this.#checkpointIndex, index);
    this.#wake();
  }

  snapshotBegun(to: MemberId, term: Term, index: Index): void {
    this.#holds.begun(to, term, index);
  }

  snapshotSent(to: MemberId, term: Term, index: Index): void {
    this.#holds.arrived(to, term, this.#ports.clock.monotonicMs());
    this.#note({ kind: 'snapshot-sent', to, term, index });
  }

  snapshotFailed(to: MemberId, term: Term): void {
    this.#holds.failed(to, term);
    this.#note({ kind: 'snapshot-failed', to, term });
  }

  snapshotInstalled(installed: InstalledSnapshot): void {
    this.#checkpointIndex = Math.max(this.#checkpointIndex, installed.index);
    this.#note({ kind: 'snapshot-installed', ...installed });
  }

  snapshotRefused(): void {
    this.#note({ kind: 'snapshot-refused' });
  }

  /** Takes nothing more; what waits is refused. What is proposed goes its way while the host still calls `turn`. */
  stop(): void {
    this.#stopping = true;
    this.#refuseWaiting(() => true, 'stopping', 'stopping');
    this.#reads.refuseAll('stopping');
    this.#wishes.abandon();
  }

  /** Whether entries that nobody is to be given are still in the log: nobody may be added before they are gone. */
  get withholds(): boolean {
    return this.#released < this.#withheldIndex;
  }

  /** What the state here holds at least: the applier may have gone on since it last told. */
  get appliedIndex(): Index {
    return this.#ports.raft.status().appliedIndex;
  }

  /** Whether nothing of this member's own is on its way through the log. */
  get idle(): boolean {
    return this.#proposed.length === 0 && this.#queue.commands === 0;
  }

  /** How this member's disk stands, as far as that never goes back: what it may claim before others. */
  get standing(): Standing {
    const { flushedIndex, commitIndex } = this.#ports.raft.status();
    // What is committed and not on this disk yet may still be lost with it.
    return this.#standingAt(this.#hardState, Math.min(flushedIndex, commitIndex)) ?? this.found;
  }

  /** Calls `tell` with the last entry that each follower has told its leader to be on its disk, as far as it is committed; nothing on whoever does not lead. */
  eachFollower(tell: (memberId: MemberId, standing: Standing) => void): void {
    const { followers, commitIndex } = this.#ports.raft.status();
    for (const { id, matchIndex } of followers) {
      const standing = this.#standingAt(null, Math.min(matchIndex, commitIndex));
      if (standing !== null) tell(id, standing);
    }
  }

  /** Names for /metrics, without their prefix; values in base units. */
  metrics(): Record<string, number> {
    const status = this.#ports.raft.status();
    return {
      raft_is_leader: this.#role === 'leader' ? 1 : 0,
      raft_term: status.term,
      raft_commit_index: status.commitIndex,
      raft_applied_index: status.appliedIndex,
      raft_last_index: status.lastIndex,
      raft_uncommitted_bytes: status.uncommittedBytes,
      raft_cache_bytes: status.cacheBytes,
      raft_proposals_waiting: this.#queue.commands,
      raft_proposals_uncommitted: this.#proposed.length,
      raft_reads_waiting: this.#reads.size,
      raft_inbox_dropped_total: this.#dropped,
      raft_handovers_total: this.#handover.begun,
    };
  }

  /** Everything that happened since the last turn, in its order; then time, then what waits to go out. */
  turn(): void {
    this.#awake = false;
    const nowMs = this.#ports.clock.monotonicMs();
    if (nowMs - this.#turnMs > this.#pauseMs) this.#resumed(nowMs - this.#turnMs);
    this.#turnMs = nowMs;

    const inbox = this.#inbox;
    this.#inbox = [];
    this.#received = 0;
    for (const input of inbox) this.#handle(input);
    this.#wishes.settle(this.#ports.raft.status());

    if (this.#tickDue === 'now') {
      this.#tickDue = 'no';
      this.#step({ kind: 'tick' });
      this.#swept(nowMs);
    } else if (this.#tickDue === 'next-turn') {
      this.#tickDue = 'now';
      this.#wake();
    }
    // Before anything is proposed: its outcome would be unknown.
    if (this.#mustStepDown) this.#step({ kind: 'step-down' });
    this.#mustStepDown = false;
    this.#moveProposals(nowMs);
    this.#askReads(nowMs);
    this.#release();
    this.#ports.peers.flush();
  }

  #note(input: Input): void {
    this.#inbox.push(input);
    this.#wake();
  }

  #wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.#ports.wake();
  }

  /**
   * A leader that slept may have been deposed. What others sent meanwhile is heard before the wish to hand over; until that is settled nothing is
   * proposed, and a read waits for a round that a quorum answers.
   */
  #resumed(pauseMs: number): void {
    if (this.#role !== 'leader') return;
    this.#handOver(`was paused for ${Math.round(pauseMs)} ms, which is longer than an election takes`);
  }

  #handOver(why: string): void {
    const { voters } = this.#ports.raft.status().configuration;
    if (!voters.some((voter) => voter !== this.#memberId) || !this.#handover.begin()) return;
    this.#ports.report(`member ${this.#memberId} ${why}: it hands the lead over`);
  }

  #handle(input: Input): void {
    if (input.kind === 'guarded-change') {
      const { id, changes, isSafe } = input;
      if (isSafe(this.#ports.raft.status())) this.#step({ kind: 'change-membership', id, changes });
      else this.#wishes.answerChange(id, { kind: 'unsafe' });
      return;
    }
    if (input.kind !== 'durable') {
      this.#step(input);
      if (input.kind === 'applied') this.#forgetApplied(input.index);
      else if (input.kind === 'snapshot-installed') this.#wishes.forgetChanges();
      return;
    }
    const { effect } = input;
    this.#slowness.writeEnded(this.#turnMs);
    if (effect.kind === 'store' && effect.hardState !== null) this.#hardState = effect.hardState;
    if (effect.kind === 'store' && effect.entries.length > 0) this.#writesOpen--;
    for (const { to, message } of effect.messages) this.#ports.peers.send(to, message);
    this.#step({ kind: 'stored', sequence: effect.sequence });
    this.#saturated = false;
  }

  #step(message: Message): void {
    for (const effect of this.#ports.raft.step(message)) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    const { log, peers, applier, snapshots } = this.#ports;
    switch (effect.kind) {
      case 'send':
        return peers.send(effect.to, effect.message);
      case 'store':
        return this.#store(effect);
      case 'reset':
        this.#slowness.writeBegun(this.#turnMs);
        return log.reset(effect.index, effect.term, () => this.#note({ kind: 'durable', effect }));
      case 'load': {
        const { id, from, to, bytesMax } = effect;
        return log.read(from, to, bytesMax, (entries) => this.#note({ kind: 'loaded', id, entries }));
      }
      case 'apply':
        return applier.apply(effect.entries);
      case 'proposed':
        return this.#wishes.proposed(effect.id, effect.index) ? undefined : this.#accepted(effect.id, effect.index);
      case 'change-refused':
        return this.#wishes.answerChange(effect.id, { kind: 'refused', refusal: effect.refusal });
      case 'transfer-refused':
        return this.#wishes.answerTransfer(effect.id, { kind: 'refused', refusal: effect.refusal });
      case 'transfer-ended':
        return this.#wishes.answerTransfer(effect.id, { kind: 'ended', outcome: effect.outcome });
      case 'proposal-refused':
        assert(this.#packing?.id === effect.id, 'the core answers the proposal that it was just given');
        this.#packing.refused = effect;
        return;
      case 'proposals-lost':
        return this.#lost(new Set(effect.ids));
      case 'read-ready':
        return this.#reads.ready(effect.id, effect.index);
      case 'read-refused':
        return this.#reads.refused(effect.id);
      case 'role':
        return this.#roleChanged(effect.role, effect.term, effect.leader);
      case 'send-snapshot':
        return snapshots.send(effect.to, effect.term, effect.indexMin);
      case 'install-snapshot':
        // Behind every write that was asked for: the log must know the term of a state before the state is there, or a crash
        // between the two leaves a log that has never heard of it. An empty write tells when the others are durable.
        return log.append({ hardState: null, entries: [] }, () => snapshots.install(effect.from, effect.index, effect.indexTerm));
      case 'discard-snapshot':
        return snapshots.discard(effect.from, effect.index);
    }
  }

  #store(effect: StoreEffect): void {
    this.#slowness.writeBegun(this.#turnMs);
    if (effect.entries.length > 0) {
      this.#writesOpen++;
      for (const entry of effect.entries) this.#tail.appended(entry.index, entry.data.length);
    }
    this.#ports.log.append({ hardState: effect.hardState, entries: effect.entries }, () =>
      this.#note({ kind: 'durable', effect }),
    );
  }

  #leaveIfSlow(nowMs: number): void {
    const complaint = this.#slowness.complaint(nowMs);
    if (this.#role !== 'leader' || this.#mustStepDown || complaint === null) return;
    this.#slowness.forget();
    this.#handOver(complaint);
  }

  #roleChanged(role: Role, term: Term, leader: MemberId | null): void {
    this.#role = role;
    this.#term = term;
    this.#leader = leader;
    this.#saturated = false;
    this.#mustStepDown = false;
    this.#slowness.forget();
    this.#handover.reignEnded();
    // They came for another reign than the one that is now: see `Forward`.
    const stale = (forwardedBy: NonNullable<WaitingBatch['forwardedBy']>): boolean =>
      role !== 'leader' || forwardedBy.term !== term;
    this.#refuseWaiting((waiting) => waiting.forwardedBy !== null && stale(waiting.forwardedBy), 'no-leader', 'not-leader');
    this.#showView(true);
  }

  #enqueue(batch: ProposalBatch, forwardedBy: WaitingBatch['forwardedBy']): void {
    assertBatch(batch);
    const waiting: WaitingBatch = { batch, forwardedBy, sinceMs: this.#ports.clock.monotonicMs(), next: 0 };
    if (this.#stopping) return this.#refuse(waiting, 'stopping', 'stopping');
    if (forwardedBy !== null && (this.#role !== 'leader' || this.#term !== forwardedBy.term)) {
      return this.#refuse(waiting, 'no-leader', 'not-leader');
    }
    if (!this.#queue.add(waiting)) return this.#refuse(waiting, 'too-busy', 'too-busy');
    this.#wake();
  }

  /** Refuses the rest of a batch to whoever sent it. */
  #refuse(
    waiting: WaitingBatch,
    code: 'no-leader' | 'too-busy' | 'too-large' | 'stopping',
    forwardCode: ForwardRefusedCode,
  ): void {
    const { batch, forwardedBy, next } = waiting;
    if (forwardedBy === null) {
      if (next < sizeOf(batch)) this.#ports.origin.refused(livingCounters(batch, next), code);
    } else {
      const answer = { id: forwardedBy.id, accepted: next, code: next < sizeOf(batch) ? forwardCode : null };
      this.#ports.peers.answerForward(forwardedBy.member, answer);
    }
  }

  #refuseWaiting(
    leaves: (waiting: WaitingBatch) => boolean,
    code: 'no-leader' | 'stopping',
    forwardCode: ForwardRefusedCode,
  ): void {
    for (const waiting of this.#queue.sweep(leaves)) this.#refuse(waiting, code, forwardCode);
  }

  #moveProposals(nowMs: number): void {
    if (this.#role === 'leader') this.#proposeWaiting(nowMs);
    else if (this.#leader !== null && this.#queue.commands > 0) this.#forwardWaiting(this.#leader, nowMs);
  }

  #proposeWaiting(nowMs: number): void {
    // What came while the last write syncs goes out with the next: no timer, and the batch is as large as the disk is slow.
    if (this.#writesOpen > 0 || this.#saturated || this.#handover.underWay || this.#isStateBehind) return;
    // Before they are packed: what is passed over there is answered nowhere else.
    this.#expire(nowMs);
    let any = false;
    for (let packed = this.#queue.pack(nowMs); packed !== null; packed = this.#queue.pack(nowMs)) {
      any = true;
      if (!this.#proposeOne(packed) || this.#isStateBehind) break;
    }
    if (any) this.#refuseWaiting(() => false, 'no-leader', 'not-leader');
    else if (this.#backgroundDue) {
      this.#backgroundDue = false;
      this.#proposeOne({ commands: [], parts: [] });
    }
  }

  /** Whether the state has as much to catch up with as it may: a log is faster than a state, and what is proposed beyond would be answered in time to nobody. */
  get #isStateBehind(): boolean {
    return this.#proposedBytes >= this.#limits.unappliedBytesMax || this.#proposed.length >= this.#limits.unappliedEntriesMax;
  }

  /** False when the core takes no more for now. */
  #proposeOne(packed: PackedEntry): boolean {
    const data = encodeEntryData({ ...this.#entryClock.stamp(this.#term), commands: packed.commands });
    const packing = { id: ++this.#lastProposal, packed, taken: false, refused: null as Effect | null };
    this.#packing = packing;
    this.#step({ kind: 'propose', id: packing.id, data });
    this.#packing = null;
    if (packing.taken) return true;
    const refused = packing.refused;
    assert(refused?.kind === 'proposal-refused', 'the core answers a proposal in the step that brings it');
    if (refused.refusal.code === 'too-large') {
      this.#queue.take(packed);
      const local = packed.parts.filter((part) => part.waiting.forwardedBy === null);
      if (local.length > 0) this.#ports.origin.refused(countersOf(local), 'too-large');
      return true;
    }
    // What waits goes to the next leader, or to this one when nothing came of the transfer.
    const { code } = refused.refusal;
    if (code === 'too-many-uncommitted-bytes' || code === 'transferring') this.#saturated = true;
    return false;
  }

  #accepted(id: number, index: Index): void {
    const packing = this.#packing;
    assert(packing !== null && packing.id === id, 'the core answers the proposal that it was just given');
    packing.taken = true;
    this.#queue.take(packing.packed);
    const { commands, parts } = packing.packed;
    let bytes = 0;
    for (const command of commands) bytes += command.length;
    this.#proposed.push({ id, index, bytes, parts });
    this.#proposedBytes += bytes;
  }

  #forgetApplied(index: Index): void {
    this.#saturated = false;
    let count = 0;
    while (count < this.#proposed.length && this.#proposed[count]!.index <= index)
      this.#proposedBytes -= this.#proposed[count++]!.bytes;
    if (count > 0) this.#proposed.splice(0, count);
  }

  #lost(ids: ReadonlySet<number>): void {
    for (const id of ids) this.#wishes.answerChange(id, { kind: 'unknown' });
    const lost = this.#proposed.filter((proposed) => ids.has(proposed.id));
    this.#proposed = this.#proposed.filter((proposed) => !ids.has(proposed.id));
    for (const { bytes } of lost) this.#proposedBytes -= bytes;
    const local = lost.flatMap((proposed) => proposed.parts).filter((part) => part.waiting.forwardedBy === null);
    if (local.length > 0) this.#ports.origin.refused(countersOf(local), 'outcome-unknown');
  }

  #forwardWaiting(leader: MemberId, nowMs: number): void {
    this.#expire(nowMs);
    for (const waiting of this.#queue.batches) {
      if (!this.#outbound.forward(leader, this.#term, waiting)) break;
      this.#queue.advance(waiting, sizeOf(waiting.batch));
    }
    this.#queue.sweep(() => false);
  }

  #expire(nowMs: number): void {
    const counters = this.#queue.expire(nowMs);
    if (counters.length > 0) this.#ports.origin.refused(counters, 'deadline-exceeded');
  }

  #askReads(nowMs: number): void {
    if (this.#leader === null) return;
    const round = this.#reads.nextRound(nowMs);
    if (round !== null) this.#step({ kind: 'read', id: round });
  }

  /** With each tick: what waited too long goes, what may be asked again is. */
  #swept(nowMs: number): void {
    this.#saturated = false;
    this.#leaveIfSlow(nowMs);
    this.#handover.ticked();
    const sinceBeforeMs = nowMs - this.#leaderWaitMs;
    this.#expire(nowMs);
    this.#refuseWaiting((waiting) => waiting.sinceMs < sinceBeforeMs && this.#role !== 'leader', 'no-leader', 'not-leader');
    this.#reads.sweep(nowMs, nowMs - this.#pauseMs / 2, sinceBeforeMs);
    this.#showView(false);
  }

  #release(): void {
    const { log, raft } = this.#ports;
    if (this.#checkpointIndex <= this.#released) return;
    const status = raft.status();
    const unneeded = Math.max(this.#tail.behind(status.lastIndex), this.#withheldIndex);
    const index = Math.min(this.#checkpointIndex, status.appliedIndex, this.#holds.letGoTo(unneeded, status, this.#turnMs));
    if (index <= this.#released) return;
    this.#released = index;
    this.#step({ kind: 'released', index: index as Index });
    log.release(index as Index);
  }

  /** Null when the log does not hold the entry. */
  #standingAt(hardState: HardState | null, index: number): Standing | null {
    const entryTerm = this.#ports.raft.termAt(index as Index);
    if (entryTerm === null) return null;
    return { term: hardState?.term ?? 0, votedFor: hardState?.votedFor ?? 0, entryTerm, entryIndex: index };
  }

  #showView(always: boolean): void {
    const status = this.#ports.raft.status();
    const { voters, votersOutgoing, learners } = status.configuration;
    const view: ReplicaView = {
      role: status.role,
      term: status.term,
      leader: status.leader,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      firstLogIndex: (status.previousIndex + 1) as Index,
      lastLogIndex: status.lastIndex,
      voters: [...new Set([...voters, ...votersOutgoing])].toSorted((a, b) => a - b),
      learners,
      configurationConfirmed: status.configurationConfirmed,
      followers: status.followers,
    };
    const text = JSON.stringify(view);
    if (!always && text === this.#viewSent) return;
    this.#viewSent = text;
    this.#ports.origin.view(view);
  }
}

/** The counters of a batch from a place on, but for those that were answered as expired. */
function livingCounters(batch: ProposalBatch, from: number): number[] {
  const counters: number[] = [];
  for (let place = from; place < sizeOf(batch); place++) {
    if (batch.deadlinesMs[place] !== -Infinity) counters.push(batch.counters[place]!);
  }
  return counters;
}

function countersOf(parts: readonly BatchPart[]): number[] {
  return parts.flatMap(({ waiting, first, end }) => [...waiting.batch.counters.subarray(first, end)]);
}
