import { join } from 'node:path';
import { featureLevelMax } from '@env-cli/environments';
import type { MemberIdentity } from '@env-cli/keyspace';
import { LogFile } from '@env-cli/log-file';
import { GrpcPeers } from '@env-cli/peers-grpc';
import type { Entry, Index, MemberId, Raft } from '@env-cli/raft';
import { type Founding, Replica, type ReplicaView } from '@env-cli/replica';
import { markFounded } from '@env-cli/store-lmdb';

import { ApiOutbox } from './api-outbox.ts';
import { buffersOf, flattenEntries } from './flat.ts';
import { readFounding } from './founding.ts';
import { LoopDelay } from './loop-delay.ts';
import type { MemberView } from './member.ts';
import { membersText } from './members-text.ts';
import type { OrderAnswer } from './member-orders.ts';
import { type KnownCluster, Neighbours } from './neighbours.ts';
import { OrderDesk } from './order-desk.ts';
import { PeerDoor } from './peer-door.ts';
import { processMs } from './process-clock.ts';
import { configurationOf, startRaft } from './raft-start.ts';
import { TlsIdentity } from '../security/tls-identity.ts';
import { SeenDisks } from './seen-disks.ts';
import { SnapshotTraffic } from './snapshot-traffic.ts';
import { SyncFigures } from './sync-figures.ts';
import type { ApiToConsensus, ApplyToConsensus, ConsensusStart, ConsensusToApply } from './thread-messages.ts';
import { Turns } from './turns.ts';
import type { ThreadHost, ThreadService } from './worker-main.ts';

/** What the API thread learns when the consensus thread has begun. */
export interface ConsensusReport {
  readonly peerPort: number;
}

/** The thread that runs consensus: the core, its log and its peers, and nothing that could hold up a heartbeat. */
export class ConsensusThread implements ThreadService<ConsensusReport> {
  readonly #start: ConsensusStart;
  readonly #host: ThreadHost;
  readonly #log: LogFile;
  readonly #figures: SyncFigures;
  readonly #peers: GrpcPeers;
  readonly #security: TlsIdentity | null;
  /** Who votes until a configuration says who does. */
  readonly #founders: readonly MemberIdentity[];
  readonly #neighbours: Neighbours;
  readonly #seen: SeenDisks;
  readonly #snapshots: SnapshotTraffic;
  readonly #outbox: ApiOutbox;
  readonly #replica: Replica;
  readonly #orders: OrderDesk;
  readonly #turns = new Turns(() => this.#turn());
  readonly #delay = new LoopDelay('consensus');
  readonly #ticker: NodeJS.Timeout;
  /** Entries that a turn of the replica handed out, for one message. */
  #toApply: Entry[] = [];
  /** Who the members are, for people; and what of it they were told. */
  #membersText = '';
  #membersTextTold = '';
  #halted = false;

