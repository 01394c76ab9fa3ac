import type { Timeline } from './timeline.ts';

/** The clocks of one machine: they drift, stand still and are set, while virtual time goes its way. */
export class MemberClock {
  readonly #timeline: Timeline;
  /** What the monotonic clock showed at `#sinceMs` of virtual time; from there it runs at `#rate`. */
  #shownMs = 0;
  #sinceMs = 0;
  #rate = 1;
  #frozen = false;
  #wallSkewMs = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  readonly monotonicMs = (): number =>
    this.#frozen ? this.#shownMs : this.#shownMs + (this.#timeline.nowMs - this.#sinceMs) * this.#rate;

  readonly wallMs = (): number => 1_700_000_000_000 + this.#timeline.nowMs + this.#wallSkewMs;

  /** Milliseconds of this machine's clock in one of virtual time. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    this.#settle();
    this.#rate = rate;
  }

  stepWall(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  /** The monotonic clock stands still, while timers fire and messages come. */
  freeze(): void {
    this.#settle();
    this.#frozen = true;
  }

  /** It runs again, from where it stood or from where it should be. */
  thaw(catchesUp: boolean): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    if (!catchesUp) this.#sinceMs = this.#timeline.nowMs;
  }

  #settle(): void {
    this.#shownMs = this.monotonicMs();
    this.#sinceMs = this.#timeline.nowMs;
  }
}
