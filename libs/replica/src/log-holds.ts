import type { Index, MemberId, Status, Term } from '@env-cli/raft';

/** Milliseconds in which a member that has its snapshot has to come nearer to the end of the log than it was. */
const nearerMs = 60_000;

interface Hold {
  readonly term: Term;
  /** The log behind it stays. */
  index: Index;
  /** The fewest entries that the receiver ever lacked since it has the snapshot, and since when; null while that is on its way. */
  nearest: { readonly entries: number; readonly atMs: number } | null;
}

/**
 * The log that stays for members that are sent a snapshot. What was written while a large one was copied, sent and installed may be more than the log keeps for
 * everybody: let go of when the snapshot arrives, it would take another one, and so on for as long as so much is written.
 *
 * So it stays until the receiver needs no more than everybody, as long as it comes nearer. What is kept for one is therefore not more than what it lacked when
 * it had its snapshot, and what is written in {@link nearerMs}.
 */
export class LogHolds {
  readonly #holds = new Map<MemberId, Hold>();

  /** A snapshot of this index is, or will be, on its way. It takes the place of an earlier one. */
  begun(to: MemberId, term: Term, index: Index): void {
    this.#holds.set(to, { term, index, nearest: null });
  }

  /** The snapshot of this term; of an earlier one it says nothing. */
  arrived(to: MemberId, term: Term, nowMs: number): void {
    const hold = this.#holds.get(to);
    if (hold?.term === term) hold.nearest = { entries: Infinity, atMs: nowMs };
  }

  failed(to: MemberId, term: Term): void {
    if (this.#holds.get(to)?.term === term) this.#holds.delete(to);
  }

  /** The highest index that the log may let go of, of those up to `unneeded`: that one is kept for nobody else. */
  letGoTo(unneeded: number, status: Pick<Status, 'role' | 'term' | 'lastIndex' | 'followers'>, nowMs: number): number {
    let lowest = unneeded;
    for (const [to, hold] of this.#holds) {
      if (hold.nearest === null || isNeeded(to, hold, unneeded, status, nowMs)) lowest = Math.min(lowest, hold.index);
      else this.#holds.delete(to);
    }
    return lowest;
  }
}

function isNeeded(
  to: MemberId,
  hold: Hold,
  unneeded: number,
  { role, term, lastIndex, followers }: Parameters<LogHolds['letGoTo']>[1],
  nowMs: number,
): boolean {
  const follower = role === 'leader' && term === hold.term ? followers.find(({ id }) => id === to) : undefined;
  if (follower === undefined) return false;
  hold.index = Math.max(hold.index, follower.matchIndex) as Index;
  if (hold.index >= unneeded) return false;
  const entries = lastIndex - hold.index;
  if (entries < hold.nearest!.entries) hold.nearest = { entries, atMs: nowMs };
  return nowMs - hold.nearest!.atMs <= nearerMs;
}
