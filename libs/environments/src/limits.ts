/**
 * Every limit on what the cluster keeps. They are replicated (set by `bootstrap`, changed by `set-limits`), because apply
 * obeys them: members that had different ones would differ. The API reads them by `limitsOf`.
 */
export interface Limits {
  /** Bytes of an environment's name. Defaults to 256. */
  readonly environmentNameBytesMax: number;
  /** Segments of an environment's name. Defaults to 8. */
  readonly environmentNameSegmentsMax: number;
  /** Bytes of a variable's name. Defaults to 256. */
  readonly variableNameBytesMax: number;
  /** Bytes of a value as UTF-8. Defaults to 262,144 (256 KiB). */
  readonly valueBytesMax: number;
  /** Bytes of a variable's comment. Defaults to 4,096. */
  readonly commentBytesMax: number;
  /** Variables of an environment. Defaults to 4,096. */
  readonly variablesMax: number;
  /** Bytes of an environment's record: all of its variables, labels and description. Defaults to 2,097,152 (2 MiB). */
  readonly environmentBytesMax: number;
  /** Labels of an environment. Defaults to 64. */
  readonly labelsMax: number;
  /** Bytes of an environment's description. Defaults to 4,096. */
  readonly descriptionBytesMax: number;
  /** Bytes of the reason that a write carries. Defaults to 1,024. */
  readonly reasonBytesMax: number;
  /** Bytes of a principal's name. Defaults to 256. */
  readonly principalBytesMax: number;
  /** Conditions of a write. Defaults to 500. */
  readonly conditionsMax: number;
  /** Operations of a write. Defaults to 1,024. */
  readonly operationsMax: number;
  /**
   * Bytes of a write that touches several environments; one that touches a single one may have twice `environmentBytesMax`.
   * Defaults to 1,048,576 (1 MiB).
   */
  readonly writeBytesMax: number;
  /** Sessions that are open at once. Defaults to 100,000. */
  readonly sessionsMax: number;
  /** Results that a session keeps. Defaults to 4,096. */
  readonly sessionResultsMax: number;
  /** Cluster time after its last use at which a session ends, in milliseconds. Defaults to 3,600,000 (1 hour). */
  readonly sessionTtlMs: number;
  /** Mirrors of the whole cluster. Each may add a row to every write, so at most 500. Defaults to 128. */
  readonly mirrorsMax: number;
  /** Options of a mirror. Defaults to 64. */
  readonly mirrorOptionsMax: number;
  /** Bytes of a mirror's definition. Defaults to 16,384. */
  readonly mirrorBytesMax: number;
  /** Bytes of what a worker says of a delivery: status, remote version and detail together. Defaults to 65,536. */
  readonly deliveryBytesMax: number;
  /**
   * The quota: bytes that the state may take, history included (`sizeOfRow`). From there on nothing is let in that makes it grow.
   * Defaults to 8,589,934,592 (8 GiB).
   */
  readonly quotaBytes: number;
}

export const defaultLimits: Limits = {
  environmentNameBytesMax: 256,
  environmentNameSegmentsMax: 8,
  variableNameBytesMax: 256,
  valueBytesMax: 256 * 1024,
  commentBytesMax: 4096,
  variablesMax: 4096,
  environmentBytesMax: 2 * 1024 * 1024,
  labelsMax: 64,
  descriptionBytesMax: 4096,
  reasonBytesMax: 1024,
  principalBytesMax: 256,
  conditionsMax: 500,
  operationsMax: 1024,
  writeBytesMax: 1024 * 1024,
  sessionsMax: 100_000,
  sessionResultsMax: 4096,
  sessionTtlMs: 3_600_000,
  mirrorsMax: 128,
  mirrorOptionsMax: 64,
  mirrorBytesMax: 16 * 1024,
  deliveryBytesMax: 64 * 1024,
  quotaBytes: 8 * 2 ** 30,
};

/** Members of a cluster, learners included. */
export const membersMax = 16;

/** By how much the number of a new member may be above the highest before: a typing error must not use up all that are left. */
export const memberIdStepMax = 1024;

/** The share of the quota at which the alarm `space-low` is raised, in percent. */
export const spaceLowPercent = 80;

/** The least quota: room for a few of the largest writes. */
export const quotaBytesMin = 16 * 1024 * 1024;

/** The greatest: half of what a member's store can hold by default, for pages are not full. */
export const quotaBytesCeiling = 32 * 2 ** 30;

/** What one log entry may do to the tables. Constants, not options: the packer at the leader and apply must agree for ever. */
export const entryLimits = {
  /** Commands of an entry. */
  commandsMax: 256,
  /** Rows that an entry reads, writes, removes or scans, all its commands and the background work together. */
  rowsMax: 1000,
  /** Of these, rows for its commands. */
  commandRowsMax: 800,
  /** Of these, rows for compaction, ending sessions and mirror cursors. */
  backgroundRowsMax: 200,
  /** Rows of work that a `restore` counts: it reads about as many changes. */
  restoreRows: 100,
  /** Values that one `reseal` puts in the place of others. */
  resealedValuesMax: 100,
} as const;

export type LimitName = keyof Limits | keyof typeof entryLimits;
