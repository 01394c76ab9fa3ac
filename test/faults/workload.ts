import { type Client, type Condition, connect, EnvCliError, type Environment, type WriteAnswer } from '@env-cli/client';
import { setTimeout as pause } from 'node:timers/promises';

import type { Random } from '../support/random.ts';
import { endMicrosNow, History, type Operation, type Seen, startMicrosNow, type WriteOperation } from './history.ts';

/** What all names of the load begin with. */
export const loadPrefix = 'faults/';

/** Operations of one chapter. More would only make the search for an order slower. */
const chapterOperationsMax = 4000;
/** Environments of a chapter: few, so that many clients write each. */
const environmentsCount = 4;
/** How stale a read of bounded staleness may be. */
const staleMsMax = 500;

const writersCount = 5;
/** Clients that give up early, and so often do not learn what became of a write. */
const impatientCount = 2;
const impatientMs = 700;
const patientMs = 30_000;

/**
 * Operations on environments of their own. A run has one chapter after another, so that each is short enough to look for an
 * order of it; what is between chapters is checked by revisions ({@link Workload.revisionFlaws}).
 */
interface Chapter {
  readonly names: readonly string[];
  readonly history: History;
}

/** Clients that write and read until they are stopped, and note what they saw. */
export class Workload {
  readonly chapters: Chapter[] = [];
  /** What was wrong at once: a promise of a token or of a staleness bound that was not kept. */
  readonly flaws: string[] = [];
  /** Failures that clients were told, by reason. */
  readonly failures = new Map<string, number>();
  /** Values of writes that were certainly not done, by the word of the cluster. */
  readonly notDone = new Set<string>();
  readonly counts = { written: 0, refused: 0, unknown: 0, strongReads: 0, tokenReads: 0, boundedReads: 0 };
  readonly #random: Random;
  readonly #paceMs: number;
  readonly #over = new AbortController();
  readonly #clients: Client[] = [];
  readonly #newest: { revision: number; endMicros: number }[] = [];
  #newestRevision = 0;
  /** The newest write that was acknowledged, with its token: for reads at other members. */
  #passedOn: { readonly environment: string; readonly revision: number; readonly token: string } | null = null;
  #values = 0;
  #running: Promise<unknown> = Promise.resolve();

  /** `paceMs`: how long a client waits between two operations. */
  constructor(random: Random, paceMs: number) {
    this.#random = random;
    this.#paceMs = paceMs;
    this.#turn();
  }

