import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  type Filter,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  type SecretListEntry,
  type SecretValueEntry,
  TagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { isOwn, type ObservedKey, type ObservedTarget, type Stamp, type Step, type StepResult } from '@env-cli/mirroring';
import { contentHash, type ImportedVariable, type ProviderContext, type ReadCalls, type WriteCalls } from '@env-cli/outbox';
import { unreachable } from '@env-cli/support';

import { AccountCheck } from './account-check.ts';
import type { AwsTarget } from './aws-target.ts';
import type { AwsClients } from './clients.ts';
import { nameOfError, targetErrorOf } from './failure.ts';
import { batchesOf, changedMeanwhile, forEach, stepResults } from './key-steps.ts';
import { variablesOf } from './rendering.ts';
import { requestToken } from './request-token.ts';
import { deletingTag, marks, readTags, type Tag, tagNames, tagsOf } from './stamp-tags.ts';
import type { StoreCalls } from './stores.ts';

/** Ids of one BatchGetSecretValue, and secrets of one page of ListSecrets. */
const batchMax = 20;
const listPage = 100;
/** What readers of a secret get. */
const current = 'AWSCURRENT';
/** A keyed hash that no value has: somebody else's secret waits for its deletion, and holds its name until then. */
const scheduledForDeletion = 'scheduled-for-deletion';
/** The same: somebody else's secret that holds no value yet. */
const noValue = 'no-value';

/** Secrets of one account and region, below a prefix. */
export class SecretsCalls implements StoreCalls {
  readonly #target: AwsTarget;
  readonly #context: ProviderContext;
  readonly #clients: AwsClients;
  readonly #account: AccountCheck;

  constructor(target: AwsTarget, context: ProviderContext, clients: AwsClients) {
    this.#target = target;
    this.#context = context;
    this.#clients = clients;
    this.#account = new AccountCheck(target, clients);
  }

