import { monitorEventLoopDelay } from 'node:perf_hooks';

const nanosecondsPerSecond = 1e9;

/** Milliseconds between two looks. Each is a wake-up of the thread: at 10 ms they were most of what an idle member cost. */
const resolution = 50;

/** How late this thread's event loop runs what is due. */
export class LoopDelay {
  readonly #thread: string;
  readonly #histogram = monitorEventLoopDelay({ resolution });

  constructor(thread: string) {
    this.#thread = thread;
    this.#histogram.enable();
  }

  /** Since the last time it was asked, in seconds. */
  take(): Record<string, number> {
    const taken = {
      [`event_loop_delay_p99_seconds_${this.#thread}`]: seconds(this.#histogram.percentile(99)),
      [`event_loop_delay_max_seconds_${this.#thread}`]: seconds(this.#histogram.max),
    };
    this.#histogram.reset();
    return taken;
  }

  close(): void {
    this.#histogram.disable();
  }
}

/** Before anything was measured there is no number. */
function seconds(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? nanoseconds / nanosecondsPerSecond : 0;
}