  /** Begins, with clients of all addresses and some for each of `homes`, which stay there. */
  async start(addresses: readonly string[], homes: readonly string[] = addresses): Promise<void> {
    const open = async (at: string | readonly string[], timeoutMs: number, followLeader: boolean): Promise<Client> => {
      const client = await connect(at, { timeoutMs, followLeader, connectTimeoutMs: patientMs });
      this.#clients.push(client);
      return client;
    };
    const writers = await Promise.all(Array.from({ length: writersCount }, () => open(addresses, patientMs, true)));
    const impatient = await Promise.all(Array.from({ length: impatientCount }, () => open(addresses, impatientMs, true)));
    const staying = await Promise.all(homes.map((address) => open(address, impatientMs * 2, false)));
    const lanes = [
      ...[...writers, ...impatient].map((client) => (id: number) => this.#writeOnce(client, id)),
      ...staying.map((client) => (id: number) => this.readOnce(client, id)),
      ...staying.map((client) => (_id: number) => this.#readByToken(client)),
      ...staying.map((client) => (_id: number) => this.#readBounded(client)),
    ];
    this.#running = Promise.all(lanes.map((once, id) => this.#repeat(() => once(id))));
    this.#running.catch(() => this.#over.abort());
  }

  /** Lets all that is under way end. Rejects when a client broke down. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#running;
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  get #chapter(): Chapter {
    return this.chapters.at(-1)!;
  }

  get operations(): Operation[] {
    return this.chapters.flatMap(({ history }) => history.operations);
  }

  #turn(): void {
    const number = this.chapters.length + 1;
    const names = Array.from({ length: environmentsCount }, (_, i) => `${loadPrefix}${number}/${String.fromCharCode(97 + i)}`);
    this.chapters.push({ names, history: new History() });
  }

  async #repeat(once: () => Promise<unknown>): Promise<void> {
    while (!this.#over.signal.aborted) {
      await once();
      await pause(this.#paceMs);
    }
  }

  async #writeOnce(client: Client, id: number): Promise<void> {
    if (this.#chapter.history.operations.length >= chapterOperationsMax) this.#turn();
    const { names, history } = this.#chapter;
    const [one, other] = [this.#random.pick(names), this.#random.pick(names)];
    const value = `v${++this.#values}`;
    const kind = this.#random.fraction();
    const targets = kind < 0.2 ? [...new Set([one, other])] : [one];
    const at: Record<string, number> = {};
    if (kind > 0.6) {
      const known = await this.#look(client, id, [one], history);
      if (known instanceof EnvCliError) return;
      at[one] = known[one]?.revision ?? 0;
    }
    const conditions: Condition[] = Object.entries(at).map(([environment, revision]) =>
      revision === 0 ? { kind: 'absent', environment } : { kind: 'at-revision', environment, revision },
    );
    const operations = targets.map((environment) => ({
      kind: 'set' as const,
      environment,
      variables: { X: value },
      createIfAbsent: true,
    }));
    const startMicros = startMicrosNow();
    const base = {
      kind: 'write',
      client: id,
      startMicros,
      sets: Object.fromEntries(targets.map((name) => [name, value])),
      at,
    } as const;
    const ended = (rest: Pick<WriteOperation, 'endMicros' | 'outcome' | 'revision'>): void => history.add({ ...base, ...rest });
    let answer: WriteAnswer;
    try {
      answer = await client.environments.write({ operations, conditions });
    } catch (error) {
      const endMicros = endMicrosNow();
      const failure = this.#failed(error);
      if (failure.outcomeUnknown) {
        this.counts.unknown++;
        ended({ endMicros: null, outcome: 'unknown', revision: 0 });
      } else {
        this.notDone.add(value);
        // Told again to a retry, a refusal has lost its reason; only a condition can have been it.
        const isRefusal = failure.reason === 'CONDITION_FAILED' || failure.reason === 'REPLAYED_REFUSAL';
        if (!isRefusal || conditions.length === 0) return;
        this.counts.refused++;
        ended({ endMicros, outcome: 'refused', revision: 0 });
      }
      return;
    }
    const endMicros = endMicrosNow();
    this.counts.written++;
    ended({ endMicros, outcome: 'done', revision: answer.revision });
    this.#acknowledged(answer, endMicros, one);
  }

  #acknowledged({ revision, header }: WriteAnswer, endMicros: number, environment: string): void {
    this.#passedOn = { environment, revision, token: header.token };
    if (revision <= this.#newestRevision) return;
    this.#newestRevision = revision;
    this.#newest.push({ revision, endMicros });
  }

  /** One strong read of what is written now. Answers why it failed, or null. */
  async readOnce(client: Client, id: number): Promise<EnvCliError | null> {
    const { names, history } = this.#chapter;
    const asked = this.#random.fraction() < 0.3 ? names : [this.#random.pick(names)];
    const found = await this.#look(client, id, asked, history);
    if (found instanceof EnvCliError) return found;
    this.counts.strongReads++;
    return null;
  }

  /** A strong read, noted; or why it was not answered. */
  async #look(
    client: Client,
    id: number,
    names: readonly string[],
    history: History,
  ): Promise<Record<string, Seen> | EnvCliError> {
    const startMicros = startMicrosNow();
    try {
      const { environments } = await client.environments.batchGet(names, { consistency: 'strong' });
      const endMicros = endMicrosNow();
      const found: Record<string, Seen> = Object.fromEntries(names.map((name) => [name, null]));
      for (const environment of environments) found[environment.name] = seenOf(environment);
      history.add({ kind: 'read', client: id, startMicros, endMicros, found });
      return found;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** What another client was told, asked of this member with the token that came with it. */
  async #readByToken(client: Client): Promise<void> {
    const passedOn = this.#passedOn;
    if (passedOn === null) return;
    const { environment, revision, token } = passedOn;
    try {
      const answer = await client.environments.get(environment, { consistency: 'read-your-writes', token });
      this.counts.tokenReads++;
      const { modifyRevision } = answer.environment;
      if (modifyRevision < revision || answer.header.revision < revision)
        this.flaws.push(
          `member ${answer.header.memberId} gave revision ${modifyRevision} of ${environment} for the token of ${revision}`,
        );
    } catch (error) {
      const failure = this.#failed(error);
      if (failure.reason === 'ENVIRONMENT_NOT_FOUND')
        this.flaws.push(`${environment} is not there for the token of its revision ${revision}`);
    }
  }

  /** All that was acknowledged before the bound has to be seen. */
  async #readBounded(client: Client): Promise<void> {
    const boundMicros = startMicrosNow() - staleMsMax * 1000;
    const floor = this.#newest.findLast(({ endMicros }) => endMicros <= boundMicros)?.revision ?? 0;
    try {
      const answer = await client.environments.batchGet(this.#chapter.names, { consistency: { maxLagMs: staleMsMax } });
      this.counts.boundedReads++;
      if (answer.header.revision < floor)
        this.flaws.push(
          `member ${answer.header.memberId} gave a state of ${answer.header.revision}, staler than ${staleMsMax} ms: ${floor}`,
        );
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): EnvCliError {
    if (!(error instanceof EnvCliError)) throw error;
    this.failures.set(error.reason, (this.failures.get(error.reason) ?? 0) + 1);
    return error;
  }
}

function seenOf(environment: Environment): Seen {
  const value = environment.variables.find(({ name }) => name === 'X')?.value;
  return { value: value ?? '(none)', revision: environment.modifyRevision };
}
