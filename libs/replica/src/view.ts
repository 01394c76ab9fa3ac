import type { FollowerStatus, Index, MemberId, Role, Term } from '@env-cli/raft';

/** How a replica sees the cluster. */
export interface ReplicaView {
  readonly role: Role;
  readonly term: Term;
  readonly leader: MemberId | null;
  readonly commitIndex: Index;
  readonly appliedIndex: Index;
  /** The first entry that the log holds, or would hold. */
  readonly firstLogIndex: Index;
  readonly lastLogIndex: Index;
  /** Of both halves, while the configuration is joint. */
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
  /** See `Status` of the core: whether nobody needs a vote of those who went any more. */
  readonly configurationConfirmed: boolean;
  /** As the leader sees them; empty on whoever does not lead. */
  readonly followers: readonly FollowerStatus[];
}
