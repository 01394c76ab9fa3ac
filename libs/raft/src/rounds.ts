import type { LeaderState, Member } from './member.ts';
import { reachedByQuorum } from './quorum.ts';
import type { ReadWish } from './read-rounds.ts';

/** Sends a new round of heartbeats to everybody. They wait for no disk, so that a slow one starts no election. */
export function beginRound(member: Member, reign: LeaderState): void {
  const round = reign.reads.begin();
  const commitIndex = member.log.commitIndex;
  for (const progress of reign.followers.values()) {
    // What it is known to have: it cannot check the term of an entry by a heartbeat.
    const commit = progress.matchIndex < commitIndex ? progress.matchIndex : commitIndex;
    if (commit > progress.sentCommit) progress.sentCommit = commit;
    if (reign.retireIndex !== null && commit >= reign.retireIndex) progress.toldRound = Math.min(progress.toldRound, round);
    member.out.send(progress.id, { kind: 'heartbeat', term: member.term, round, commit });
  }
  confirmRounds(member, reign);
}

/** Grants the reads whose round a quorum has answered, and begins the round that further ones wait for. */
export function confirmRounds(member: Member, reign: LeaderState): void {
  const { reads, followers } = reign;
  const confirmed = reachedByQuorum(member.configuration, (voter) =>
    voter === member.id ? reads.begun : (followers.get(voter)?.answeredRound ?? 0),
  );
  for (const { asker, id, index } of reads.confirm(confirmed)) {
    if (asker === null) member.out.push({ kind: 'read-ready', id, index });
    else member.out.send(asker, { kind: 'read-reply', term: member.term, id, index });
  }
  if (reads.due) beginRound(member, reign);
}

/** A leader takes a wish for a read index. */
export function addWish(member: Member, reign: LeaderState, wish: ReadWish): void {
  const { log } = member;
  // Until it has committed in its own term a leader may not know what its predecessors committed (raft.pdf §8).
  if (!log.has(log.commitIndex, member.term)) return reign.reads.postpone(wish);
  reign.reads.add(wish, log.commitIndex);
  if (reign.reads.due) beginRound(member, reign);
}
