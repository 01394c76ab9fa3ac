import { fromBinary, type DescMethodUnary, type MessageShape } from '@bufbuild/protobuf';
import { ReadOptionsSchema, type ReadOptions as WireReadOptions, type ResponseHeader } from '@env-cli/wire';

import { boundsFrom, type Bounds } from './bounds.ts';
import { EnvCliError } from './error.ts';
import { remedyOf } from './failure.ts';
import type { Members } from './members.ts';
import type { CallOptions, Consistency, ReadOptions } from './options.ts';
import type { Answered, Answers } from './pending-call.ts';
import type { CallKind } from './pipeline-codec.ts';
import type { Pipeline } from './pipeline.ts';
import { encodeReadOptions, type SentReadOptions } from './request-codec.ts';
import type { TokenKeeper } from './token.ts';
import type { Repeatable, UnaryCalls } from './unary.ts';

/** What a call gets unless it says otherwise. */
export interface CallDefaults {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly consistency: Consistency;
}

/** A read as it is sent: its options, and when it began as {@link TokenKeeper.saw} wants it. */
export interface ReadAttempt {
  readonly options: SentReadOptions;
  readonly began: number;
}

/** The ways to the cluster that the services share: defaults, bounds, the token, and where headers go. */
export class Calls {
  readonly defaults: CallDefaults;
  readonly #members: Members;
  readonly #unary: UnaryCalls;
  readonly #pipeline: Pipeline;
  readonly #tokens: TokenKeeper;

  constructor(parts: {
    readonly defaults: CallDefaults;
    readonly members: Members;
    readonly unary: UnaryCalls;
    readonly pipeline: Pipeline;
    readonly tokens: TokenKeeper;
  }) {
    this.defaults = parts.defaults;
    this.#members = parts.members;
    this.#unary = parts.unary;
    this.#pipeline = parts.pipeline;
    this.#tokens = parts.tokens;
  }

  namespace(options: CallOptions): string {
    return options.namespace ?? this.defaults.namespace;
  }

  bounds(options: CallOptions): Bounds {
    return boundsFrom(options.timeoutMs ?? this.defaults.timeoutMs, options.signal);
  }

  /**
   * Makes a read. One that fails because the token that was kept by this client is of no use any more is made again without it:
   * the cluster was restored, and what the token saw is gone for everybody.
   */
  async read<T>(options: ReadOptions, attempt: (read: ReadAttempt) => Promise<T>): Promise<T> {
    const kept = this.#keptFor(options);
    try {
      return await attempt(this.#readWith(options, kept));
    } catch (error) {
      if (kept === '' || remedyOf(error as EnvCliError) !== 'without-token') throw error;
      this.#tokens.drop(kept);
      return await attempt(this.#readWith(options, ''));
    }
  }

  /** The same freshness for several messages of one read, which must not differ: the token of now. */
  fixed(options: ReadOptions): ReadAttempt {
    return this.#readWith(options, this.#keptFor(options));
  }

  /** Makes a single call of its own. `began`: null for a change. */
  async unary<M extends DescMethodUnary>(
    method: M,
    request: MessageShape<M['input']>,
    bounds: Bounds,
    how: { readonly repeatable: Repeatable; readonly began: number | null },
  ): Promise<MessageShape<M['output']>> {
    const answer = await this.#unary.call(method, request, bounds, how.repeatable);
    const header = (answer as { readonly header?: ResponseHeader }).header;
    if (header !== undefined) this.heard(header, how.began);
    return answer;
  }

  /** Makes a call that rides with others. */
  pipelined<K extends CallKind>(
    kind: K,
    request: Uint8Array,
    bounds: Bounds,
    began: number | null,
  ): Promise<Answered<Answers[K]>> {
    return this.#pipeline.call(kind, request, bounds, began);
  }

  /** Takes note of what a header says. */
  heard(header: ResponseHeader, began: number | null): void {
    this.#tokens.saw(header, began);
    this.#members.heard(header.leaderAddress);
  }

  /** The client's own token, where it is sent: where the caller gave none and wants what the client has seen. */
  #keptFor(options: ReadOptions): string {
    const { token, consistency = this.defaults.consistency, revision = 0 } = options;
    if (token !== undefined) return '';
    // A revision that this client knows of must be there, whatever member is asked.
    return consistency === 'read-your-writes' || (revision > 0 && consistency !== 'strong') ? this.#tokens.token : '';
  }

  #readWith(options: ReadOptions, kept: string): ReadAttempt {
    const consistency = options.consistency ?? this.defaults.consistency;
    const token = options.token ?? kept;
    const asNewAsKept = consistency === 'strong' || (kept !== '' && kept === this.#tokens.token);
    const { revision = 0, view = 'masked' } = options;
    return { options: { consistency, token, revision, view }, began: asNewAsKept ? this.#tokens.generation : -1 };
  }
}

/** The options of a read for a generated message. */
export function wireReadOptions(options: SentReadOptions): WireReadOptions {
  return fromBinary(ReadOptionsSchema, encodeReadOptions(options));
}
