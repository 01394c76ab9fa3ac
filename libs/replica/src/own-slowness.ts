import { Slowness } from './slowness.ts';

/** The part of an election timeout beyond which a write of the log, or the time between two ticks, is slow. */
const slowPart = 0.5;

/** Election timeouts without anything slow after which a member has recovered. */
const calmElections = 2;

export interface OwnSlownessOptions {
  /** Milliseconds of the shortest election timeout. */
  readonly electionMs: number;
  /** Milliseconds for which it may be slow, again and again, while it leads. */
  readonly bearMs: number;
}

/**
 * How slow a member's thread and the disk of its log are. Its heartbeats wait for no disk, and a thread that is late by less than an election timeout beats often
 * enough: nobody else finds out.
 */
export class OwnSlowness {
  readonly #slowMs: number;
  readonly #bearMs: number;
  readonly #thread: Slowness;
  readonly #disk: Slowness;
  /** Writes of the log that are not durable, and when the log last was idle, or ended one. */
  #writesOpen = 0;
  #movedMs = 0;

  constructor({ electionMs, bearMs }: OwnSlownessOptions) {
    this.#slowMs = slowPart * electionMs;
    this.#bearMs = bearMs;
    this.#thread = new Slowness(calmElections * electionMs);
    this.#disk = new Slowness(calmElections * electionMs);
  }

  /** A tick, and the one before. */
  ticked(beforeMs: number, nowMs: number): void {
    if (nowMs - beforeMs > this.#slowMs) this.#thread.note(beforeMs, nowMs);
  }

  writeBegun(nowMs: number): void {
    if (this.#writesOpen++ === 0) this.#movedMs = nowMs;
  }

  writeEnded(nowMs: number): void {
    this.#noteDisk(nowMs);
    this.#writesOpen--;
    this.#movedMs = nowMs;
  }

  /** A reign begins, which has the whole time: whatever was before does not count. */
  forget(): void {
    this.#thread.forget();
    this.#disk.forget();
  }

  /** Why it should not lead, as a phrase for people that goes on behind its name; null: it is fast enough. */
  complaint(nowMs: number): string | null {
    // A write that has not ended is as slow as it is by now.
    this.#noteDisk(nowMs);
    const threadMs = this.#thread.lastsMs(nowMs);
    const diskMs = this.#disk.lastsMs(nowMs);
    if (Math.max(threadMs, diskMs) <= this.#bearMs) return null;
    return threadMs > diskMs
      ? `has had a thread that is late for ${Math.round(threadMs)} ms, by half an election timeout again and again. Check its processor`
      : `has waited for its disk for ${Math.round(diskMs)} ms, half an election timeout for a write of the log again and again. Check that disk`;
  }

  #noteDisk(nowMs: number): void {
    if (this.#writesOpen > 0 && nowMs - this.#movedMs > this.#slowMs) this.#disk.note(this.#movedMs, nowMs);
  }
}