  async read(environment: string, keys: readonly string[], calls: ReadCalls): Promise<ObservedTarget> {
    await this.#account.pass(calls);
    const names = new Set([...keys, ...(await this.#listed(environment, calls))]);
    // Values first: whoever writes puts the tags there first, so the tags never know less than the value that was read.
    const values = await this.#values([...names], calls);
    const observed: ObservedKey[] = [];
    await forEach([...names], async (key) => {
      const secret = await this.#describe(key, calls);
      if (secret === null) {
        if (values.has(key)) throw changedMeanwhile(key);
        return;
      }
      const found = this.#observed(key, secret, values.get(key) ?? null, environment, keys.includes(key));
      if (found !== null) observed.push(found);
    });
    return { keys: observed };
  }

  async apply(steps: readonly Step[], calls: WriteCalls): Promise<readonly StepResult[]> {
    return stepResults(steps, (step) => {
      switch (step.kind) {
        case 'write':
          return step.found === null ? this.#create(step, calls) : this.#update(step, step.found, calls);
        case 'mark':
          return this.#mark(step, calls);
        case 'delete':
          return this.#delete(step, calls);
        default:
          return unreachable(step);
      }
    });
  }

  async imported(
    key: string,
    found: ObservedKey,
    variables: readonly string[],
    calls: ReadCalls,
  ): Promise<readonly ImportedVariable[] | null> {
    const entry = (await this.#values([key], calls)).get(key);
    if (entry === undefined || entry.VersionId !== found.version) throw changedMeanwhile(key);
    return variablesOf(this.#target, variables, bytesOf(entry));
  }

  async countOwned(calls: ReadCalls): Promise<number> {
    let count = 0;
    for await (const entries of this.#marked(calls)) count += entries.length;
    return count;
  }

  async *ownedEnvironments(calls: ReadCalls): AsyncGenerator<string> {
    const seen = new Set<string>();
    for await (const entries of this.#marked(calls)) {
      for (const { Tags } of entries) {
        const environment = readTags(Tags ?? []).stamps.at(-1)?.environment;
        if (environment === undefined || seen.has(environment)) continue;
        seen.add(environment);
        yield environment;
      }
    }
  }

  async close(): Promise<void> {
    this.#clients.close();
  }

  /** Names of secrets of an environment that carry this mirror's mark, as far as the list, which lags behind, shows them. */
  async #listed(environment: string, calls: ReadCalls): Promise<string[]> {
    const { names } = this.#target;
    const folder = names.folder(environment);
    if (folder === null) return [names.key(environment, '')];
    const listed: string[] = [];
    for await (const entries of this.#marked(calls, folder)) {
      for (const { Name } of entries) if (Name !== undefined && names.environmentOf(Name) === environment) listed.push(Name);
    }
    return listed;
  }

  /** Secrets with this mirror's mark below a prefix, a page at a time. Those that wait for their deletion are not among them. */
  async *#marked(calls: ReadCalls, prefix = this.#target.prefix): AsyncGenerator<readonly SecretListEntry[]> {
    await this.#account.pass(calls);
    const { owner } = this.#context;
    const filters: Filter[] = [{ Key: 'tag-key', Values: [tagNames.mirror] }];
    if (prefix !== '') filters.push({ Key: 'name', Values: [prefix] });
    let token: string | undefined;
    do {
      const page = await this.#read('list', calls, `listing ${prefix}`, (abortSignal) =>
        this.#clients.secretsManager.send(
          new ListSecretsCommand({
            Filters: filters,
            MaxResults: listPage,
            ...(token === undefined ? {} : { NextToken: token }),
          }),
          { abortSignal },
        ),
      );
      yield (page.SecretList ?? []).filter(
        ({ Name, Tags, DeletedDate }) =>
          Name?.startsWith(prefix) === true && DeletedDate === undefined && marks(Tags ?? [], owner),
      );
      token = page.NextToken;
    } while (token !== undefined && token !== '');
  }

  async #values(names: readonly string[], calls: ReadCalls): Promise<Map<string, SecretValueEntry>> {
    const found = new Map<string, SecretValueEntry>();
    for (const SecretIdList of batchesOf(names, batchMax)) {
      let token: string | undefined;
      do {
        const answer = await this.#read('batch', calls, `reading ${SecretIdList[0]}`, (abortSignal) =>
          this.#clients.secretsManager.send(
            new BatchGetSecretValueCommand({ SecretIdList, ...(token === undefined ? {} : { NextToken: token }) }),
            { abortSignal },
          ),
        );
        for (const entry of answer.SecretValues ?? []) found.set(entry.Name!, entry);
        const failed = (answer.Errors ?? []).find(({ ErrorCode }) => !absences.includes(ErrorCode ?? ''));
        if (failed !== undefined) {
          const error = Object.assign(new Error('a secret of a batch'), { name: failed.ErrorCode ?? 'InternalServiceError' });
          throw targetErrorOf(Object.assign(error, { $metadata: { httpStatusCode: 400 } }), `reading ${failed.SecretId}`);
        }
        token = answer.NextToken;
      } while (token !== undefined && token !== '');
    }
    return found;
  }

  /** Null: there is no such secret. */
  async #describe(key: string, calls: ReadCalls): Promise<DescribeSecretCommandOutput | null> {
    return this.#read('read', calls, `reading ${key}`, async (abortSignal) => {
      try {
        return await this.#clients.secretsManager.send(new DescribeSecretCommand({ SecretId: key }), { abortSignal });
      } catch (error) {
        if (nameOfError(error) === 'ResourceNotFoundException') return null;
        throw error;
      }
    });
  }

  #observed(
    key: string,
    secret: DescribeSecretCommandOutput,
    value: SecretValueEntry | null,
    environment: string,
    wanted: boolean,
  ): ObservedKey | null {
    const { stamps, deleting } = readTags(secret.Tags ?? []);
    const newest = stamps.at(-1);
    const ours = newest !== undefined && isOwn(newest, this.#context.owner) && newest.environment === environment;
    if (!ours && !wanted) return null;
    if (secret.DeletedDate !== undefined) {
      // What is ours and on its way out is gone, unless it is wanted again: then it is taken back.
      if (!wanted) return null;
      if (!ours) {
        const remark = 'it is scheduled for deletion, and its name is free after that';
        return { key, stamps, landed: true, valueHash: scheduledForDeletion, version: '', remark };
      }
      return { key, stamps, landed: !deleting, valueHash: null, version: '' };
    }
    const version = currentVersionOf(secret);
    if (value === null && version !== '') throw changedMeanwhile(key);
    if (value === null && ours) return { key, stamps, landed: false, valueHash: null, version: '' };
    if (value === null) return { key, stamps, landed: true, valueHash: noValue, version: '', remark: 'a secret without a value' };
    const valueHash = contentHash(this.#context.hash, bytesOf(value), '');
    return { key, stamps, landed: true, valueHash, version: value.VersionId ?? '' };
  }

  async #create(step: Extract<Step, { kind: 'write' }>, calls: WriteCalls): Promise<string> {
    const { key, stamp, bytes } = step;
    const { kmsKeyId } = this.#target;
    const command = new CreateSecretCommand({
      Name: key,
      SecretString: new TextDecoder().decode(bytes),
      ClientRequestToken: requestToken(key, stamp),
      Tags: tagsOf(stamp, null),
      ...(kmsKeyId === '' ? {} : { KmsKeyId: kmsKeyId }),
    });
    const answer = await this.#change('write', calls, `writing ${key}`, (abortSignal) =>
      this.#clients.secretsManager.send(command, { abortSignal }),
    );
    return answer.VersionId ?? '';
  }

  async #update(step: Extract<Step, { kind: 'write' }>, found: ObservedKey, calls: WriteCalls): Promise<string> {
    const { key, stamp, bytes } = step;
    let standing = await this.#standing(key, found, calls);
    if (standing.DeletedDate !== undefined) {
      await this.#change('write', calls, `restoring ${key}`, (abortSignal) =>
        this.#clients.secretsManager.send(new RestoreSecretCommand({ SecretId: key }), { abortSignal }),
      );
      standing = (await this.#describe(key, calls)) ?? standing;
    }
    const before = beforeOf(found);
    await this.#tag(key, tagsOf(stamp, before), calls);
    const version = await this.#versionToGoBackTo(key, stamp, standing, calls);
    if (version !== null) return this.#moveCurrent(key, { to: version, from: currentVersionOf(standing) }, calls);
    const command = new PutSecretValueCommand({
      SecretId: key,
      SecretString: new TextDecoder().decode(bytes),
      ClientRequestToken: requestToken(key, stamp),
      VersionStages: [current],
    });
    const answer = await this.#change('write', calls, `writing ${key}`, (abortSignal) =>
      this.#clients.secretsManager.send(command, { abortSignal }),
    );
    return answer.VersionId ?? '';
  }

  /**
   * A version that holds the wanted value already: the one of this very write, which somebody has put another in front of (AWS
   * would ignore the same write), or the one before, when a rollback returns to it. Null: there is none.
   */
  async #versionToGoBackTo(
    key: string,
    stamp: Stamp,
    standing: DescribeSecretCommandOutput,
    calls: ReadCalls,
  ): Promise<string | null> {
    const stages = standing.VersionIdsToStages ?? {};
    const previous = Object.keys(stages).find((id) => stages[id]?.includes('AWSPREVIOUS'));
    for (const id of [requestToken(key, stamp), previous]) {
      if (id === undefined || !Object.hasOwn(stages, id) || stages[id]!.includes(current)) continue;
      if ((await this.#hashOfVersion(key, id, calls)) === stamp.valueHash) return id;
    }
    return null;
  }

  async #hashOfVersion(key: string, VersionId: string, calls: ReadCalls): Promise<string | null> {
    const answer = await this.#read('read', calls, `reading ${key}`, async (abortSignal) => {
      try {
        const command = new GetSecretValueCommand({ SecretId: key, VersionId });
        return await this.#clients.secretsManager.send(command, { abortSignal });
      } catch (error) {
        if (nameOfError(error) === 'ResourceNotFoundException') return null;
        throw error;
      }
    });
    return answer === null ? null : contentHash(this.#context.hash, bytesOf(answer), '');
  }

  /** AWS moves the stage only from where it is said to be: if somebody wrote meanwhile, this fails. */
  async #moveCurrent(key: string, { to, from }: { to: string; from: string }, calls: WriteCalls): Promise<string> {
    const command = new UpdateSecretVersionStageCommand({
      SecretId: key,
      VersionStage: current,
      MoveToVersionId: to,
      ...(from === '' ? {} : { RemoveFromVersionId: from }),
    });
    await this.#change('write', calls, `moving ${current} of ${key}`, (abortSignal) =>
      this.#clients.secretsManager.send(command, { abortSignal }),
    );
    return to;
  }

  async #mark(step: Extract<Step, { kind: 'mark' }>, calls: WriteCalls): Promise<string> {
    const { key, found, stamp } = step;
    await this.#standing(key, found, calls);
    await this.#tag(key, tagsOf(stamp, null), calls);
    return found.version;
  }

  async #delete(step: Extract<Step, { kind: 'delete' }>, calls: WriteCalls): Promise<string> {
    const { key, found } = step;
    const standing = await this.#describe(key, calls);
    // It is gone, or on its way: that is what was wanted.
    if (standing === null || standing.DeletedDate !== undefined) return '';
    mustStand(key, standing, found);
    await this.#tag(key, [deletingTag], calls);
    const RecoveryWindowInDays = Number(this.#target.more['recovery_days']);
    await this.#change('write', calls, `deleting ${key}`, (abortSignal) =>
      this.#clients.secretsManager.send(new DeleteSecretCommand({ SecretId: key, RecoveryWindowInDays }), { abortSignal }),
    );
    return '';
  }

  /** What is there now; rejects when it is not what was found. */
  async #standing(key: string, found: ObservedKey, calls: ReadCalls): Promise<DescribeSecretCommandOutput> {
    const standing = await this.#describe(key, calls);
    if (standing === null) throw changedMeanwhile(key);
    mustStand(key, standing, found);
    return standing;
  }

  async #tag(key: string, Tags: Tag[], calls: WriteCalls): Promise<void> {
    await this.#change('mark', calls, `marking ${key}`, (abortSignal) =>
      this.#clients.secretsManager.send(new TagResourceCommand({ SecretId: key, Tags }), { abortSignal }),
    );
  }

  #read<T>(meter: string, calls: ReadCalls, doing: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return calls.read((signal) => failing(doing, () => call(signal)), meter);
  }

  #change<T>(meter: string, calls: WriteCalls, doing: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return calls.write((signal) => failing(doing, () => call(signal)), meter);
  }
}

