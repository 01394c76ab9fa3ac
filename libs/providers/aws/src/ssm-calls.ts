import {
  AddTagsToResourceCommand,
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  ListTagsForResourceCommand,
  type Parameter,
  type ParameterStringFilter,
  PutParameterCommand,
} from '@aws-sdk/client-ssm';
import { isOwn, type ObservedKey, type ObservedTarget, type Step, type StepResult } from '@env-cli/mirroring';
import {
  contentHash,
  type ImportedVariable,
  type ProviderContext,
  type ReadCalls,
  TargetError,
  type WriteCalls,
} from '@env-cli/outbox';

import { AccountCheck } from './account-check.ts';
import type { AwsTarget } from './aws-target.ts';
import type { AwsClients } from './clients.ts';
import { nameOfError, targetErrorOf } from './failure.ts';
import { batchesOf, changedMeanwhile, forEach, stepResults } from './key-steps.ts';
import { standardBytesMax } from './preflight.ts';
import { variablesOf } from './rendering.ts';
import { type FoundTags, readTags, type Tag, tagNames, tagsOf } from './stamp-tags.ts';
import type { StoreCalls } from './stores.ts';

/** Names of one GetParameters or DeleteParameters, and parameters of one page by path. */
const batchMax = 10;
/** Names of one page of DescribeParameters. */
const describePage = 50;
/** AWS: "wait for at least 30 seconds to create a parameter with the same name" as one that was deleted. */
const recreateWaitMs = 30_000;
/** Says that a parameter is of the advanced tier: the way back is closed, and to ask for the standard one is an error. */
const tierTag = 'env-cli:tier';

/** Parameters of one account and region, below a prefix. */
export class SsmCalls implements StoreCalls {
  readonly #target: AwsTarget;
  readonly #context: ProviderContext;
  readonly #clients: AwsClients;
  readonly #account: AccountCheck;
  /** Parameters that are known to be of the advanced tier. */
  readonly #advanced = new Set<string>();

  constructor(target: AwsTarget, context: ProviderContext, clients: AwsClients) {
    this.#target = target;
    this.#context = context;
    this.#clients = clients;
    this.#account = new AccountCheck(target, clients);
  }

