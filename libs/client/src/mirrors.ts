import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  Mirrors as Service,
  MirrorsCreateRequestSchema,
  MirrorsDeleteRequestSchema,
  MirrorsListRequestSchema,
  MirrorsPauseRequestSchema,
  MirrorsPlanRequestSchema,
  MirrorsResumeRequestSchema,
  MirrorsRetryRequestSchema,
  MirrorsStatusRequestSchema,
  MirrorsUpdateRequestSchema,
  MirrorsWaitRequestSchema,
  type Mirror as WireMirror,
} from '@env-cli/wire';

import { boundsFrom } from './bounds.ts';
import { wireReadOptions, type Calls } from './calls.ts';
import { EnvCliError } from './error.ts';
import { headerOf, type Header } from './header.ts';
import { Listing, type Page } from './listing.ts';
import {
  deliveryOf,
  mirrorOf,
  planItemOf,
  stuckMirrorOf,
  wireMirror,
  type EnvironmentDelivery,
  type Mirror,
  type MirrorDefinition,
  type PlanItem,
  type StuckMirror,
} from './mirror.ts';
import type { CallOptions, ReadOptions } from './options.ts';
import { revisionOf, wireRevision } from './revision.ts';

export interface MirrorAnswer {
  readonly header: Header;
  readonly mirror: Mirror;
}

export interface MirrorStatusPage extends Page<EnvironmentDelivery> {
  readonly header: Header;
  readonly mirror: Mirror;
  /** Environments that are still to be delivered. */
  readonly pendingCount: number;
  /** Every selected environment is delivered up to this revision. */
  readonly deliveredRevision: number;
}

export interface MirrorPlanAnswer {
  readonly header: Header;
  /** Sorted by environment and key. */
  readonly items: readonly PlanItem[];
  /** Environments beyond the first 100 were left out. */
  readonly truncated: boolean;
}

export interface MirrorWaitOptions extends CallOptions {
  /** The mirrors. Defaults to all of the namespace. */
  readonly names?: readonly string[];
  /** The revision that they must hold. Defaults to 0: the newest. */
  readonly revision?: number;
}

export interface MirrorWaitAnswer {
  readonly header: Header;
  /** Mirrors that do not hold the revision, sorted by name. Empty: all do. */
  readonly behind: readonly string[];
  /** Those of them that wait for somebody, which ended the wait at once. */
  readonly stuck: readonly StuckMirror[];
}

/** How much longer than the wait itself its answer may take, in milliseconds. */
const waitMarginMs = 2000;

/** Twice is as good as once. */
const idempotent = { repeatable: 'repeatable', began: null } as const;

/** Defines mirrors and tells what they have delivered. Every method rejects with {@link EnvCliError} alone. */
export class Mirrors {
  readonly #calls: Calls;

  /** @internal */
  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Defines a mirror. Refused with MIRROR_OVERLAPS when another one writes to the same target. */
  async create(definition: MirrorDefinition, options: CallOptions = {}): Promise<MirrorAnswer> {
    const request = create(MirrorsCreateRequestSchema, { mirror: wireMirror(this.#calls.namespace(options), definition) });
    const answer = await this.#calls.unary(Service.method.create, request, this.#calls.bounds(options), {
      repeatable: 'once',
      began: null,
    });
    return { header: headerOf(answer.header), mirror: mirrorOf(existing(answer.mirror)) };
  }

  /** Makes a mirror what the definition says; what is left out gets its default. Its target cannot be changed. */
  async update(definition: MirrorDefinition, options: CallOptions = {}): Promise<MirrorAnswer> {
    const request = create(MirrorsUpdateRequestSchema, { mirror: wireMirror(this.#calls.namespace(options), definition) });
    const how = { repeatable: 'repeatable', began: null } as const;
    const answer = await this.#calls.unary(Service.method.update, request, this.#calls.bounds(options), how);
    return { header: headerOf(answer.header), mirror: mirrorOf(existing(answer.mirror)) };
  }

  /**
   * Deletes a mirror. What it has written is left or withdrawn, as its policy says; with `abandon` it is forgotten at once, also while it is being
   * deleted, and what it wrote stays.
   */
  async delete(name: string, options: CallOptions & { readonly abandon?: boolean } = {}): Promise<{ readonly header: Header }> {
    const { abandon = false } = options;
    const request = create(MirrorsDeleteRequestSchema, { namespace: this.#calls.namespace(options), name, abandon });
    const answer = await this.#calls.unary(Service.method.delete, request, this.#calls.bounds(options), {
      repeatable: 'once',
      began: null,
    });
    return { header: headerOf(answer.header) };
  }

  /** Lists the mirrors of the namespace, sorted by name. */
  async list(options: ReadOptions = {}): Promise<{ readonly header: Header; readonly mirrors: readonly Mirror[] }> {
    const bounds = this.#calls.bounds(options);
    return await this.#calls.read(options, async (read) => {
      const request = create(MirrorsListRequestSchema, {
        namespace: this.#calls.namespace(options),
        options: wireReadOptions(read.options),
      });
      const answer = await this.#calls.unary(Service.method.list, request, bounds, {
        repeatable: 'repeatable',
        began: read.began,
      });
      return { header: headerOf(answer.header), mirrors: answer.mirrors.map(mirrorOf) };
    });
  }

