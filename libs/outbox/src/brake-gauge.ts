import { type BrakeReading, brakeWindowMs, type DeliveryStatus } from '@env-cli/mirroring';

import type { BrakePort, Delivering, Job } from './attempt.ts';
import type { Host } from './ports.ts';
import type { ReadCalls } from './provider.ts';

/** Deletions this close together count as one entry, in milliseconds, so that the history stays short. */
const entrySpanMs = 60_000;

/** How old a count of the withdrawals that wait may be, in milliseconds. */
const countAgeMaxMs = 5_000;

/** Pages of outbox rows that are looked through for it. */
const countPagesMax = 20;

/**
 * What the delete brake of one mirror needs to know: what was deleted lately, and what waits to be. A mistake in a selector
 * arrives as many small withdrawals, each of them harmless, so those that wait count with the one that is asked about.
 *
 * This is not ideal because a new leader begins with an empty history. The withdrawals that wait are replicated, though.
 */
export class BrakeGauge {
  readonly #delivering: Delivering;
  readonly #calls: ReadCalls;
  readonly #host: Host;
  readonly #pageRows: number;
  #deleted: { readonly atMs: number; keys: number }[] = [];
  #withdrawals: { readonly countedAtMs: number; waiting: number } | null = null;
  /** Done at the target, and not reported yet: their rows are still due. */
  readonly #withdrawn = new Set<string>();
  /** Why withdrawals rest; null: they do not. */
  holding: DeliveryStatus | null = null;

  constructor(options: {
    readonly delivering: Delivering;
    readonly calls: ReadCalls;
    readonly host: Host;
    readonly pageRows: number;
  }) {
    this.#delivering = options.delivering;
    this.#calls = options.calls;
    this.#host = options.host;
    this.#pageRows = options.pageRows;
  }

  /** The brake as one delivery meets it. */
  portOf(environment: string, job: Pick<Job, 'cause' | 'kind'>): BrakePort {
    return {
      reading: (deletes) => this.#reading(deletes, job),
      deleted: (keys) => {
        if (keys === 0) return;
        const now = this.#host.nowMs();
        const last = this.#deleted.at(-1);
        if (last !== undefined && now - last.atMs < entrySpanMs) last.keys += keys;
        else this.#deleted.push({ atMs: now, keys });
        if (job.kind !== 'withdraw') return;
        this.#withdrawn.add(environment);
        if (this.#withdrawals !== null) this.#withdrawals.waiting = Math.max(0, this.#withdrawals.waiting - 1);
      },
    };
  }

  /** The delivery of an environment ended, and its row is gone or will be taken anew. */
  settled(environment: string): void {
    this.#withdrawn.delete(environment);
  }

  async #reading(deletes: number, job: Pick<Job, 'cause' | 'kind'>): Promise<BrakeReading> {
    const { mirror, provider } = this.#delivering;
    // Whoever deletes a mirror has said the word that the brake waits for.
    const shareMaxPercent = mirror.deleting ? 100 : mirror.definition.deleteShareMaxPercent;
    // With the brake off nothing is counted.
    if (shareMaxPercent >= 100) return { ownedKeys: 0, waitingKeys: 0, deletedLatelyKeys: 0, shareMaxPercent };
    const ownedKeys = await provider.countOwned(this.#calls);
    const withdrawals = await this.#waitingWithdrawals();
    const others = job.cause === 'due' && job.kind === 'withdraw' ? Math.max(0, withdrawals - 1) : withdrawals;
    // How many keys the others have is not known before they are read: as many as this one, which is exact for blobs.
    return { ownedKeys, waitingKeys: others * deletes, deletedLatelyKeys: this.#deletedLately(), shareMaxPercent };
  }

  #deletedLately(): number {
    const now = this.#host.nowMs();
    this.#deleted = this.#deleted.filter(({ atMs }) => now - atMs < brakeWindowMs);
    return this.#deleted.reduce((sum, { keys }) => sum + keys, 0);
  }

  async #waitingWithdrawals(): Promise<number> {
    const now = this.#host.nowMs();
    if (this.#withdrawals === null || now - this.#withdrawals.countedAtMs > countAgeMaxMs) {
      this.#withdrawals = { countedAtMs: now, waiting: await this.#count() };
    }
    return this.#withdrawals.waiting;
  }

  async #count(): Promise<number> {
    const { source, mirror } = this.#delivering;
    let count = 0;
    let after: string | null = null;
    for (let pages = 0; pages < countPagesMax; pages++) {
      const page = await source.due(mirror.id, after, this.#pageRows);
      count += page.filter((row) => row.kind === 'withdraw' && !this.#withdrawn.has(row.environment)).length;
      if (page.length < this.#pageRows) break;
      after = page.at(-1)!.environment;
    }
    return count;
  }
}