  async read(environment: string, keys: readonly string[], calls: ReadCalls): Promise<ObservedTarget> {
    await this.#account.pass(calls);
    // Values first: whoever writes puts the tags there first, so the tags never know less than the value that was read.
    const found = await this.#parametersOf(environment, keys, calls);
    const observed: ObservedKey[] = [];
    await forEach([...found.values()], async (parameter) => {
      const key = parameter.Name!;
      const tags = await this.#tags(key, calls);
      if (tags === null) {
        if (keys.includes(key)) throw changedMeanwhile(key);
        return;
      }
      const { stamps } = readTags(tags);
      const newest = stamps.at(-1);
      const ours = newest !== undefined && isOwn(newest, this.#context.owner) && newest.environment === environment;
      if (!ours && !keys.includes(key)) return;
      if (tags.some(({ Key, Value }) => Key === tierTag && Value === 'Advanced')) this.#advanced.add(key);
      observed.push({ key, stamps, landed: true, valueHash: this.#hashOf(parameter), version: String(parameter.Version) });
    });
    return { keys: observed };
  }

  async apply(steps: readonly Step[], calls: WriteCalls): Promise<readonly StepResult[]> {
    const deletions = steps.filter((step) => step.kind === 'delete');
    const others = steps.filter((step) => step.kind !== 'delete');
    const results = await stepResults(others, (step) =>
      step.kind === 'write' ? this.#write(step, calls) : this.#mark(step, calls),
    );
    for (const batch of batchesOf(deletions, batchMax)) results.push(...(await this.#delete(batch, calls)));
    return results;
  }

  async imported(
    key: string,
    found: ObservedKey,
    variables: readonly string[],
    calls: ReadCalls,
  ): Promise<readonly ImportedVariable[] | null> {
    const parameter = (await this.#byName([key], calls)).get(key);
    if (parameter === undefined || String(parameter.Version) !== found.version) throw changedMeanwhile(key);
    return variablesOf(this.#target, variables, bytesOf(parameter));
  }

  async countOwned(calls: ReadCalls): Promise<number> {
    let count = 0;
    for await (const names of this.#markedNames(calls)) count += names.length;
    return count;
  }

  async *ownedEnvironments(calls: ReadCalls): AsyncGenerator<string> {
    const seen = new Set<string>();
    for await (const names of this.#markedNames(calls)) {
      for (const name of names) {
        const environment = this.#target.names.environmentOf(name);
        if (environment === null || seen.has(environment)) continue;
        seen.add(environment);
        yield environment;
      }
    }
  }

  async close(): Promise<void> {
    this.#clients.close();
  }

  async #parametersOf(environment: string, keys: readonly string[], calls: ReadCalls): Promise<Map<string, Parameter>> {
    const folder = this.#target.names.folder(environment);
    if (folder === null) return this.#byName(keys.length === 0 ? [this.#target.names.key(environment, '')] : keys, calls);
    const found = new Map<string, Parameter>();
    let token: string | undefined;
    do {
      const page = await this.#read('read', calls, `reading ${folder}`, (abortSignal) =>
        this.#clients.ssm.send(
          new GetParametersByPathCommand({
            Path: folder.slice(0, -1),
            Recursive: false,
            WithDecryption: true,
            MaxResults: batchMax,
            ...(token === undefined ? {} : { NextToken: token }),
          }),
          { abortSignal },
        ),
      );
      for (const parameter of page.Parameters ?? []) found.set(parameter.Name!, parameter);
      token = page.NextToken;
    } while (token !== undefined && token !== '');
    return found;
  }

  async #byName(keys: readonly string[], calls: ReadCalls): Promise<Map<string, Parameter>> {
    const found = new Map<string, Parameter>();
    for (const Names of batchesOf(keys, batchMax)) {
      const answer = await this.#read('read', calls, `reading ${Names[0]}`, (abortSignal) =>
        this.#clients.ssm.send(new GetParametersCommand({ Names, WithDecryption: true }), { abortSignal }),
      );
      for (const parameter of answer.Parameters ?? []) found.set(parameter.Name!, parameter);
    }
    return found;
  }

  /** Null: there is no such parameter. */
  async #tags(key: string, calls: ReadCalls): Promise<FoundTags | null> {
    return this.#read('tags', calls, `reading the tags of ${key}`, async (abortSignal) => {
      try {
        const command = new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: key });
        return (await this.#clients.ssm.send(command, { abortSignal })).TagList ?? [];
      } catch (error) {
        if (nameOfError(error) === 'InvalidResourceId') return null;
        throw error;
      }
    });
  }

  /** Names with this mirror's mark, a page at a time. */
  async *#markedNames(calls: ReadCalls): AsyncGenerator<readonly string[]> {
    await this.#account.pass(calls);
    const { owner } = this.#context;
    const { prefix } = this.#target;
    const filters: ParameterStringFilter[] = [
      { Key: `tag:${tagNames.mirror}`, Option: 'Equals', Values: [owner.mirror] },
      { Key: `tag:${tagNames.cluster}`, Option: 'Equals', Values: [owner.clusterId] },
    ];
    if (prefix !== '/') filters.push({ Key: 'Path', Option: 'Recursive', Values: [prefix.slice(0, -1)] });
    let token: string | undefined;
    do {
      const page = await this.#read('describe', calls, `listing ${prefix}`, (abortSignal) =>
        this.#clients.ssm.send(
          new DescribeParametersCommand({
            ParameterFilters: filters,
            MaxResults: describePage,
            ...(token === undefined ? {} : { NextToken: token }),
          }),
          { abortSignal },
        ),
      );
      yield (page.Parameters ?? []).map(({ Name }) => Name!);
      token = page.NextToken;
    } while (token !== undefined && token !== '');
  }

  async #write(step: Extract<Step, { kind: 'write' }>, calls: WriteCalls): Promise<string> {
    const { key, found, stamp, bytes, attributes } = step;
    const standing = (await this.#byName([key], calls)).get(key);
    if (String(standing?.Version ?? '') !== (found?.version ?? '')) throw changedMeanwhile(key);
    const tier = this.#tierOf(key, bytes);
    if (found === null) return this.#put(step, tier, [...tagsOf(stamp, null), ...tierTags(tier)], calls);
    if (standing?.Type !== attributes) return this.#remake(key, calls);
    const before = found.stamps.find(({ valueHash }) => valueHash === found.valueHash) ?? null;
    await this.#addTags(key, [...tagsOf(stamp, before), ...tierTags(tier)], calls);
    return this.#put(step, tier, null, calls);
  }

  async #put(
    step: Extract<Step, { kind: 'write' }>,
    tier: 'Standard' | 'Advanced',
    tags: Tag[] | null,
    calls: WriteCalls,
  ): Promise<string> {
    const { key, bytes, attributes } = step;
    const command = new PutParameterCommand({
      Name: key,
      Value: new TextDecoder().decode(bytes),
      Type: attributes === 'String' ? 'String' : 'SecureString',
      DataType: 'text',
      Tier: tier,
      Overwrite: tags === null,
      ...(tags === null ? {} : { Tags: tags }),
      ...(attributes === 'String' || this.#target.kmsKeyId === '' ? {} : { KeyId: this.#target.kmsKeyId }),
    });
    const answer = await this.#change('write', calls, `writing ${key}`, async (abortSignal) => {
      try {
        return await this.#clients.ssm.send(command, { abortSignal });
      } catch (error) {
        if (tier === 'Advanced' || !isDowngrade(error)) throw error;
        return null;
      }
    });
    if (answer !== null) return String(answer.Version ?? '');
    // Somebody made it an advanced one; AWS takes it back as nothing less.
    this.#advanced.add(key);
    return this.#put(step, 'Advanced', tags, calls);
  }

  /** A parameter's type can only be changed by making it anew, and its name is free again after a while. */
  async #remake(key: string, calls: WriteCalls): Promise<never> {
    await this.#change('write', calls, `deleting ${key}`, (abortSignal) =>
      this.#clients.ssm.send(new DeleteParametersCommand({ Names: [key] }), { abortSignal }),
    );
    throw new TargetError(
      'unavailable',
      `${key} was deleted, because AWS cannot make a plain parameter a secret one or back, and is made anew in ${recreateWaitMs / 1000} s`,
      recreateWaitMs,
    );
  }

  async #mark(step: Extract<Step, { kind: 'mark' }>, calls: WriteCalls): Promise<string> {
    const { key, found, stamp } = step;
    const standing = (await this.#byName([key], calls)).get(key);
    if (String(standing?.Version ?? '') !== found.version) throw changedMeanwhile(key);
    await this.#addTags(key, tagsOf(stamp, null), calls);
    return found.version;
  }

  async #delete(steps: readonly Extract<Step, { kind: 'delete' }>[], calls: WriteCalls): Promise<StepResult[]> {
    const still: string[] = [];
    let standing: Map<string, Parameter>;
    try {
      standing = await this.#byName(
        steps.map(({ key }) => key),
        calls,
      );
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      return steps.map(({ key }) => ({ key, failure: error.failure, version: '' }));
    }
    const checked = await stepResults(steps, async ({ key, found }) => {
      const parameter = standing.get(key);
      // It is gone, and that is what was wanted.
      if (parameter === undefined) return '';
      if (String(parameter.Version) !== found.version) throw changedMeanwhile(key);
      // The mark is looked at once more: it alone makes this ours to delete.
      const newest = readTags((await this.#tags(key, calls)) ?? []).stamps.at(-1);
      if (newest === undefined || JSON.stringify(newest) !== JSON.stringify(found.stamps.at(-1))) throw changedMeanwhile(key);
      still.push(key);
      return '';
    });
    if (still.length === 0) return checked;
    try {
      await this.#change('write', calls, `deleting ${still[0]}`, (abortSignal) =>
        this.#clients.ssm.send(new DeleteParametersCommand({ Names: still }), { abortSignal }),
      );
      for (const key of still) this.#advanced.delete(key);
      return checked;
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      return checked.map((result) => (still.includes(result.key) ? { ...result, failure: error.failure } : result));
    }
  }

  async #addTags(key: string, Tags: Tag[], calls: WriteCalls): Promise<void> {
    await this.#change('mark', calls, `marking ${key}`, (abortSignal) =>
      this.#clients.ssm.send(new AddTagsToResourceCommand({ ResourceType: 'Parameter', ResourceId: key, Tags }), { abortSignal }),
    );
  }

  #tierOf(key: string, bytes: Uint8Array): 'Standard' | 'Advanced' {
    const isAdvanced = this.#target.more['tier'] === 'advanced' || bytes.length > standardBytesMax || this.#advanced.has(key);
    return isAdvanced ? 'Advanced' : 'Standard';
  }

  #hashOf(parameter: Parameter): string {
    return contentHash(this.#context.hash, bytesOf(parameter), parameter.Type ?? '');
  }

  #read<T>(meter: string, calls: ReadCalls, doing: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return calls.read((signal) => failing(doing, () => call(signal)), meter);
  }

  #change<T>(meter: string, calls: WriteCalls, doing: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return calls.write((signal) => failing(doing, () => call(signal)), meter);
  }
}

async function failing<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw targetErrorOf(error, doing);
  }
}

function bytesOf(parameter: Parameter): Uint8Array {
  return new TextEncoder().encode(parameter.Value ?? '');
}

function tierTags(tier: 'Standard' | 'Advanced'): Tag[] {
  return tier === 'Advanced' ? [{ Key: tierTag, Value: tier }] : [];
}

/** Only here AWS's own words are read, and they go nowhere. */
function isDowngrade(error: unknown): boolean {
  return error instanceof Error && error.name === 'ValidationException' && /advanced-parameter tier/i.test(error.message);
}
