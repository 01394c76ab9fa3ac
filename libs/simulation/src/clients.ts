import type { CommandBody, CommandResult, StateHashes } from '@env-cli/environments';
import { readProgress, type ReadTables } from '@env-cli/keyspace';
import type { Index, MemberId } from '@env-cli/raft';
import type { AppliedBatch } from '@env-cli/replica';
import { encodeUtf8, hexOf } from '@env-cli/support';

import { CertainlyLost, Forwarded } from './certainly-lost.ts';
import { Violation } from './checks.ts';
import { identityOf } from './founding.ts';
import { FreshReads } from './fresh-reads.ts';
import { History } from './history.ts';
import type { Answers, SimulatedMember } from './member.ts';
import { mirrorDefinition, OutboxWorker } from './outbox-worker.ts';
import type { Random } from './random.ts';
import { deadlineMs, Requests } from './requests.ts';
import type { Timeline } from './timeline.ts';
import { Watcher } from './watcher.ts';

/** A write that was acknowledged, or is still tried. */
export interface ClientWrite {
  readonly session: string;
  readonly sequence: number;
  /** One, or two that are written at once. */
  readonly environments: readonly string[];
  /** The newest revision that anybody had been told when it was begun. */
  readonly floorRevision: number;
  /** Unique in the run. */
  readonly value: string;
  /** Null while it is not acknowledged. */
  revision: number | null;
}

export interface ClientSettings {
  readonly clients: number;
  /** Writes of one client that are not acknowledged. */
  readonly windowMax: number;
  readonly environments: number;
  /** How long a client waits for an answer at first, before it tries again elsewhere. */
  readonly patienceMs: number;
  readonly thinkMsMax: number;
  readonly readProbability: number;
}

/** What clients did in a run, before it begins. */
export const noClientCounts = () => ({
  attempts: 0,
  acknowledged: 0,
  replayed: 0,
  reads: 0,
  readsFailed: 0,
  reports: 0,
  tokenReads: 0,
  staleReads: 0,
  deliveries: 0,
  watched: 0,
  watchesMoved: 0,
});

/** The number of nobody. */
const neverGiven = 1_000_000;

/** Clients with sessions: each sends writes, sends those without an answer again to anybody, and reads with strong consistency. */
export class Clients {
  readonly writes: ClientWrite[] = [];
  readonly counts = noClientCounts();
  readonly #history = new History();
  #watchers: Watcher[] = [];
  #outbox: OutboxWorker | null = null;
  readonly #names: readonly string[];
  /** The token of each client: what it has seen, wherever it asks next. */
  readonly #tokens: { index: number; revision: number }[] = [];
  #tokenReads: { readonly member: SimulatedMember; readonly life: number; readonly client: number }[] = [];
  /** Of each member's process, how stale its reads are at most. */
  readonly #fresh = new Map<MemberId, FreshReads>();
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #settings: ClientSettings;
  #members: readonly SimulatedMember[] = [];
  #stopped = false;
  readonly #requests: Requests;
  readonly #lost = new CertainlyLost();
  #readId = 0;
  readonly #reads = new Map<
    number,
    { readonly member: SimulatedMember; readonly life: number; readonly floorRevision: number; index: Index | null }
  >();
  /** The newest revision that somebody was told: no strong read that begins now may see less. */
  #toldRevision = 0;

  constructor(timeline: Timeline, random: Random, settings: ClientSettings) {
    this.#timeline = timeline;
    this.#random = random;
    this.#settings = settings;
    this.#requests = new Requests(timeline, random, settings.patienceMs, this.counts);
    this.#names = Array.from({ length: settings.environments }, (_, at) => `e${at}`);
  }

