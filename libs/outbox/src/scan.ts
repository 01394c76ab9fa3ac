import type { Ending } from './ending.ts';
import type { OutboxLimits } from './limits.ts';
import type { HeldRow, Host } from './ports.ts';
import type { TargetLimits } from './provider.ts';

/** A scan comes this much sooner or later than its mean, as a share, so that the mirrors of a cluster do not scan together. */
const scanJitterShare = 0.2;

/** Names of compared environments that a scan remembers, so as not to compare them twice. Beyond it, some are. */
const comparedMax = 100_000;

export interface ScanOptions {
  /** Delivery rows after a name, a page of them. */
  readonly held: (after: string | null) => Promise<readonly HeldRow[]>;
  /** Environments with this mirror's stamp at the target. */
  readonly owned: () => AsyncIterable<string>;
  /** Compares one environment with its target and sets right what the mirror's policy says; resolves when that is done. Never rejects. */
  readonly compare: (environment: string) => Promise<void>;
  readonly limits: OutboxLimits;
  readonly target: TargetLimits;
  readonly host: Host;
  readonly ending: Ending;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Looks at what was delivered long ago: at times for what others changed there, and early in a reign for what the old leader
 * landed late. One look at a time.
 */
export class Scan {
  readonly #options: ScanOptions;
  /** What was delivered in this reign before the look back; null: that is over. */
  #deliveredEarly: Set<string> | null = null;
  #looking: Promise<void> = Promise.resolve();
  readonly #cancels = new Set<() => void>();

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#planNext();
  }

  /** The reign before may have calls under way, which end within the longest time that a call may take. */
  watchTakeover(): void {
    const { target } = this.#options;
    this.#deliveredEarly = new Set();
    // Another member's folder is not this one: what it reported says nothing of what is here.
    if (target.perMember) this.#after(target.callMsMax, () => this.#look(() => this.#everything()));
    this.#after(3 * target.callMsMax, () => this.#look(() => this.#lookBack()));
  }

  /** An environment was delivered. */
  delivered(environment: string): void {
    if (this.#deliveredEarly !== null && this.#deliveredEarly.size < this.#options.limits.readBackMax) {
      this.#deliveredEarly.add(environment);
    }
  }

  /** Looks no more; resolves when what is under way has seen that it is over. */
  end(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    return this.#looking;
  }

  #planNext(): void {
    const { host, limits } = this.#options;
    const jitter = 1 + scanJitterShare * (2 * host.random() - 1);
    this.#after(limits.scanIntervalMs * jitter, () => {
      this.#look(() => this.#everything());
      this.#planNext();
    });
  }

  #after(delayMs: number, callback: () => void): void {
    const cancel = this.#options.host.after(delayMs, () => {
      this.#cancels.delete(cancel);
      callback();
    });
    this.#cancels.add(cancel);
  }

  #look(look: () => Promise<void>): void {
    this.#looking = this.#looking.then(look).catch((error: unknown) => {
      if (!this.#options.ending.over) this.#options.onTrouble(error);
    });
  }

  async #everything(): Promise<void> {
    const compared = new Set<string>();
    await this.#compareAll(this.#heldNames(), compared);
    await this.#compareAll(this.#options.owned(), compared);
  }

  /** What was delivered last before this reign, and first in it: there a late call of the old leader may have landed. */
  async #lookBack(): Promise<void> {
    const early = this.#deliveredEarly ?? [];
    this.#deliveredEarly = null;
    const { readBackMax } = this.#options.limits;
    let newest: HeldRow[] = [];
    for await (const page of this.#heldPages()) {
      newest = [...newest, ...page].toSorted((a, b) => b.revision - a.revision).slice(0, readBackMax);
    }
    const names = new Set([...early, ...newest.map(({ environment }) => environment)]);
    await this.#compareAll(names, new Set());
  }

  async *#heldPages(): AsyncGenerator<readonly HeldRow[]> {
    const { held, limits, ending } = this.#options;
    let after: string | null = null;
    while (!ending.over) {
      const page = await held(after);
      yield page;
      if (page.length < limits.pageRows) return;
      after = page.at(-1)!.environment;
    }
  }

  async *#heldNames(): AsyncGenerator<string> {
    for await (const page of this.#heldPages()) {
      for (const { environment } of page) yield environment;
    }
  }

  async #compareAll(names: AsyncIterable<string> | Iterable<string>, compared: Set<string>): Promise<void> {
    const { compare, limits, ending } = this.#options;
    const under = new Set<Promise<void>>();
    for await (const environment of names) {
      if (ending.over) return;
      if (compared.has(environment)) continue;
      if (compared.size < comparedMax) compared.add(environment);
      const one = compare(environment).then(() => void under.delete(one));
      under.add(one);
      if (under.size >= limits.scanDeliveriesMax) await Promise.race(under);
    }
    await Promise.all(under);
  }
}
