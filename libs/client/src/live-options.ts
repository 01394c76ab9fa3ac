import type { CacheKey } from './cache-key.ts';
import type { Environment } from './environment.ts';
import type { EnvCliError } from './error.ts';
import type { CallOptions, Consistency, View } from './options.ts';
import type { StandardSchema, VariableParsers } from './variables.ts';

/** A file from which a program can start while the cluster is away. */
export interface LiveCacheOptions {
  /** The folder of the file; made, of mode 0700, if only the last part of the path is missing. One folder serves many environments. */
  readonly directory: string;
  /**
   * Seals the file (AES-256-GCM). There is no cache without a key: secrets must not lie about in plain text, and a cache that left
   * them out would start a program with half of what it needs.
   */
  readonly key: CacheKey;
  /** How long the cluster is waited for before the file is used, in milliseconds. Defaults to 2,000. */
  readonly afterMs?: number;
  /** How old the file may be: milliseconds since the cluster last confirmed it. Defaults to 7 days; Infinity: any age. */
  readonly ageMsMax?: number;
  /**
   * The id of the cluster (`env-cli cluster status`). Given, a file of another cluster is refused also while none can be asked.
   * Without it, a file is taken that was written through at least one of the addresses of now.
   */
  readonly clusterId?: string;
}

/** How an environment is followed. */
export interface LiveOptions extends CallOptions {
  /** How fresh the first state must be. Defaults to the client's, which defaults to `strong`. */
  readonly consistency?: Consistency;
  /** The token of an earlier answer, of this client or of another: the first state sees at least what that one saw. */
  readonly token?: string;
  /** Defaults to `full`, unlike that of a read: a program that follows its environment needs its secrets. */
  readonly view?: View;
  /** A start from disk while the cluster is away. Defaults to none. */
  readonly cache?: LiveCacheOptions;
  /**
   * The longest until `ready`, in milliseconds; from then on it follows for as long as it takes. Defaults to the client's
   * `timeoutMs`. Infinity: waits for the cluster.
   */
  readonly timeoutMs?: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** The same with a schema that gives the values their types. */
export interface TypedLiveOptions<S extends VariableParsers | StandardSchema<unknown>> extends LiveOptions {
  readonly schema: S;
}

/** Where values come from. */
export type LiveSource = 'cluster' | 'cache';

/** How a live environment is doing. */
export interface LiveStatus {
  /** `away`: the cluster does not answer, or refuses; it is tried again for ever. */
  readonly state: 'starting' | 'following' | 'away' | 'ended';
  /** Where the values come from; null before there are any. */
  readonly source: LiveSource | null;
  /** Since when nobody has confirmed the values, in milliseconds: 0 while it follows. Null before there are any. */
  readonly ageMs: number | null;
  /** The revision that made the values; 0 before there are any. */
  readonly revision: number;
  /** The environment was deleted. The values are those of before. */
  readonly deleted: boolean;
  /** What is wrong now: why it is away, or why the newest state was not taken. Null: nothing. */
  readonly problem: EnvCliError | null;
  /** Null without a cache. */
  readonly cache: LiveCacheStatus | null;
}

export interface LiveCacheStatus {
  readonly path: string;
  /** When the cluster last confirmed what the file holds; null: it holds nothing that could be used. */
  readonly confirmedTime: Date | null;
  /** Why the file was not used or could not be written; null: all is well. */
  readonly problem: string | null;
}

/** Something that happened to a live environment. */
export type LiveChange<T> =
  /** There are new values, or the cluster has confirmed those of the cache. */
  | {
      readonly kind: 'values';
      readonly values: T;
      /** The names of the variables that differ from what this reader was told before, sorted. */
      readonly changed: readonly string[];
      readonly source: LiveSource;
      readonly revision: number;
      readonly environment: Environment;
    }
  /** The environment was deleted. The values stay as they were; if it is created again, it is followed again. */
  | { readonly kind: 'deleted' }
  /** The newest state is not as the schema wants it. The values stay as they were. */
  | { readonly kind: 'invalid'; readonly error: EnvCliError; readonly revision: number };
