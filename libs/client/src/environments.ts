import { create } from '@bufbuild/protobuf';
import {
  BatchGetRequestSchema,
  DiffRequestSchema,
  Environments as Service,
  HistoryRequestSchema,
  ListRequestSchema,
  WatchStartSchema,
} from '@env-cli/wire';

import { wireReadOptions, type Calls } from './calls.ts';
import { changeOf, variableChangeOf, type Change } from './change.ts';
import { environmentOf, type Environment } from './environment.ts';
import type {
  BatchGetAnswer,
  CreateOptions,
  DiffAnswer,
  DiffOptions,
  GetAnswer,
  HistoryOptions,
  HistoryPage,
  ListOptions,
  ListPage,
  SetOptions,
  WatchRequest,
  WriteAnswer,
  WriteOneOptions,
} from './environment-calls.ts';
import { EnvCliError } from './error.ts';
import { headerOf, type Header } from './header.ts';
import { Listing } from './listing.ts';
import { stuckMirrorOf } from './mirror.ts';
import type { Condition, Operation, Updates } from './operation.ts';
import { wireViews, type ReadOptions, type WriteOptions } from './options.ts';
import { encodeBatchGet, encodeGet, encodeWrite } from './request-codec.ts';
import { revisionOf, wireRevision } from './revision.ts';
import { Watch, watchLimitsDefault, type WatchCarrier } from './watch.ts';

/** Names of one `BatchGetRequest`. */
const batchNamesMax = 1000;

/** How long the cluster waits for mirrors when a write does not say, in milliseconds. */
const mirrorsWaitMsDefault = 30_000;

/** Reads, writes and watches environments. Every method rejects with {@link EnvCliError} alone. */
export class Environments {
  readonly #calls: Calls;
  readonly #watches: WatchCarrier;

  /** @internal */
  constructor(calls: Calls, watches: WatchCarrier) {
    this.#calls = calls;
    this.#watches = watches;
  }