  start(members: readonly SimulatedMember[]): void {
    this.#members = members;
    this.#requests.start(members);
    for (const { id } of members) this.#fresh.set(id, new FreshReads());
    this.#watchers = [0, 1].map(() => new Watcher(this.#history, this.#random, members));
    this.#outbox = new OutboxWorker(this.#timeline, this.#random, members, this.#settings.thinkMsMax, (member, body, answer) =>
      this.#requests.askOne(member, { body, session: null }, answer),
    );
    this.#outbox.run();
    this.#createMirror();
    for (let client = 0; client < this.#settings.clients; client++) {
      this.#tokens.push({ index: 0, revision: 0 });
      this.#openSession(this.#random.bytes(16), client);
    }
    this.#readLater();
    this.#markLater();
  }

  /** Somebody new, whom clients ask as well from now on. The state is told who it is, until it says that it knows. */
  admit(member: SimulatedMember, replaces: SimulatedMember | null, known: () => void): void {
    this.#fresh.set(member.id, new FreshReads());
    const added = identityOf(member.id);
    this.#tellState(
      replaces === null
        ? { kind: 'add-member', member: added }
        : { kind: 'replace-member', member: added, replaces: replaces.id },
      known,
    );
  }

  /** Somebody who takes part no more, and never will again. */
  dismiss(member: SimulatedMember): void {
    this.#tellState({ kind: 'remove-member', memberId: member.id }, () => undefined);
  }

  /** Asks one member for so many things that nobody waits for, and that change nothing: its log grows, also where nobody hears it. */
  flood(member: SimulatedMember, count: number, everyMs: number): void {
    if (count === 0 || this.#stopped) return;
    this.#requests.askOne(member, { body: { kind: 'remove-member', memberId: neverGiven }, session: null }, () => undefined);
    this.#timeline.after(this.#random.span(0, 2) * everyMs, 'client', () => this.flood(member, count - 1, everyMs));
  }

  /** No new writes; those that have no answer are still tried, more and more patiently. */
  stop(): void {
    this.#stopped = true;
    this.#requests.hurryNoMore();
  }

  /** Everything that was begun is acknowledged. */
  get finished(): boolean {
    return this.#stopped && this.#requests.open === 0;
  }

  /** Whether everything that changed was delivered. */
  isDelivered(tables: ReadTables): boolean {
    return this.#outbox!.isDone(tables);
  }

  /** Once all is at rest: what a state shows is the history, and every watch has told all of it. */
  checkAtTheEnd(tables: ReadTables): void {
    this.#history.checkState('a member at the end', tables);
    for (const watcher of this.#watchers) {
      watcher.look();
      watcher.checkWhole();
      this.counts.watched += watcher.seen;
      this.counts.watchesMoved += watcher.moves;
    }
    this.counts.deliveries = this.#outbox!.deliveries;
  }

  /** The answers of one member, whichever process of it. */
  answersOf(id: MemberId): Answers {
    const forwarded = new Forwarded();
    return {
      refused: (counters, code) => {
        for (const counter of counters) {
          forwarded.answered(counter);
          if (code !== 'outcome-unknown') this.#lost.told(counter, code);
          this.#requests.answered(counter, 'failed');
        }
      },
      forwarded: (counters, term) => forwarded.sent(counters, term),
      committed: (entries) => this.#lost.committed(entries),
      stateReplaced: () => forwarded.forget(),
      readReady: (read, index) => {
        if (this.#fresh.get(id)!.answered(read, index)) return;
        const waiting = this.#reads.get(read);
        if (waiting === undefined) return;
        waiting.index = index;
        this.#finishReads(waiting.member);
      },
      readRefused: (read) => {
        if (!this.#fresh.get(id)!.refused(read) && this.#reads.delete(read)) this.counts.readsFailed++;
      },
      applied: (batch) => {
        for (const { counter } of batch.results) forwarded.answered(counter);
        for (const counter of forwarded.settledBy(batch.term)) this.#lost.told(counter, 'a later term was applied');
        this.#applied(id, batch);
      },
      died: () => {
        this.#fresh.set(id, new FreshReads());
        forwarded.forget();
        this.#requests.died(id);
        for (const [read, { member }] of this.#reads) if (member.id === id) this.#reads.delete(read);
      },
    };
  }

  #applied(id: MemberId, batch: AppliedBatch): void {
    const member = this.#members.find((one) => one.id === id);
    if (member?.tables == null) return;
    this.#history.see(member.tables, batch.revision);
    this.#outbox!.check(id, member.tables, this.#names);
    for (const { counter, index, result } of batch.results) this.#requests.answered(counter, result, index);
    if (batch.hashes !== null) this.#reportHashes(member, batch.hashes);
    this.#finishReads(member);
    for (const watcher of this.#watchers) watcher.look();
  }

  /** Before anything is written, as a rule: what it selects is delivered wherever it stands. */
  #createMirror(): void {
    this.#requests.insist(
      () => ({ body: { kind: 'create-mirror', definition: mirrorDefinition }, session: null }),
      () => true,
    );
  }

  #tellState(
    body: Extract<CommandBody, { readonly kind: 'add-member' | 'replace-member' | 'remove-member' }>,
    done: () => void,
  ): void {
    this.#requests.insist(
      () => ({ body, session: null }),
      (result) => {
        if (isFull(result)) return false;
        // Whom it replaces came in the place of another one itself, and was lost before that was over: then it comes for nobody.
        if (result.kind === 'refused' && body.kind === 'replace-member' && result.refusal.code === 'invalid') {
          this.#tellState({ kind: 'add-member', member: body.member }, done);
          return true;
        }
        // Its number was never used, nor its disk or its address.
        if (result.kind === 'refused')
          throw new Violation('a new member has a number that was never used', `${body.kind}: ${JSON.stringify(result.refusal)}`);
        done();
        return true;
      },
    );
  }

  #openSession(session: Uint8Array, client: number): void {
    this.#requests.insist(
      () => ({ body: { kind: 'open-session', session }, session: null }),
      (result) => {
        if (result.kind === 'refused') return false;
        this.#run(session, client);
        return true;
      },
    );
  }

  #run(session: Uint8Array, client: number): void {
    const name = hexOf(session).slice(0, 8);
    const pending = new Set<number>();
    let last = 0;
    const begin = (): void => {
      if (this.#stopped) return;
      this.#timeline.after(this.#random.span(0, this.#settings.thinkMsMax), 'client', begin);
      if (pending.size >= this.#settings.windowMax) return;
      const sequence = ++last;
      pending.add(sequence);
      const first = this.#random.pick(this.#names);
      const second = this.#random.chance(0.25) ? this.#random.pick(this.#names) : first;
      const environments = first === second ? [first] : [first, second];
      const floorRevision = this.#toldRevision;
      const write: ClientWrite = {
        session: name,
        sequence,
        environments,
        floorRevision,
        value: `${name}:${sequence}`,
        revision: null,
      };
      this.writes.push(write);
      this.#requests.insist(
        () => ({ body: writeBody(write), session: { session, sequence, firstIncomplete: Math.min(...pending) } }),
        (result, index) => {
          if (isFull(result)) return false;
          pending.delete(sequence);
          this.#acknowledge(write, result);
          const token = this.#tokens[client]!;
          token.index = Math.max(token.index, index);
          token.revision = Math.max(token.revision, write.revision!);
          this.#readByToken(client);
          return true;
        },
      );
    };
    begin();
  }

  #acknowledge(write: ClientWrite, result: CommandResult): void {
    const done = result.kind === 'applied' || (result.kind === 'replayed' && result.answer === 'applied');
    if (!done)
      throw new Violation('a write of a session happens once', `write ${write.value} is answered by ${JSON.stringify(result)}`);
    if (result.kind === 'replayed') this.counts.replayed++;
    this.counts.acknowledged++;
    write.revision = result.revision;
    if (result.revision <= write.floorRevision) {
      throw new Violation(
        'what is begun later has a higher revision',
        `${write.value} is acknowledged at ${result.revision} and was begun when ${write.floorRevision} was known`,
      );
    }
    if (this.#history.revisionOf(write.value) !== result.revision) {
      throw new Violation(
        'what is acknowledged is not lost',
        `${write.value} is acknowledged at ${result.revision} and is at ${this.#history.revisionOf(write.value) ?? 'none'}`,
      );
    }
    this.#toldRevision = Math.max(this.#toldRevision, result.revision);
  }

  /** As a member's leader does from time to time: every member says what it holds after this entry. */
  #markLater(): void {
    this.#timeline.after(this.#random.span(1, 8) * this.#settings.patienceMs, 'client', () => {
      if (this.#stopped) return;
      this.#requests.ask({ body: { kind: 'mark-hashes' }, session: null }, () => undefined);
      this.#markLater();
    });
  }

  /** Once more when all faults are over and nobody is named who is lost, so that the members of every run are compared. */
  markAtTheEnd(): void {
    this.#requests.insist(
      () => ({ body: { kind: 'mark-hashes' }, session: null }),
      () => true,
    );
  }

  #reportHashes(member: SimulatedMember, { index, bytes }: StateHashes): void {
    this.counts.reports++;
    const body: CommandBody = { kind: 'report-hashes', index, member: member.id, hashes: bytes };
    this.#requests.askOne(member, { body, session: null }, () => undefined);
  }

  #readLater(): void {
    this.#timeline.after(this.#random.span(0, this.#settings.thinkMsMax), 'client', () => {
      if (!this.#stopped) this.#readLater();
      // Whoever takes itself for the leader is asked more often: one of two is deposed and does not know it.
      const leading = this.#members.filter((one) => one.status?.role === 'leader');
      const member = this.#random.pick(leading.length > 0 && this.#random.chance(0.5) ? leading : this.#members);
      if (!member.alive || !this.#random.chance(this.#settings.readProbability)) return;
      if (this.#random.chance(0.3)) {
        const probe = ++this.#readId;
        this.#fresh.get(member.id)!.asked(probe, member, this.#toldRevision);
        member.read(probe, member.clockMs + deadlineMs);
      }
      const stale = this.#random.pick(this.#members);
      if (this.#fresh.get(stale.id)!.read(stale)) this.counts.staleReads++;
      const id = ++this.#readId;
      this.#reads.set(id, { member, life: member.lives, floorRevision: this.#toldRevision, index: null });
      member.read(id, member.clockMs + deadlineMs);
    });
  }

  /** Reads its own writes, wherever it asks: what its token says it has seen is there, and more. */
  #readByToken(client: number): void {
    const member = this.#random.pick(this.#members);
    if (!member.alive) return;
    this.#tokenReads.push({ member, life: member.lives, client });
    this.#finishReads(member);
  }

  #finishTokenReads(member: SimulatedMember, tables: ReadTables): void {
    this.#tokenReads = this.#tokenReads.filter((read) => {
      if (read.member.lives !== read.life) return false;
      const token = this.#tokens[read.client]!;
      if (read.member !== member || member.appliedIndex < token.index) return true;
      const { revision } = readProgress(tables);
      if (revision < token.revision) {
        throw new Violation(
          'a client sees what it has seen',
          `member ${member.id} shows revision ${revision} to a client that has seen ${token.revision}`,
        );
      }
      this.#history.checkState(`member ${member.id}`, tables);
      token.index = Math.max(token.index, member.appliedIndex);
      token.revision = Math.max(token.revision, revision);
      this.counts.tokenReads++;
      return false;
    });
  }

  #finishReads(member: SimulatedMember): void {
    if (member.tables !== null && this.#tokenReads.length > 0) this.#finishTokenReads(member, member.tables);
    for (const [id, read] of this.#reads) {
      if (read.member !== member || read.index === null || member.tables === null || member.appliedIndex < read.index) continue;
      this.#reads.delete(id);
      this.counts.reads++;
      this.#history.checkState(`member ${member.id}`, member.tables);
      const { revision } = readProgress(member.tables);
      if (revision < read.floorRevision) {
        throw new Violation(
          'a strong read is never stale',
          `member ${member.id} shows revision ${revision}; ${read.floorRevision} was acknowledged before`,
        );
      }
      this.#toldRevision = Math.max(this.#toldRevision, revision);
    }
  }
}

function isFull(result: CommandResult): boolean {
  return result.kind === 'refused' && result.refusal.code === 'entry-full';
}

function writeBody({ environments, value }: ClientWrite): CommandBody {
  const variable = {
    name: 'X',
    value: { kind: 'plain', bytes: encodeUtf8(value) },
    secret: null,
    hash: null,
    type: null,
    comment: null,
  } as const;
  return {
    kind: 'write',
    conditions: [],
    operations: environments.map((environment) => ({ kind: 'set', environment, createIfAbsent: true, variables: [variable] })),
  };
}
