/** What a replica holds at most. Each is a bound on memory, and past it comes a refusal, not a queue. */
export interface ReplicaLimits {
  /** Commands of one entry. At most `entryLimits.commandsMax`. Defaults to 256. */
  readonly entryCommandsMax: number;
  /** Bytes of commands in one entry; one larger command goes alone. Defaults to 1 MiB. */
  readonly entryBytesMax: number;
  /** Commands that wait to be proposed or forwarded. Defaults to 16,384. */
  readonly waitingCommandsMax: number;
  /** Their bytes. Defaults to 64 MiB. */
  readonly waitingBytesMax: number;
  /**
   * Bytes of commands, and entries, that this member has proposed and its state has not applied: beyond either nothing is proposed, and what comes waits. One entry always
   * goes. Default to 64 MiB and 5,000; the latter is etcd's `maxGapBetweenApplyAndCommitIndex`.
   */
  readonly unappliedBytesMax: number;
  readonly unappliedEntriesMax: number;
  /** Batches on their way to the leader that it has not answered. Defaults to 1,024. */
  readonly forwardsMax: number;
  /** Batches of reads that wait for a read index. Defaults to 4,096. */
  readonly readsMax: number;
  /** Messages of peers that wait for a turn; what comes beyond is lost, as if on the way. Defaults to 8,192. */
  readonly inboxMessagesMax: number;
  /** Entries behind the newest that the log keeps for slow followers. Defaults to 100,000. */
  readonly tailEntriesMax: number;
  /** Their bytes, about. Defaults to 64 MiB. */
  readonly tailBytesMax: number;
}

export const defaultReplicaLimits: ReplicaLimits = {
  entryCommandsMax: 256,
  entryBytesMax: 1024 * 1024,
  waitingCommandsMax: 16_384,
  waitingBytesMax: 64 * 1024 * 1024,
  unappliedBytesMax: 64 * 1024 * 1024,
  unappliedEntriesMax: 5000,
  forwardsMax: 1024,
  readsMax: 4096,
  inboxMessagesMax: 8192,
  tailEntriesMax: 100_000,
  tailBytesMax: 64 * 1024 * 1024,
};
