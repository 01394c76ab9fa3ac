import type { MemberId } from './entry.ts';

/**
 * Who takes part, and how. Lists are ascending and without duplicates; a member stands in one list,
 * except that a joint configuration may name it in both halves, and a demoted voter in `votersOutgoing` and `learnersNext`.
 */
export interface Configuration {
  /** Who votes and counts for the commit. In a joint configuration: the half that comes. */
  readonly voters: readonly MemberId[];
  /** In a joint configuration the half that goes, else empty. While it is not, every quorum is one of *both* halves (thesis §4.3). */
  readonly votersOutgoing: readonly MemberId[];
  /** Receive the log and count for nothing. */
  readonly learners: readonly MemberId[];
  /** Voters of the outgoing half that become learners once the joint configuration is left. */
  readonly learnersNext: readonly MemberId[];
}