  /** Reads one environment, or some of its variables. Refused with ENVIRONMENT_NOT_FOUND when there is none of that name. */
  async get(name: string, options: ReadOptions & { readonly variables?: readonly string[] } = {}): Promise<GetAnswer> {
    const bounds = this.#calls.bounds(options);
    const { variables = [] } = options;
    return await this.#calls.read(options, async (read) => {
      const namespace = this.#calls.namespace(options);
      const request = encodeGet(namespace, name, read.options, variables);
      const { header, answer } = await this.#calls.pipelined('get', request, bounds, read.began);
      return { header: headerOf(header), environment: environmentOf(existing(answer.environment)) };
    });
  }

  /** Reads several environments from one state, however many. */
  async batchGet(names: readonly string[], options: ReadOptions = {}): Promise<BatchGetAnswer> {
    if (names.length > batchNamesMax) return await this.#batchGetInParts(names, options);
    const bounds = this.#calls.bounds(options);
    const whole = await this.#calls.read(options, async (read) => {
      const request = encodeBatchGet(this.#calls.namespace(options), names, read.options);
      const { header, answer } = await this.#calls.pipelined('batchGet', request, bounds, read.began);
      if (answer.remaining.length > 0) return null;
      return { header: headerOf(header), environments: answer.environments.map(environmentOf), missing: answer.missing };
    });
    return whole ?? (await this.#batchGetInParts(names, options));
  }

  /** One state for several answers: the first one's revision is that of all others. */
  async #batchGetInParts(names: readonly string[], options: ReadOptions): Promise<BatchGetAnswer> {
    const bounds = this.#calls.bounds(options);
    const environments: Environment[] = [];
    const missing: string[] = [];
    let first: Header | null = null;
    let rest = [...names];
    while (rest.length > 0) {
      const part = rest.slice(0, batchNamesMax);
      const at: ReadOptions =
        first === null ? options : { ...options, revision: options.revision ?? first.revision, token: first.token };
      const answer = await this.#calls.read(at, (read) => {
        const request = create(BatchGetRequestSchema, {
          namespace: this.#calls.namespace(options),
          names: part,
          options: wireReadOptions(read.options),
        });
        return this.#calls.unary(Service.method.batchGet, request, bounds, { repeatable: 'repeatable', began: read.began });
      });
      first ??= headerOf(answer.header);
      environments.push(...answer.environments.map(environmentOf));
      missing.push(...answer.missing);
      if (answer.remaining.length >= part.length) {
        const message = 'an answer to a batch of names holds none of them';
        throw new EnvCliError({ reason: 'MALFORMED_ANSWER', message });
      }
      rest = [...answer.remaining, ...rest.slice(batchNamesMax)];
    }
    return { header: first ?? headerOf(undefined), environments, missing };
  }

  /** Lists environments by name, all at one revision. */
  list(options: ListOptions = {}): Listing<Environment, ListPage> {
    const { prefix = '', selector = '', pageSize = 0, namesOnly = false } = options;
    return new Listing(() =>
      this.#pages(options, async (pageToken, read) => {
        const namespace = this.#calls.namespace(options);
        const request = create(ListRequestSchema, {
          namespace,
          prefix,
          selector,
          pageSize,
          namesOnly,
          pageToken,
          options: wireReadOptions(read.options),
        });
        const how = { repeatable: 'repeatable', began: read.began } as const;
        const answer = await this.#calls.unary(Service.method.list, request, this.#calls.bounds(options), how);
        return {
          header: headerOf(answer.header),
          items: answer.environments.map(environmentOf),
          nextPageToken: answer.nextPageToken,
          revision: revisionOf(answer.listRevision),
        };
      }),
    );
  }

  /** Lists the changes of one environment, newest first. With a revision, only those up to it. */
  history(name: string, options: HistoryOptions = {}): Listing<Change, HistoryPage> {
    const { pageSize = 0 } = options;
    return new Listing(() =>
      this.#pages(options, async (pageToken, read) => {
        const namespace = this.#calls.namespace(options);
        const request = create(HistoryRequestSchema, {
          namespace,
          name,
          pageSize,
          pageToken,
          options: wireReadOptions(read.options),
        });
        const how = { repeatable: 'repeatable', began: read.began } as const;
        const answer = await this.#calls.unary(Service.method.history, request, this.#calls.bounds(options), how);
        const { changes, nextPageToken, compacted } = answer;
        return { header: headerOf(answer.header), items: changes.map(changeOf), nextPageToken, compacted };
      }),
    );
  }

  /** Compares two revisions of an environment, or two environments. */
  async diff(name: string, options: DiffOptions = {}): Promise<DiffAnswer> {
    const { revision = 0, otherName = '', otherRevision = 0, ...others } = options;
    const bounds = this.#calls.bounds(options);
    return await this.#calls.read(others, async (read) => {
      const request = create(DiffRequestSchema, {
        namespace: this.#calls.namespace(options),
        name,
        revision: wireRevision(revision, 'revision'),
        otherName,
        otherRevision: wireRevision(otherRevision, 'otherRevision'),
        options: wireReadOptions(read.options),
      });
      const how = { repeatable: 'repeatable', began: read.began } as const;
      const answer = await this.#calls.unary(Service.method.diff, request, bounds, how);
      return {
        header: headerOf(answer.header),
        variables: answer.variables.map(variableChangeOf),
        labelsBefore: { ...answer.labelsBefore },
        labelsAfter: { ...answer.labelsAfter },
        leftExists: answer.leftExists,
        rightExists: answer.rightExists,
      };
    });
  }

  /**
   * Changes one or more environments of a namespace, wholly or not at all, as one revision.
   *
   * It happens once, however often it had to be sent. When no answer came until the time-out it is rejected with
   * OUTCOME_UNKNOWN, and is not sent again.
   */
  async write(
    request: { readonly operations: readonly Operation[]; readonly conditions?: readonly Condition[] },
    options: WriteOptions = {},
  ): Promise<WriteAnswer> {
    const { awaitMirrors, timeoutMs = this.#calls.defaults.timeoutMs } = options;
    const waitMs = awaitMirrors === undefined ? 0 : (awaitMirrors.timeoutMs ?? mirrorsWaitMsDefault);
    const bounds = this.#calls.bounds({ ...options, timeoutMs: timeoutMs + waitMs });
    const bytes = encodeWrite(this.#calls.namespace(options), request, options.reason ?? '', awaitMirrors);
    const { header, answer } = await this.#calls.pipelined('write', bytes, bounds, null);
    const { revision, changed, replayed, mirrorsBehind } = answer;
    const mirrorsStuck = answer.mirrorsStuck.map(stuckMirrorOf);
    return { header: headerOf(header), revision: revisionOf(revision), changed, replayed, mirrorsBehind, mirrorsStuck };
  }

  /** Sets variables and leaves the others as they are. */
  set(name: string, variables: Updates, options: SetOptions = {}): Promise<WriteAnswer> {
    const { createIfAbsent = false } = options;
    return this.#writeOne({ kind: 'set', environment: name, variables, createIfAbsent }, options);
  }

  /** Removes variables. A name that does not exist is not an error. */
  unset(name: string, names: readonly string[], options: WriteOneOptions = {}): Promise<WriteAnswer> {
    return this.#writeOne({ kind: 'unset', environment: name, names }, options);
  }

  /** Makes these the only variables. */
  replace(name: string, variables: Updates, options: SetOptions = {}): Promise<WriteAnswer> {
    const { createIfAbsent = false } = options;
    return this.#writeOne({ kind: 'replace', environment: name, variables, createIfAbsent }, options);
  }

  /** Creates an environment. Refused with ENVIRONMENT_EXISTS when there is one. */
  create(name: string, options: CreateOptions = {}): Promise<WriteAnswer> {
    const { variables = {}, labels = {}, description = '' } = options;
    return this.#writeOne({ kind: 'create', environment: name, variables, labels, description }, options);
  }

  /** Deletes an environment. Its history stays until it is compacted. */
  delete(name: string, options: WriteOneOptions = {}): Promise<WriteAnswer> {
    return this.#writeOne({ kind: 'delete', environment: name }, options);
  }

  /** Follows the changes of one environment, of a prefix or of a selector. See {@link Watch}. */
  watch(request: WatchRequest = {}): Watch {
    const { name, prefix = '', selector = '', startRevision = 0, resumeToken = '', view = 'masked', progress = false } = request;
    if (name !== undefined && prefix !== '') {
      throw new EnvCliError({ reason: 'INVALID_FIELD', message: 'a watch has a name or a prefix, not both' });
    }
    const scope = create(WatchStartSchema, {
      namespace: this.#calls.namespace(request),
      scope: name === undefined ? { case: 'prefix', value: prefix } : { case: 'name', value: name },
      selector,
      startRevision: wireRevision(startRevision, 'startRevision'),
      resumeToken,
      view: wireViews[view],
    });
    const { signal, timeoutMs: beginTimeoutMs = this.#calls.defaults.timeoutMs, onInterrupted, onResumed } = request;
    const limits = watchLimitsDefault;
    return new Watch(this.#watches, { scope, signal, progress, limits, beginTimeoutMs, onInterrupted, onResumed });
  }

  async #writeOne(operation: Operation, options: WriteOneOptions): Promise<WriteAnswer> {
    const { ifRevision } = options;
    const conditions: Condition[] =
      ifRevision === undefined ? [] : [{ kind: 'at-revision', environment: operation.environment, revision: ifRevision }];
    return await this.write({ operations: [operation], conditions }, options);
  }

  /** All pages are asked for with the same options, the token included: the cluster holds them to it. */
  #pages<P>(
    options: ReadOptions,
    page: (pageToken: string, read: ReturnType<Calls['fixed']>) => Promise<P>,
  ): (pageToken: string) => Promise<P> {
    let fixed: ReturnType<Calls['fixed']> | null = null;
    return async (pageToken) => {
      if (fixed !== null) return await page(pageToken, fixed);
      return await this.#calls.read(options, (read) => {
        fixed = read;
        return page(pageToken, read);
      });
    };
  }
}

function existing<T>(environment: T | undefined): T {
  if (environment === undefined) throw new EnvCliError({ reason: 'MALFORMED_ANSWER', message: 'an answer holds no environment' });
  return environment;
}
