import type { Stamp } from './stamp.ts';

/** One key as it was found at the target. Its value stays with the provider: only the keyed hash comes up here. */
export interface ObservedKey {
  /** The target's own name of it: a path, a parameter, a secret. */
  readonly key: string;
  /**
   * The stamps found with it; none: nobody marked it. A store that keeps stamp and value together has at most one. Where they
   * are apart, the stamp of a write that was begun stands here too, so that a write which a crash or a pause left half done
   * is known as ours, whichever of the values is found.
   */
  readonly stamps: readonly Stamp[];
  /**
   * Whether any write that the stamps tell of is known to have arrived. False where a stamp was left before the first write and
   * nothing after it: then what is there is ours only if it has a stamped value. A store that keeps both together says true.
   */
  readonly landed: boolean;
  /** The keyed hash of what is there; null: a stamp is there, and no value. */
  readonly valueHash: string | null;
  /** The store's own version of what was found (an etag, a version id), for a write that replaces just that. May be empty. */
  readonly version: string;
  /** What a person should know of it when it stands in the way, without any value. */
  readonly remark?: string;
}

/**
 * What a target holds of one environment: every key that was asked for and is there, and every key with a stamp of this mirror
 * and environment. A read that could not see all of them fails; it never answers less.
 */
export interface ObservedTarget {
  readonly keys: readonly ObservedKey[];
}
