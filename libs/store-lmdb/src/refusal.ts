/** Why a data directory is not used. Stable: people and tools look them up. */
export type RefusalCode =
  /** It cannot be created, read or written. */
  | 'directory-unusable'
  /** Others than its owner may read or write it. */
  | 'directory-rights'
  /** Another process works on it. */
  | 'directory-locked'
  /** There is no room for the reserve that lets a member stop cleanly on a full disk. */
  | 'no-room'
  /** Nothing is there, and the member was not told to found a cluster. */
  | 'directory-wiped'
  /** It was part of a cluster, and has lost its log, its state or what it was founded with. */
  | 'directory-incomplete'
  /** There are a log or a state, but not the file that says whose. */
  | 'identity-missing'
  /** `identity` has another format or a wrong checksum. */
  | 'identity-damaged'
  /** `identity` was made by an earlier or a later build. */
  | 'identity-format'
  /** It was begun to form a cluster with another list of members or another token. */
  | 'other-forming'
  /** It belongs to another cluster. */
  | 'other-cluster'
  /** It belongs to another member. */
  | 'other-member'
  /** It is not the disk that the cluster's configuration names: a copy, or one from before a repair. */
  | 'other-disk'
  /** The log begins after what the state holds: one of the two is from another day. */
  | 'log-starts-later'
  /** It holds something already: a restore makes a member in a new directory. */
  | 'directory-used'
  /** A restore into it did not come to its end. */
  | 'restore-unfinished'
  /** `CURRENT` is missing or names nothing. */
  | 'current-missing'
  /** A state without its `CHECKPOINT`. */
  | 'checkpoint-missing'
  /** `CHECKPOINT` has another format or a wrong checksum. */
  | 'checkpoint-damaged'
  /** The state's file is not the one that `CHECKPOINT` describes. */
  | 'state-damaged'
  /** A snapshot's file has another format, a wrong checksum or an end too early. */
  | 'snapshot-damaged';

/** A data directory, or a file in it, that a member must not work with. The message says what, where, and what to do next. */
export class DataDirectoryRefused extends Error {
  override readonly name = 'DataDirectoryRefused';
  readonly code: RefusalCode;
  readonly path: string;

  constructor(code: RefusalCode, path: string, what: string, next: string, cause?: unknown) {
    super(`${path}: ${what}. ${next}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

/** What to do with a member whose state is wrong or lost, and whose log is not: nothing that it has promised is lost. */
export const repairBySnapshot =
  "Run 'env-cli-server repair' with the configuration of this member: it fetches the state from another member, and keeps the log with its votes. A cluster of one member has nobody to fetch it from: restore a backup (docs/backup.md).";

/** What to do with a member whose disk is lost: it must not come back under its old id, for its old vote is gone with the disk. */
export const repairByReplacement =
  'Remove this member from the cluster, empty the directory, and add the member again: with its old id but without its old vote there could be two leaders in a term.';
