import { type Change, type Client, EnvCliError } from '@env-cli/client';

import type { WriteOperation } from './history.ts';
import { checkLinearizable, linearizabilityFlaws } from './porcupine.ts';
import { loadPrefix, type Workload } from './workload.ts';

/** One change as a history or a watch tells it. */
export interface Told {
  readonly revision: number;
  readonly environment: string;
  readonly value: string;
}

function toldOf(change: Change): Told {
  const value = change.variables.find(({ name }) => name === 'X')?.after?.value ?? '(none)';
  return { revision: change.revision, environment: change.environment, value };
}

const textOf = ({ revision, environment, value }: Told): string => `${environment} = ${value} at ${revision}`;

/** All that was ever changed, by revision, and within one by name. */
export async function changesOf(client: Client, workload: Workload): Promise<Told[]> {
  const told: Told[] = [];
  for (const name of workload.chapters.flatMap(({ names }) => names)) {
    try {
      for await (const change of client.environments.history(name, { pageSize: 1000 })) told.push(toldOf(change));
    } catch (error) {
      // The last chapter may have ended before somebody wrote it.
      if (!(error instanceof EnvCliError) || error.reason !== 'ENVIRONMENT_NOT_FOUND') throw error;
    }
  }
  return told.toSorted((a, b) => a.revision - b.revision || (a.environment < b.environment ? -1 : 1));
}

/** Revisions of writes that do not follow the clock, or come twice: one line each. */
function revisionFlaws(workload: Workload): string[] {
  const done = workload.operations.filter((one): one is WriteOperation => one.kind === 'write' && one.outcome === 'done');
  const byStart = done.toSorted((a, b) => a.startMicros - b.startMicros);
  const byEnd = done.toSorted((a, b) => a.endMicros! - b.endMicros!);
  const flaws: string[] = [];
  let ended = 0;
  let highest = 0;
  for (const write of byStart) {
    while (byEnd[ended]!.endMicros! < write.startMicros) highest = Math.max(highest, byEnd[ended++]!.revision);
    if (write.revision <= highest)
      flaws.push(`a write got revision ${write.revision} although ${highest} was acknowledged before it began`);
  }
  const revisions = done.map(({ revision }) => revision);
  if (new Set(revisions).size < revisions.length) flaws.push('two writes were given one revision');
  return flaws;
}

/** How what is kept differs from what clients were told, one line each: lost, doubled, done although it was told not to be, invented. */
function keptFlaws(workload: Workload, changes: readonly Told[]): string[] {
  const flaws: string[] = [];
  const kept = new Map<string, Told>();
  for (const told of changes) {
    const key = `${told.environment} = ${told.value}`;
    const earlier = kept.get(key);
    if (earlier !== undefined) flaws.push(`${key} happened twice: at ${earlier.revision} and ${told.revision}`);
    kept.set(key, told);
    if (workload.notDone.has(told.value)) flaws.push(`${textOf(told)} happened although its client was told that it did not`);
  }
  for (const write of workload.operations) {
    if (write.kind !== 'write' || write.outcome === 'refused') continue;
    const found = Object.entries(write.sets).map(([environment, value]) => kept.get(`${environment} = ${value}`));
    const revisions = new Set(found.map((told) => told?.revision ?? 0));
    const what = JSON.stringify(write.sets);
    if (revisions.size > 1) flaws.push(`${what} happened in part`);
    if (write.outcome === 'done' && !revisions.has(write.revision))
      flaws.push(`${what} was acknowledged at ${write.revision} and is lost`);
    for (const [environment, value] of Object.entries(write.sets)) kept.delete(`${environment} = ${value}`);
  }
  for (const told of kept.values()) if (!workload.notDone.has(told.value)) flaws.push(`nobody wrote ${textOf(told)}`);
  return flaws;
}

/**
 * What of its promises about writes and strong reads was not kept, one line each. `porcupine`: the checker of histories;
 * `directory`: where it leaves its picture.
 */
export async function historyFlaws(
  workload: Workload,
  changes: readonly Told[],
  { porcupine, directory }: { readonly porcupine: string; readonly directory: string },
): Promise<string[]> {
  const flaws = [...workload.flaws, ...revisionFlaws(workload), ...keptFlaws(workload, changes)];
  const kept = new Map(changes.map(({ environment, value, revision }) => [`${environment} = ${value}`, revision]));
  for (const { history } of workload.chapters) {
    const resolved = history.resolved((environment, value) => kept.get(`${environment} = ${value}`) ?? null);
    flaws.push(...linearizabilityFlaws(await checkLinearizable(porcupine, resolved, directory)));
  }
  return flaws;
}

/** A watch from the beginning at one member, through everything that happens to it. */
export class Follower {
  readonly told: Told[] = [];
  readonly flaws: string[] = [];
  readonly #member: string;
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  #revision = 0;
  readonly #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];

  /** `client` stays with one member. */
  constructor(client: Client, member: string) {
    this.#member = member;
    this.#running = this.#follow(client);
    this.#running.catch(() => undefined);
  }

  /** Resolves once everything up to a revision has been told; rejects when the watch ended or the time is over. */
  async reached(revision: number, timeoutMs: number): Promise<void> {
    if (this.#revision >= revision) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ revision, resolve });
    const late = AbortSignal.timeout(timeoutMs);
    const over = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () =>
        reject(new Error(`the watch at ${this.#member} has come to ${this.#revision} of ${revision}`)),
      );
    });
    await Promise.race([
      promise,
      over,
      this.#running.then(() => Promise.reject(new Error(`the watch at ${this.#member} ended`))),
    ]);
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  /** How what was told differs from what happened: a gap, a duplicate, another order. */
  differences(changes: readonly Told[]): string[] {
    const [told, happened] = [this.told.map(textOf), changes.map(textOf)];
    const at = happened.findIndex((one, i) => one !== told[i]);
    if (at < 0 && told.length === happened.length) return this.flaws;
    const place = at < 0 ? happened.length : at;
    return [
      ...this.flaws,
      `the watch at ${this.#member} told ${told[place] ?? 'nothing more'} in the place of ${happened[place] ?? 'nothing more'}`,
    ];
  }

  async #follow(client: Client): Promise<void> {
    const watch = client.environments.watch({
      prefix: loadPrefix,
      startRevision: 1,
      progress: true,
      signal: this.#over.signal,
      timeoutMs: Infinity,
    });
    for await (const event of watch) {
      if (event.kind === 'changes') {
        if (event.changes[0] !== undefined && event.changes[0].revision <= this.#revision)
          this.flaws.push(`the watch at ${this.#member} told ${event.changes[0].revision} after ${this.#revision}`);
        const changes = event.changes.map(toldOf);
        this.told.push(...changes.toSorted((a, b) => a.revision - b.revision || (a.environment < b.environment ? -1 : 1)));
      }
      this.#revision = Math.max(this.#revision, event.revision);
      for (const { revision, resolve } of this.#waiting) if (revision <= this.#revision) resolve();
    }
  }
}