/** Why a batch lacks a secret that is not there, or holds no value, or waits for its deletion. */
const absences = ['ResourceNotFoundException', 'InvalidRequestException'];

async function failing<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw targetErrorOf(error, doing);
  }
}

function mustStand(key: string, standing: DescribeSecretCommandOutput, found: ObservedKey): void {
  const isDeleted = standing.DeletedDate !== undefined;
  const version = isDeleted ? '' : currentVersionOf(standing);
  const newest = readTags(standing.Tags ?? []).stamps.at(-1) ?? null;
  if (version !== found.version || JSON.stringify(newest) !== JSON.stringify(found.stamps.at(-1) ?? null)) {
    throw changedMeanwhile(key);
  }
}

function beforeOf(found: ObservedKey): Stamp | null {
  return found.stamps.find(({ valueHash }) => valueHash === found.valueHash) ?? null;
}

function currentVersionOf(secret: DescribeSecretCommandOutput): string {
  const stages = secret.VersionIdsToStages ?? {};
  return Object.keys(stages).find((id) => stages[id]?.includes(current)) ?? '';
}

function bytesOf({ SecretString, SecretBinary }: Pick<SecretValueEntry, 'SecretString' | 'SecretBinary'>): Uint8Array {
  return SecretString === undefined ? (SecretBinary ?? new Uint8Array()) : new TextEncoder().encode(SecretString);
}
