import type { Change, VariableChange } from './change.ts';
import type { Environment } from './environment.ts';
import type { EnvCliError } from './error.ts';
import type { Header } from './header.ts';
import type { Page } from './listing.ts';
import type { StuckMirror } from './mirror.ts';
import type { Updates } from './operation.ts';
import type { CallOptions, ReadOptions, View, WriteOptions } from './options.ts';

/** One environment, and the state that it came from (or a later one that this client has seen in the same turn). */
export interface GetAnswer {
  readonly header: Header;
  readonly environment: Environment;
}

export interface BatchGetAnswer {
  readonly header: Header;
  /** Those that exist, in the order in which they were asked for. */
  readonly environments: readonly Environment[];
  /** Names that do not exist in that state. */
  readonly missing: readonly string[];
}

export interface ListOptions extends ReadOptions {
  /** Only names that begin with this. */
  readonly prefix?: string;
  /** Only environments whose labels match: `team=payments,tier!=test,region in (eu,us),critical,!legacy`. */
  readonly selector?: string;
  /** Environments of a page. Defaults to the cluster's 100; 1,000 at most. */
  readonly pageSize?: number;
  /** Leaves the variables out. Defaults to false. */
  readonly namesOnly?: boolean;
}

export interface ListPage extends Page<Environment> {
  readonly header: Header;
  /** The revision that all pages show. A watch from the one after it misses nothing. */
  readonly revision: number;
}

export interface HistoryOptions extends ReadOptions {
  /** Changes of a page. Defaults to the cluster's 50; 1,000 at most. */
  readonly pageSize?: number;
}

export interface HistoryPage extends Page<Change> {
  readonly header: Header;
  /** Older changes are no longer kept. */
  readonly compacted: boolean;
}

export interface DiffOptions extends Omit<ReadOptions, 'revision'> {
  /** The revision on the left. Defaults to 0: the newest. */
  readonly revision?: number;
  /** The environment on the right. Defaults to that on the left. */
  readonly otherName?: string;
  /** The revision on the right. Defaults to 0: the newest. */
  readonly otherRevision?: number;
}

export interface DiffAnswer {
  readonly header: Header;
  /** What differs, sorted by name: `before` on the left, `after` on the right. */
  readonly variables: readonly VariableChange[];
  readonly labelsBefore: Readonly<Record<string, string>>;
  readonly labelsAfter: Readonly<Record<string, string>>;
  readonly leftExists: boolean;
  readonly rightExists: boolean;
}

export interface WriteAnswer {
  readonly header: Header;
  /** The revision of this write; the newest earlier one when nothing changed. */
  readonly revision: number;
  /** The write changed something. */
  readonly changed: boolean;
  /** It had been done by an earlier attempt, whose answer was lost on the way. */
  readonly replayed: boolean;
  /** Of the mirrors that were to be waited for, those that did not hold the write at the end of the wait, sorted by name. */
  readonly mirrorsBehind: readonly string[];
  /** Those of them that come no further before somebody acts, which ended the wait at once. */
  readonly mirrorsStuck: readonly StuckMirror[];
}

/** What a write to one environment takes. */
export interface WriteOneOptions extends WriteOptions {
  /** The revision that must have changed the environment last. Otherwise the write is refused with CONDITION_FAILED. */
  readonly ifRevision?: number;
}

export interface SetOptions extends WriteOneOptions {
  /** Creates the environment when there is none; otherwise that is refused with ENVIRONMENT_NOT_FOUND. Defaults to false. */
  readonly createIfAbsent?: boolean;
}

export interface CreateOptions extends WriteOptions {
  readonly variables?: Updates;
  readonly labels?: Readonly<Record<string, string>>;
  readonly description?: string;
}

export interface WatchRequest extends Pick<CallOptions, 'namespace' | 'signal'> {
  /** One environment. */
  readonly name?: string;
  /** Every environment whose name begins with this. Without it and `name`, all of the namespace. */
  readonly prefix?: string;
  /** Only environments whose labels match, before or after a change. */
  readonly selector?: string;
  /** The first revision that is told. Defaults to 0: what comes after the watch began. */
  readonly startRevision?: number;
  /** Goes on behind an event of an earlier watch. Takes the place of `startRevision`. */
  readonly resumeToken?: string;
  /** Defaults to `masked`. */
  readonly view?: View;
  /** Tells as well how far everything was told while nothing of interest happened. Defaults to false. */
  readonly progress?: boolean;
  /**
   * The longest that it may take until the cluster has taken the watch on, in milliseconds; then the iteration rejects. Once it
   * has begun, it goes on for as long as it takes; `signal` bounds the whole (`AbortSignal.timeout`). Defaults to the client's
   * `timeoutMs`. Infinity: no limit, but that of connecting.
   */
  readonly timeoutMs?: number;
  /** Is told each time the watch lost its connection; it goes on by itself. */
  readonly onInterrupted?: (error: EnvCliError) => void;
  /** Is told each time it goes on after that. */
  readonly onResumed?: () => void;
}
