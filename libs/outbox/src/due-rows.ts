import type { DueRow, Host } from './ports.ts';

/** The shortest time between the beginnings of two passes, in milliseconds: every change of the cluster asks for one. */
const passSpacingMs = 50;

/** The wait after rows could not be read, in milliseconds. */
const troubleWaitMs = 1_000;

/**
 * The outbox rows of one mirror, in passes from the first name to the last: a page is read when the one before is used up, so that
 * rows cost memory by the page, however many are due. A new pass begins when something changed since the last one began.
 */
export class DueRows {
  readonly #read: (after: string | null) => Promise<readonly DueRow[]>;
  readonly #pageRows: number;
  readonly #host: Host;
  readonly #onPage: () => void;
  readonly #onTrouble: (error: unknown) => void;
  #page: readonly DueRow[] = [];
  #at = 0;
  /** The name after which the next page begins. */
  #after: string | null = null;
  #state: 'between-passes' | 'in-pass' | 'reading' = 'between-passes';
  #changed = true;
  #notBeforeMs = -Infinity;
  #cancelTimer: (() => void) | null = null;
  #ended = false;

  constructor(options: {
    readonly read: (after: string | null) => Promise<readonly DueRow[]>;
    readonly pageRows: number;
    readonly host: Host;
    readonly onPage: () => void;
    readonly onTrouble: (error: unknown) => void;
  }) {
    this.#read = options.read;
    this.#pageRows = options.pageRows;
    this.#host = options.host;
    this.#onPage = options.onPage;
    this.#onTrouble = options.onTrouble;
  }

  /** Something changed: rows may stand anywhere. */
  changed(): void {
    this.#changed = true;
  }

  /** The next row of the pass that `wanted` lets through; null: none is at hand (`onPage` says when it is worth asking again). */
  next(wanted: (row: DueRow) => boolean): DueRow | null {
    while (this.#at < this.#page.length) {
      const row = this.#page[this.#at++]!;
      if (wanted(row)) return row;
    }
    this.#readOn();
    return null;
  }

  end(): void {
    this.#ended = true;
    this.#cancelTimer?.();
  }

  #readOn(): void {
    if (this.#ended || this.#state === 'reading' || this.#cancelTimer !== null) return;
    if (this.#state === 'between-passes' && !this.#changed) return;
    const waitMs = this.#notBeforeMs - this.#host.nowMs();
    if (this.#state === 'between-passes' && waitMs > 0) {
      this.#cancelTimer = this.#host.after(waitMs, () => {
        this.#cancelTimer = null;
        this.#onPage();
      });
      return;
    }
    if (this.#state === 'between-passes') {
      this.#changed = false;
      this.#notBeforeMs = this.#host.nowMs() + passSpacingMs;
      this.#after = null;
    }
    this.#state = 'reading';
    void this.#readPage();
  }

  async #readPage(): Promise<void> {
    try {
      this.#page = await this.#read(this.#after);
      this.#at = 0;
      const last = this.#page.length < this.#pageRows;
      this.#after = last ? null : this.#page.at(-1)!.environment;
      this.#state = last ? 'between-passes' : 'in-pass';
    } catch (error) {
      this.#changed = true;
      this.#state = 'between-passes';
      this.#notBeforeMs = this.#host.nowMs() + troubleWaitMs;
      if (!this.#ended) this.#onTrouble(error);
    }
    if (!this.#ended) this.#onPage();
  }
}
