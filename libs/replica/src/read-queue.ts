import type { Index } from '@env-cli/raft';

import type { Origin, ReadRefusedCode } from './ports.ts';

interface WaitingRead {
  readonly id: number;
  readonly deadlineMs: number;
  readonly sinceMs: number;
}

interface Round {
  readonly reads: readonly WaitingRead[];
  readonly askedMs: number;
}

/**
 * Reads that wait for a read index. Those of one turn share one question to the core.
 *
 * A question that is refused, or not answered in time, is asked again under a new number: an answer to the old one could be
 * of before the newer reads began, and is not looked at.
 */
export class ReadQueue {
  readonly #origin: Origin;
  readonly #max: number;
  /** Reads that are not part of a question. */
  #waiting: WaitingRead[] = [];
  readonly #rounds = new Map<number, Round>();
  #inRounds = 0;
  #lastRound = 0;

  constructor(origin: Origin, max: number) {
    this.#origin = origin;
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.length + this.#inRounds;
  }

  add(id: number, deadlineMs: number, nowMs: number): void {
    if (this.size >= this.#max) this.#origin.readRefused(id, 'too-busy');
    else this.#waiting.push({ id, deadlineMs, sinceMs: nowMs });
  }

  /** The number of the next question, for all that wait, or null when nothing does. */
  nextRound(nowMs: number): number | null {
    if (this.#waiting.length === 0) return null;
    const round = ++this.#lastRound;
    this.#rounds.set(round, { reads: this.#waiting, askedMs: nowMs });
    this.#inRounds += this.#waiting.length;
    this.#waiting = [];
    return round;
  }

  ready(round: number, index: Index): void {
    for (const read of this.#end(round)) this.#origin.readReady(read.id, index);
  }

  /** The reads of the question wait again. */
  refused(round: number): void {
    this.#waiting.push(...this.#end(round));
  }

  /** Questions that were asked before `askedBeforeMs` go back to wait; what waited too long is refused. */
  sweep(nowMs: number, askedBeforeMs: number, sinceBeforeMs: number): void {
    for (const [round, { askedMs }] of this.#rounds) if (askedMs < askedBeforeMs) this.refused(round);
    this.#waiting = this.#waiting.filter((read) => {
      const late = read.deadlineMs <= nowMs;
      if (!late && read.sinceMs >= sinceBeforeMs) return true;
      this.#origin.readRefused(read.id, late ? 'deadline-exceeded' : 'no-leader');
      return false;
    });
  }

  refuseAll(code: ReadRefusedCode): void {
    for (const round of this.#rounds.keys()) this.refused(round);
    for (const read of this.#waiting) this.#origin.readRefused(read.id, code);
    this.#waiting = [];
  }

  #end(round: number): readonly WaitingRead[] {
    const reads = this.#rounds.get(round)?.reads ?? [];
    this.#rounds.delete(round);
    this.#inRounds -= reads.length;
    return reads;
  }
}
