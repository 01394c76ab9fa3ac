import {
  type Command,
  type CommandBody,
  type CommandResult,
  encodeCommand,
  type SessionUse,
  type StateHashes,
} from '@env-cli/environments';
import { readProgress } from '@env-cli/keyspace';
import type { Index, MemberId } from '@env-cli/raft';
import type { AppliedBatch, ProposalBatch } from '@env-cli/replica';
import { encodeUtf8, hexOf } from '@env-cli/support';

import { CertainlyLost, Forwarded } from './certainly-lost.ts';
import { Violation } from './checks.ts';
import type { Answers, SimulatedMember } from './member.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** A write that was acknowledged, or is still tried. */
export interface ClientWrite {
  readonly session: string;
  readonly sequence: number;
  readonly environment: string;
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
  /** How long a client waits for an answer before it tries again elsewhere. */
  readonly patienceMs: number;
  readonly thinkMsMax: number;
  readonly readProbability: number;
}

/** How long one proposal may wait in a member. */
const deadlineMs = 2000;

interface Waiting {
  readonly member: SimulatedMember;
  readonly answer: (result: CommandResult | 'failed') => void;
}

/** Clients with sessions: each sends writes, sends those without an answer again to anybody, and reads with strong consistency. */
export class Clients {
  readonly writes: ClientWrite[] = [];
  readonly counts = { attempts: 0, acknowledged: 0, replayed: 0, reads: 0, readsFailed: 0, reports: 0 };
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #settings: ClientSettings;
  #members: readonly SimulatedMember[] = [];
  #stopped = false;
  #counter = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #lost = new CertainlyLost();
  #readId = 0;
  readonly #reads = new Map<
    number,
    { readonly member: SimulatedMember; readonly life: number; readonly floorRevision: number; index: Index | null }
  >();
  /** The newest revision that somebody was told: no strong read that begins now may see less. */
  #toldRevision = 0;
  #open = 0;

  constructor(timeline: Timeline, random: Random, settings: ClientSettings) {
    this.#timeline = timeline;
    this.#random = random;
    this.#settings = settings;
  }

  start(members: readonly SimulatedMember[]): void {
    this.#members = members;
    for (let client = 0; client < this.#settings.clients; client++) this.#openSession(this.#random.bytes(16));
    this.#readLater();
    this.#markLater();
  }

  /** No new writes; those that have no answer are still tried. */
  stop(): void {
    this.#stopped = true;
    this.#markAtTheEnd();
  }

  /** Everything that was begun is acknowledged. */
  get finished(): boolean {
    return this.#stopped && this.#open === 0;
  }

  /** The answers of one member, whichever process of it. */
  answersOf(id: MemberId): Answers {
    const forwarded = new Forwarded();
    return {
      refused: (counters, code) => {
        for (const counter of counters) {
          forwarded.answered(counter);
          if (code !== 'outcome-unknown') this.#lost.told(counter, code);
          this.#answered(counter, 'failed');
        }
      },
      forwarded: (counters, term) => forwarded.sent(counters, term),
      committed: (entries) => this.#lost.committed(entries),
      stateReplaced: () => forwarded.forget(),
      readReady: (read, index) => {
        const waiting = this.#reads.get(read);
        if (waiting === undefined) return;
        waiting.index = index;
        this.#finishReads(waiting.member);
      },
      readRefused: (read) => {
        if (this.#reads.delete(read)) this.counts.readsFailed++;
      },
      applied: (batch) => {
        for (const { counter } of batch.results) forwarded.answered(counter);
        for (const counter of forwarded.settledBy(batch.term)) this.#lost.told(counter, 'a later term was applied');
        this.#applied(id, batch);
      },
      died: () => {
        forwarded.forget();
        for (const [counter, { member }] of this.#waiting) if (member.id === id) this.#answered(counter, 'failed');
        for (const [read, { member }] of this.#reads) if (member.id === id) this.#reads.delete(read);
      },
    };
  }

  #applied(id: MemberId, batch: AppliedBatch): void {
    for (const { counter, result } of batch.results) this.#answered(counter, result);
    const member = this.#members.find((one) => one.id === id);
    if (member === undefined) return;
    if (batch.hashes !== null) this.#reportHashes(member, batch.hashes);
    this.#finishReads(member);
  }

  #openSession(session: Uint8Array): void {
    this.#open++;
    const attempt = (): void =>
      this.#propose({ kind: 'open-session', session }, null, (result) => {
        if (result === 'failed' || result.kind === 'refused') return this.#later(attempt);
        this.#open--;
        this.#run(session);
      });
    attempt();
  }