  private constructor(parts: Parts) {
    const { start, host, log, peers, neighbours, raft } = parts;
    this.#start = start;
    this.#host = host;
    this.#founders = parts.founded.members;
    this.#log = log;
    this.#figures = parts.figures;
    this.#peers = peers;
    this.#security = parts.security;
    this.#neighbours = neighbours;
    this.#seen = parts.seen;
    this.#outbox = new ApiOutbox(start.api, (view) => {
      const described = this.#describe(view);
      this.#membersText = membersText(described);
      return described;
    });
    this.#snapshots = new SnapshotTraffic({
      dataDir: start.dataDir,
      peers,
      order: (order) => this.#order(order),
      report: (message) => host.log('info', message),
    });
    this.#replica = new Replica(
      {
        memberId: start.memberId as MemberId,
        tickMs: start.tickMs,
        electionTicks: start.electionTicks,
        ...(start.slowLeaderMs === null ? {} : { slowLeaderMs: start.slowLeaderMs }),
        // What the first entry of a restored cluster did follows from a backup that nobody else has.
        withheldIndex: parts.founded.epoch > 1 ? 1 : 0,
        limits: start.logTailEntriesMax === null ? {} : { tailEntriesMax: start.logTailEntriesMax },
      },
      {
        raft,
        log,
        peers,
        applier: { apply: (entries) => this.#toApply.push(...entries) },
        snapshots: this.#snapshots,
        origin: this.#outbox,
        clock: { monotonicMs: processMs, wallMs: () => Date.now() },
        wake: this.#turns.request,
        report: (message) => host.log('warn', message),
      },
    );
    this.#replica.replacements(neighbours.replacements);
    this.#snapshots.serve(this.#replica);
    this.#orders = new OrderDesk({
      replica: this.#replica,
      memberId: start.memberId,
      peers,
      featureLevel: () => neighbours.featureLevel,
    });
    start.api.on('message', (message: ApiToConsensus) => this.#fromApi(message));
    start.apply.on('message', (message: ApplyToConsensus) => this.#fromApply(message));
    this.#ticker = setInterval(() => this.#replica.tick(), start.tickMs);
  }

  static async open(start: ConsensusStart, host: ThreadHost): Promise<ConsensusThread> {
    const figures = new SyncFigures();
    const { formingId, clusterId, memberId, diskId, apiAddress, startNonce, state, founding } = start;
    const log = await LogFile.open({
      directory: join(start.dataDir, 'log'),
      identity: { clusterId, memberId, diskId },
      onFailure: (failure) => host.fail(failure),
      // A log that a founded member lost held its votes: it is not made anew.
      createIfEmpty: !start.isFounded && state.appliedIndex === 0,
      options: {
        onSync: (milliseconds, bytes) => figures.add(milliseconds, bytes),
        ...(start.logSegmentBytes === null ? {} : { segmentBytes: start.logSegmentBytes }),
      },
    });
    const founded = readFounding(founding);
    const { epoch } = founded;
    const neighbours = new Neighbours({
      formingId,
      clusterId,
      epoch,
      memberId,
      diskId,
      apiAddress,
      featureLevelMax,
      startNonce,
      founding,
    });
    const door = new PeerDoor(memberId, neighbours, host);
    const security =
      start.tls === null ? null : new TlsIdentity(start.tls, { memberId, log: (level, text) => host.log(level, text) });
    const peers = await GrpcPeers.listen(
      {
        listen: start.listen,
        ...(security === null ? {} : { security }),
        nowMs: processMs,
        random: Math.random,
        ...(start.snapshotBytesPerSecondMax === null ? {} : { snapshotBytesPerSecondMax: start.snapshotBytesPerSecondMax }),
      },
      door,
    );
    host.atEnd(async () => {
      security?.stop();
      await peers.close();
    });
    const isInitial = founded.members.some((member) => member.memberId === memberId);
    const members = state.members.length > 0 ? state.members : founded.members;
    // One that joined begins with an empty log, and is sent everything.
    const isNew = state.members.length === 0 && !isInitial;
    neighbours.know({ ...state, members });
    if (isNew) neighbours.beNew(start.joinMembers);
    const raft = await startRaft(start, log, isInitial ? founding : null, founded.members);
    // State, log and first entry are on disk, and the core has not taken a step.
    markFounded(start.dataDir, clusterId);
    const seen = new SeenDisks(
      start.dataDir,
      (message) => host.log('warn', message),
      () => door.noteFollowers(),
    );
    const thread = new ConsensusThread({ founded, start, host, log, figures, peers, security, neighbours, raft, seen });
    host.atEnd(() => thread.#halt());
    door.open({
      founding,
      replica: thread.#replica,
      snapshots: thread.#snapshots,
      memory: seen.memory,
      connectionsChanged: () => thread.#connectionsChanged(),
      guestCame: () => peers.setMembers(neighbours.reachable),
    });
    peers.setMembers(neighbours.reachable);
    return thread;
  }

  get report(): ConsensusReport {
    return { peerPort: this.#peers.port };
  }

  metrics(): Record<string, number> {
    return {
      ...this.#replica.metrics(),
      ...this.#figures.metrics(),
      ...this.#peers.metrics(),
      ...this.#security?.figures('members'),
      ...this.#snapshots.metrics(),
      ...this.#delay.take(),
    };
  }

  async close(): Promise<void> {
    this.#replica.stop();
    this.#turn();
    this.#halt();
    await this.#snapshots.close();
    await this.#peers.close();
    await this.#seen.close();
    await this.#log.close();
    this.#start.apply.close();
    this.#start.api.close();
  }

  #answerOrder(id: number, answer: OrderAnswer): void {
    this.#outbox.orderAnswered(id, answer);
    this.#turns.request();
  }

  /** What the view says of connections changed. */
  #connectionsChanged(): void {
    this.#outbox.refreshView();
    this.#turns.request();
  }

  #turn(): void {
    if (this.#halted) return;
    try {
      this.#replica.turn();
    } catch (error) {
      this.#host.fail(error);
      return;
    }
    if (this.#toApply.length > 0) {
      const entries = flattenEntries(this.#toApply);
      this.#toApply = [];
      this.#order({ kind: 'entries', entries });
    }
    this.#outbox.flush();
    if (this.#membersText === this.#membersTextTold) return;
    this.#membersTextTold = this.#membersText;
    this.#host.log('info', this.#membersText);
  }

  #fromApi({ batches, reads, orders }: ApiToConsensus): void {
    for (const { id, wish } of orders) this.#orders.carryOut(wish, (answer) => this.#answerOrder(id, answer));
    for (const batch of batches) this.#replica.propose(batch);
    for (const { id, deadlineMs } of reads) this.#replica.read(id, deadlineMs);
    // A refusal needs no turn of the replica, but has to be told.
    this.#turns.request();
  }

  #fromApply(message: ApplyToConsensus): void {
    switch (message.kind) {
      case 'applied':
        return this.#replica.applied(message.index as Index);
      case 'checkpointed':
        return this.#replica.checkpointed(message.index);
      case 'background-due':
        return this.#replica.backgroundDue();
      case 'cluster-changed':
        return this.#know(message);
      case 'installed':
        this.#know(message.state);
        return this.#snapshots.installed(message.state, configurationOf(message.state, this.#founders));
      case 'install-refused':
      case 'spooled':
      case 'spool-failed':
        return this.#snapshots.answered(message);
    }
  }

  #know(cluster: KnownCluster): void {
    const before = this.#neighbours.featureLevel;
    this.#neighbours.know(cluster);
    if (before > 0 && cluster.featureLevel > before)
      this.#host.log('info', `the feature level was raised from ${before} to ${cluster.featureLevel}`);
    this.#peers.setMembers(this.#neighbours.reachable);
    this.#replica.replacements(cluster.replacements);
    this.#connectionsChanged();
  }

  #order(order: ConsensusToApply): void {
    this.#start.apply.postMessage(order, order.kind === 'entries' ? buffersOf(order.entries) : []);
  }

  #describe(view: ReplicaView): MemberView {
    const connected = new Set(this.#peers.connected);
    const { memberId } = this.#start;
    return {
      memberId,
      role: view.learners.includes(memberId as MemberId) ? 'learner' : view.role === 'pre-candidate' ? 'candidate' : view.role,
      leaderId: view.leader,
      leaderApiAddress: view.leader === null ? null : this.#neighbours.apiAddress(view.leader),
      term: view.term,
      commitIndex: view.commitIndex,
      appliedIndex: view.appliedIndex,
      firstLogIndex: view.firstLogIndex,
      configurationConfirmed: view.configurationConfirmed,
      lastLogIndex: view.lastLogIndex,
      logBytes: this.#log.bytes,
      featureLevel: this.#neighbours.featureLevel,
      members: this.#neighbours.members.map((member) => ({
        memberId: member.memberId,
        peerAddress: member.address,
        apiAddress: this.#neighbours.apiAddress(member.memberId),
        voter: view.voters.includes(member.memberId as MemberId),
        takesPart: [...view.voters, ...view.learners].includes(member.memberId as MemberId),
        replaces: this.#neighbours.replacements.get(member.memberId) ?? null,
        connected: member.memberId === memberId || connected.has(member.memberId),
        featureLevelMax: this.#neighbours.featureLevelMax(member.memberId),
      })),
    };
  }

  /** Nothing is done any more, and nothing told. */
  #halt(): void {
    this.#halted = true;
    clearInterval(this.#ticker);
    this.#seen.halt();
    this.#delay.close();
  }
}

interface Parts {
  /** What the cluster was founded with. */
  readonly founded: Founding;
  readonly start: ConsensusStart;
  readonly host: ThreadHost;
  readonly log: LogFile;
  readonly figures: SyncFigures;
  readonly peers: GrpcPeers;
  readonly security: TlsIdentity | null;
  readonly neighbours: Neighbours;
  readonly raft: Raft;
  readonly seen: SeenDisks;
}