  /** Tells for each environment of a mirror, and each variable, what the target holds. */
  status(
    name: string,
    options: CallOptions & { readonly pageSize?: number } = {},
  ): Listing<EnvironmentDelivery, MirrorStatusPage> {
    const { pageSize = 0 } = options;
    return new Listing(() => async (pageToken) => {
      const request = create(MirrorsStatusRequestSchema, {
        namespace: this.#calls.namespace(options),
        name,
        pageSize,
        pageToken,
      });
      const how = { repeatable: 'repeatable', began: -1 } as const;
      const answer = await this.#calls.unary(Service.method.status, request, this.#calls.bounds(options), how);
      return {
        header: headerOf(answer.header),
        items: answer.environments.map(deliveryOf),
        nextPageToken: answer.nextPageToken,
        mirror: mirrorOf(existing(answer.mirror)),
        pendingCount: revisionOf(answer.pendingCount),
        deliveredRevision: revisionOf(answer.deliveredRevision),
      };
    });
  }

  /** Tells what a delivery would do now, for one environment or for the first 100. Reads the target and writes nothing. */
  async plan(name: string, options: CallOptions & { readonly environment?: string } = {}): Promise<MirrorPlanAnswer> {
    const { environment = '' } = options;
    const request = create(MirrorsPlanRequestSchema, { namespace: this.#calls.namespace(options), name, environment });
    const how = { repeatable: 'repeatable', began: -1 } as const;
    const answer = await this.#calls.unary(Service.method.plan, request, this.#calls.bounds(options), how);
    return { header: headerOf(answer.header), items: answer.items.map(planItemOf), truncated: answer.truncated };
  }

  /** Delivers again what failed for good, of one environment or of the whole mirror. `changed` is false when nothing of it had failed. */
  async retry(
    name: string,
    options: CallOptions & { readonly environment?: string } = {},
  ): Promise<{ readonly header: Header; readonly changed: boolean }> {
    const { environment = '' } = options;
    const request = create(MirrorsRetryRequestSchema, { namespace: this.#calls.namespace(options), name, environment });
    const answer = await this.#calls.unary(Service.method.retry, request, this.#calls.bounds(options), idempotent);
    return { header: headerOf(answer.header), changed: answer.changed };
  }

  /** Delivers nothing until `resume`; what is due is kept. */
  async pause(name: string, options: CallOptions = {}): Promise<MirrorAnswer> {
    const request = create(MirrorsPauseRequestSchema, { namespace: this.#calls.namespace(options), name });
    const answer = await this.#calls.unary(Service.method.pause, request, this.#calls.bounds(options), idempotent);
    return { header: headerOf(answer.header), mirror: mirrorOf(existing(answer.mirror)) };
  }

  /** Delivers again, beginning with what has become due meanwhile. */
  async resume(name: string, options: CallOptions = {}): Promise<MirrorAnswer> {
    const request = create(MirrorsResumeRequestSchema, { namespace: this.#calls.namespace(options), name });
    const answer = await this.#calls.unary(Service.method.resume, request, this.#calls.bounds(options), idempotent);
    return { header: headerOf(answer.header), mirror: mirrorOf(existing(answer.mirror)) };
  }

  /**
   * Waits until mirrors hold a revision, for `timeoutMs` at most, and answers which of them do not: none when all do. One that comes
   * no further before somebody acts (a delivery failed for good, or it is paused) ends the wait at once.
   *
   * The cluster waits by its own default when there is no time-out.
   */
  async wait(options: MirrorWaitOptions = {}): Promise<MirrorWaitAnswer> {
    const { names = [], revision = 0, timeoutMs = this.#calls.defaults.timeoutMs } = options;
    const request = create(MirrorsWaitRequestSchema, {
      namespace: this.#calls.namespace(options),
      names: [...names],
      revision: wireRevision(revision, 'revision'),
      ...(Number.isFinite(timeoutMs) ? { timeout: durationFromMs(timeoutMs) } : {}),
    });
    const bounds = boundsFrom(timeoutMs + waitMarginMs, options.signal);
    const answer = await this.#calls.unary(Service.method.wait, request, bounds, { repeatable: 'repeatable', began: -1 });
    return { header: headerOf(answer.header), behind: answer.behind, stuck: answer.stuck.map(stuckMirrorOf) };
  }
}

function existing(mirror: WireMirror | undefined): WireMirror {
  if (mirror === undefined) throw new EnvCliError({ reason: 'MALFORMED_ANSWER', message: 'an answer holds no mirror' });
  return mirror;
}
