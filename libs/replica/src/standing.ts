import type { PeerMessage } from '@env-cli/raft';
import { unreachable } from '@env-cli/support';

/**
 * How a disk stands, as far as that never goes back (docs/decisions/0012-an-older-disk-is-found-out.md).
 *
 * Term and vote only rise: within a term a vote is given once and stays. The entry is committed and durable on this disk, so nothing
 * overwrites it; a tail that is not committed may go, and is not spoken of.
 */
export interface Standing {
  readonly term: number;
  /** Who got the vote of `term`; 0: nobody yet. */
  readonly votedFor: number;
  /** The last entry that cannot go, and its term. */
  readonly entryTerm: number;
  readonly entryIndex: number;
}

export const noStanding: Standing = { term: 0, votedFor: 0, entryTerm: 0, entryIndex: 0 };

/**
 * What a disk lacks of what it once claimed, in words; null when it lacks nothing. `found` is what a start found on it, with the last
 * entry of its log whether committed or not.
 *
 * For the entry this is Raft's own comparison of logs (raft.pdf §5.4.1), and exact: what is committed is in every log that ends
 * with a later term, and in every log of the same term that is as long. So it neither misses a log whose tail is longer but older, nor
 * refuses one that lost a tail.
 */
export function lackOf(found: Standing, claimed: Standing): string | null {
  if (found.term < claimed.term) return `it stands in term ${found.term} and has been in term ${claimed.term}`;
  if (found.term === claimed.term && claimed.votedFor !== 0 && found.votedFor !== claimed.votedFor) {
    const now = found.votedFor === 0 ? 'knows of no vote' : `voted for member ${found.votedFor}`;
    return `it ${now} in term ${found.term} and has voted for member ${claimed.votedFor}`;
  }
  if (entryIsBehind(found, claimed)) {
    return (
      `its log ends with entry ${found.entryIndex} of term ${found.entryTerm} and has held ` +
      `entry ${claimed.entryIndex} of term ${claimed.entryTerm}, which is committed`
    );
  }
  return null;
}

/** What two claims of one disk say together. */
export function higherOf(a: Standing, b: Standing): Standing {
  const vote = voteIsBehind(a, b) ? b : a;
  const entry = entryIsBehind(a, b) ? b : a;
  if (vote === entry) return vote;
  return { term: vote.term, votedFor: vote.votedFor, entryTerm: entry.entryTerm, entryIndex: entry.entryIndex };
}

/**
 * What a message says of its sender's term and vote on disk: only promises do, for they wait for the disk, and notices may overtake it.
 * Null when it says nothing.
 */
export function promisedBy(from: number, to: number, message: PeerMessage): Pick<Standing, 'term' | 'votedFor'> | null {
  switch (message.kind) {
    case 'append-accepted':
    case 'append-rejected':
    case 'stale-term':
      return { term: message.term, votedFor: 0 };
    case 'vote-request':
      return { term: message.term, votedFor: from };
    case 'vote-reply':
      return { term: message.term, votedFor: message.granted ? to : 0 };
    case 'pre-vote-request':
      // It names the term after the sender's own.
      return { term: message.term - 1, votedFor: 0 };
    case 'pre-vote-reply':
      // A grant repeats the term that it was asked about.
      return message.granted ? null : { term: message.term, votedFor: 0 };
    case 'append':
    case 'commit':
    case 'heartbeat':
    case 'heartbeat-reply':
    case 'read-request':
    case 'read-reply':
    case 'snapshot':
    case 'timeout-now':
    case 'committed':
      return null;
    default:
      return unreachable(message);
  }
}

function voteIsBehind(a: Standing, b: Standing): boolean {
  return a.term < b.term || (a.term === b.term && a.votedFor === 0);
}

function entryIsBehind(a: Standing, b: Standing): boolean {
  return a.entryTerm < b.entryTerm || (a.entryTerm === b.entryTerm && a.entryIndex < b.entryIndex);
}