  #run(session: Uint8Array): void {
    const name = hexOf(session).slice(0, 8);
    const pending = new Set<number>();
    let last = 0;
    const begin = (): void => {
      if (this.#stopped) return;
      this.#timeline.after(this.#random.span(0, this.#settings.thinkMsMax), begin);
      if (pending.size >= this.#settings.windowMax) return;
      const sequence = ++last;
      pending.add(sequence);
      this.#open++;
      const environment = `e${this.#random.below(this.#settings.environments)}`;
      const write: ClientWrite = { session: name, sequence, environment, value: `${name}:${sequence}`, revision: null };
      this.writes.push(write);
      const attempt = (): void => {
        const body = writeBody(write);
        const use = { session, sequence, firstIncomplete: Math.min(...pending) };
        this.#propose(body, use, (result) => {
          if (result === 'failed' || (result.kind === 'refused' && result.refusal.code === 'entry-full'))
            return this.#later(attempt);
          pending.delete(sequence);
          this.#open--;
          this.#acknowledge(write, result);
        });
      };
      attempt();
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
    this.#toldRevision = Math.max(this.#toldRevision, result.revision);
  }

  /** As a member's leader does from time to time: every member says what it holds after this entry. */
  #markLater(): void {
    this.#timeline.after(this.#random.span(1, 8) * this.#settings.patienceMs, () => {
      if (this.#stopped) return;
      this.#propose({ kind: 'mark-hashes' }, null, () => undefined);
      this.#markLater();
    });
  }

  /** Once more when all faults are over, so that the members of every run are compared. */
  #markAtTheEnd(): void {
    this.#open++;
    const attempt = (): void =>
      this.#propose({ kind: 'mark-hashes' }, null, (result) => {
        if (result === 'failed') return this.#later(attempt);
        this.#open--;
      });
    attempt();
  }

  #reportHashes(member: SimulatedMember, { index, bytes }: StateHashes): void {
    this.counts.reports++;
    this.#proposeAt(member, { kind: 'report-hashes', index, member: member.id, hashes: bytes }, null, () => undefined);
  }

  #propose(body: CommandBody, session: SessionUse | null, answer: (result: CommandResult | 'failed') => void): void {
    this.#proposeAt(this.#random.pick(this.#members), body, session, answer);
  }

  #proposeAt(
    member: SimulatedMember,
    body: CommandBody,
    session: SessionUse | null,
    answer: (result: CommandResult | 'failed') => void,
  ): void {
    if (!member.alive) {
      answer('failed');
      return;
    }
    this.counts.attempts++;
    const counter = ++this.#counter;
    this.#waiting.set(counter, { member, answer });
    const command: Command = {
      level: 1,
      group: 1,
      namespace: 'default',
      principal: 'simulated',
      authorisationRevision: 0,
      requestId: { member: member.id, startNonce: member.lives, counter },
      session,
      reason: new Uint8Array(),
      body,
    };
    member.propose(batchOf(counter, encodeCommand(command), this.#timeline.nowMs + deadlineMs));
    this.#timeline.after(this.#settings.patienceMs, () => this.#answered(counter, 'failed'));
  }

  /** The first answer counts; what comes after a client gave up is not heard, but may have happened. */
  #answered(counter: number, result: CommandResult | 'failed'): void {
    const waiting = this.#waiting.get(counter);
    if (waiting === undefined) return;
    this.#waiting.delete(counter);
    waiting.answer(result);
  }

  #later(attempt: () => void): void {
    this.#timeline.after(this.#random.span(1, this.#settings.patienceMs / 4), attempt);
  }

  #readLater(): void {
    this.#timeline.after(this.#random.span(0, this.#settings.thinkMsMax), () => {
      if (!this.#stopped) this.#readLater();
      // Whoever takes itself for the leader is asked more often: one of two is deposed and does not know it.
      const leading = this.#members.filter((one) => one.status?.role === 'leader');
      const member = this.#random.pick(leading.length > 0 && this.#random.chance(0.5) ? leading : this.#members);
      if (!member.alive || !this.#random.chance(this.#settings.readProbability)) return;
      const id = ++this.#readId;
      this.#reads.set(id, { member, life: member.lives, floorRevision: this.#toldRevision, index: null });
      member.read(id, this.#timeline.nowMs + deadlineMs);
    });
  }

  #finishReads(member: SimulatedMember): void {
    for (const [id, read] of this.#reads) {
      if (read.member !== member || read.index === null || member.tables === null || member.appliedIndex < read.index) continue;
      this.#reads.delete(id);
      this.counts.reads++;
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

function writeBody({ environment, value }: ClientWrite): CommandBody {
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
    operations: [{ kind: 'set', environment, createIfAbsent: true, variables: [variable] }],
  };
}

function batchOf(counter: number, bytes: Uint8Array, untilMs: number): ProposalBatch {
  return {
    counters: Float64Array.of(counter),
    deadlinesMs: Float64Array.of(untilMs),
    rows: Uint32Array.of(8),
    ends: Uint32Array.of(bytes.length),
    bytes,
  };
}
