import {
  type Command,
  type CommandBody,
  commandLevel,
  type CommandResult,
  encodeCommand,
  type SessionUse,
} from '@env-cli/environments';
import type { MemberId } from '@env-cli/raft';
import type { ProposalBatch } from '@env-cli/replica';

import type { SimulatedMember } from './member.ts';
import type { Random } from './random.ts';
import type { Event, Timeline } from './timeline.ts';

/** How long a proposal or a read may wait in a member. */
export const deadlineMs = 2000;
/** How many times the first patience is the longest: an answer that is lost must not cost the whole time in which everything is to become right. */
const growthMax = 8;

/** `index`: of the entry that was applied; 0 when none was. */
type Answer = (result: CommandResult | 'failed', index: number) => void;

interface Waiting {
  readonly member: SimulatedMember;
  readonly answer: Answer;
  /** When the client stops waiting. */
  readonly patience: Event;
}

/** A command, and the place of it in a session if it has one. */
interface Request {
  readonly body: CommandBody;
  readonly session: SessionUse | null;
}

/** What members are asked to write. Each question has one answer: what it came to, or `failed` when nobody said so in time. */
export class Requests {
  /** What is asked until it is answered, and is not. */
  open = 0;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #patienceMs: number;
  /** Of questions that reached a member. */
  readonly #counts: { attempts: number };
  readonly #waiting = new Map<number, Waiting>();
  #members: readonly SimulatedMember[] = [];
  #counter = 0;
  #growsPatient = false;

  constructor(timeline: Timeline, random: Random, patienceMs: number, counts: { attempts: number }) {
    this.#timeline = timeline;
    this.#random = random;
    this.#patienceMs = patienceMs;
    this.#counts = counts;
  }

  /** `members` may grow. */
  start(members: readonly SimulatedMember[]): void {
    this.#members = members;
  }

  /** While things go wrong whoever asks is as impatient as at first, which is harder on the members. That ends. */
  hurryNoMore(): void {
    this.#growsPatient = true;
  }

  /**
   * Asks anybody, again and again, until `isEnough` is content with an answer. Once {@link hurryNoMore} was said, the patience with each attempt and the
   * wait before the next one are twice those of the one before, as with the SDK: a cluster that is merely overloaded gets through.
   */
  insist(request: () => Request, isEnough: (result: CommandResult, index: number) => boolean): void {
    this.open++;
    let growth = 1;
    const attempt = (): void =>
      this.ask(
        request(),
        (result, index) => {
          if (result !== 'failed' && isEnough(result, index)) {
            this.open--;
            return;
          }
          this.#timeline.after(this.#random.span(1, (growth * this.#patienceMs) / 4), 'client', attempt);
          if (this.#growsPatient) growth = Math.min(2 * growth, growthMax);
        },
        growth * this.#patienceMs,
      );
    attempt();
  }

  /** Asks anybody, once. */
  ask(request: Request, answer: Answer, patienceMs = this.#patienceMs): void {
    // Now and then whoever takes itself for the leader: one that is deposed and does not know it gets a tail that nobody else has.
    const leading = this.#random.chance(0.3) ? this.#members.filter((one) => one.status?.role === 'leader') : [];
    this.askOne(this.#random.pick(leading.length > 0 ? leading : this.#members), request, answer, patienceMs);
  }

  /** Asks one member, once. */
  askOne(member: SimulatedMember, { body, session }: Request, answer: Answer, patienceMs = this.#patienceMs): void {
    if (!member.alive) {
      answer('failed', 0);
      return;
    }
    this.#counts.attempts++;
    const counter = ++this.#counter;
    const patience = this.#timeline.after(patienceMs, 'client', () => this.answered(counter, 'failed'));
    this.#waiting.set(counter, { member, answer, patience });
    const command: Command = {
      level: commandLevel(body),
      group: 1,
      namespace: 'default',
      principal: 'simulated',
      authorisationRevision: 0,
      requestId: { member: member.id, startNonce: member.lives, counter },
      session,
      reason: new Uint8Array(),
      body,
    };
    member.propose(batchOf(counter, encodeCommand(command), member.clockMs + deadlineMs));
  }

  /** The first answer counts; what comes after a client gave up is not heard, but may have happened. */
  answered(counter: number, result: CommandResult | 'failed', index = 0): void {
    const waiting = this.#waiting.get(counter);
    if (waiting === undefined) return;
    this.#waiting.delete(counter);
    this.#timeline.callOff(waiting.patience);
    waiting.answer(result, index);
  }

  /** Whoever waits for a member that died has its answer. */
  died(id: MemberId): void {
    for (const [counter, { member }] of this.#waiting) if (member.id === id) this.answered(counter, 'failed');
  }
}

function batchOf(counter: number, bytes: Uint8Array, untilMs: number): ProposalBatch {
  return {
    counters: Float64Array.of(counter),
    deadlinesMs: Float64Array.of(untilMs),
    rows: Uint32Array.of(16),
    ends: Uint32Array.of(bytes.length),
    bytes,
  };
}
