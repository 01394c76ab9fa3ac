import type { Configuration } from './configuration.ts';
import type { MemberId } from './entry.ts';

/** How many of `voterCount` make a majority: more than half, for even numbers too. */
export function quorumOf(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/**
 * The highest value that a quorum has reached, where each voter has reached `reachedBy` and everything below: the commit
 * index from match indexes, or the confirmed round from answered rounds. Of both halves, when the configuration is joint.
 */
export function reachedByQuorum(configuration: Configuration, reachedBy: (voter: MemberId) => number): number {
  const incoming = reachedByMajority(configuration.voters, reachedBy);
  if (configuration.votersOutgoing.length === 0) return incoming;
  return Math.min(incoming, reachedByMajority(configuration.votersOutgoing, reachedBy));
}

// Quadratic in a handful of voters, and without an allocation: it runs for every acknowledgement.
function reachedByMajority(voters: readonly MemberId[], reachedBy: (voter: MemberId) => number): number {
  const quorum = quorumOf(voters.length);
  let best = 0;
  for (const candidate of voters) {
    const value = reachedBy(candidate);
    if (value <= best) continue;
    let count = 0;
    for (const voter of voters) if (reachedBy(voter) >= value) count++;
    if (count >= quorum) best = value;
  }
  return best;
}

/** How an election stands: `lost` when the votes that are missing could not win it any more. */
export type Tally = 'won' | 'lost' | 'open';

/** Counts votes; who has not voted is not in the map. Joint: won when both halves won, lost when one of them is. */
export function tally(configuration: Configuration, votes: ReadonlyMap<MemberId, boolean>): Tally {
  const incoming = tallyMajority(configuration.voters, votes);
  if (configuration.votersOutgoing.length === 0) return incoming;
  const outgoing = tallyMajority(configuration.votersOutgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'open';
}

function tallyMajority(voters: readonly MemberId[], votes: ReadonlyMap<MemberId, boolean>): Tally {
  const quorum = quorumOf(voters.length);
  let granted = 0;
  let missing = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted++;
    else if (vote === undefined) missing++;
  }
  if (granted >= quorum) return 'won';
  return granted + missing >= quorum ? 'open' : 'lost';
}
