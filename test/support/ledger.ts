import { type Client, type Consistency, EnvCliError, type WriteAnswer } from '@env-cli/client';

/** A write as its client saw it. */
export interface LedgerWrite {
  readonly environment: string;
  /** Unique among all writes of the run. */
  readonly value: string;
  /** Null when it was not acknowledged: it may have happened once, or not. */
  revision: number | null;
}

/** What clients were told, to be held against what the cluster keeps. */
export class Ledger {
  readonly writes: LedgerWrite[] = [];
  readonly failures = new Map<string, number>();
  /** Reads whose answer was older than something that had been acknowledged before they began. */
  readonly staleReads: string[] = [];
  strongReads = 0;
  /** The newest revision that was acknowledged for each environment. */
  readonly #newest = new Map<string, number>();

  get acknowledged(): readonly LedgerWrite[] {
    return this.writes.filter((write) => write.revision !== null);
  }

  newestOf(environment: string): number {
    return this.#newest.get(environment) ?? 0;
  }

  /** Writes one unique value after another until told to stop, with up to `windowMax` of them unanswered. */
  async writeUntil(client: Client, environment: string, windowMax: number, signal: AbortSignal): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (!signal.aborted) {
        const write: LedgerWrite = { environment, value: `${environment}#${++next}`, revision: null };
        this.writes.push(write);
        await this.note(write, client.environments.set(environment, { X: write.value }, { createIfAbsent: true }));
      }
    };
    await Promise.all(Array.from({ length: windowMax }, lane));
  }

  /** Reads with strong consistency until told to stop, and notes what is older than it may be. */
  async readUntil(client: Client, environment: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await this.read(client, environment, 'strong');
  }

  async read(client: Client, environment: string, consistency: Consistency): Promise<void> {
    const floor = this.newestOf(environment);
    try {
      const { environment: found } = await client.environments.get(environment, { consistency });
      this.strongReads++;
      if (found.modifyRevision < floor)
        this.staleReads.push(`${environment}: ${found.modifyRevision} after ${floor} was acknowledged`);
    } catch (error) {
      this.#failed(error, floor > 0);
    }
  }

  async note(write: LedgerWrite, answer: Promise<WriteAnswer>): Promise<void> {
    try {
      const { revision } = await answer;
      write.revision = revision;
      this.#newest.set(write.environment, Math.max(this.newestOf(write.environment), revision));
    } catch (error) {
      this.#failed(error, true);
    }
  }

  #failed(error: unknown, isKnown: boolean): void {
    if (!(error instanceof EnvCliError)) throw error;
    // Before the first write of an environment there is nothing to be found.
    if (error.reason === 'ENVIRONMENT_NOT_FOUND' && !isKnown) return;
    this.failures.set(error.reason, (this.failures.get(error.reason) ?? 0) + 1);
  }

  /** What is wrong with the history of the environments, one line each: empty when nothing is. */
  async flaws(client: Client): Promise<string[]> {
    const flaws: string[] = [];
    for (const environment of new Set(this.writes.map((write) => write.environment))) {
      const happened = new Map<string, number>();
      for await (const change of client.environments.history(environment, { pageSize: 1000 })) {
        const value = change.variables.find(({ name }) => name === 'X')?.after?.value ?? null;
        if (value === null) continue;
        const earlier = happened.get(value);
        if (earlier !== undefined) flaws.push(`${value} happened twice: at ${earlier} and ${change.revision}`);
        happened.set(value, change.revision);
      }
      for (const write of this.writes) {
        if (write.environment !== environment || write.revision === null) continue;
        const revision = happened.get(write.value);
        if (revision === undefined) flaws.push(`${write.value} was acknowledged at ${write.revision} and is lost`);
        else if (revision !== write.revision)
          flaws.push(`${write.value} was acknowledged at ${write.revision} and is at ${revision}`);
      }
    }
    return flaws;
  }
}
