import type { Io, Sink } from './io.ts';

/** Places of the bar itself. */
const barPlaces = 30;

/** How often it is drawn at most, in milliseconds. */
const drawEveryMs = 100;

/** A bar on the terminal of a person who waits: on standard error, and nowhere else. It is gone when the work is done. */
export class Progress {
  readonly #sink: Sink;
  readonly #now: () => Date;
  readonly #what: string;
  readonly #total: number;
  #done = 0;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  /** `what`: what is counted, such as `environments`. */
  constructor(io: Io, what: string, total: number) {
    this.#sink = io.stderr;
    this.#now = io.now;
    this.#what = what;
    this.#total = total;
    this.#draw();
  }

  /** So much more is done. */
  add(count: number): void {
    this.#done += count;
    this.#draw();
  }

  /** Takes the bar away. What is said next begins at the line's beginning. */
  end(): void {
    if (this.#isDrawn) this.#sink.write('\r\u001B[2K', ignored);
    this.#isDrawn = false;
  }

  #draw(): void {
    if (this.#sink.isTTY !== true || this.#total === 0) return;
    const nowMs = this.#now().getTime();
    if (nowMs - this.#drawnAtMs < drawEveryMs && this.#done < this.#total) return;
    this.#drawnAtMs = nowMs;
    this.#isDrawn = true;
    const filled = Math.floor((this.#done / this.#total) * barPlaces);
    const bar = '█'.repeat(filled) + '░'.repeat(barPlaces - filled);
    const percent = Math.floor((this.#done / this.#total) * 100);
    this.#sink.write(`\r\u001B[2K${bar} ${percent} %  ${this.#done} of ${this.#total} ${this.#what}`, ignored);
  }
}

/** A bar that cannot be drawn is none: the work goes on. */
function ignored(): void {}
