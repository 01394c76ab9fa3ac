import { changesAfter } from '@env-cli/environments';
import { toRevision } from '@env-cli/keyspace';

import { Refused } from '../errors/refused.ts';
import { type Member, MemberUnavailable } from '../member/member.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { ScopeIndex } from './scope-index.ts';
import { SharedChange } from './shared-change.ts';
import type { Feed, Watch } from './watch.ts';

/** One read of the log of changes, of the dispatcher or of a late watch. */
const readLimit = { rowsMax: 1_000, bytesMax: 1024 * 1024 } as const;
/** How long a read of what is here may take. It waits for nothing but the thread. */
const readTimeoutMs = 60_000;
/** After a read that the member could not do, the next one waits so long. */
const pumpAgainMs = 1_000;

/** Hears of a watch that the dispatcher itself ended. */
export type WatchEnd = (watch: Watch, why: unknown) => void;

/**
 * Hands changes to the watches of a member: it reads each change once, and finds by index whom it concerns.
 *
 * It stands at a revision: every live watch was offered everything up to there. A late watch reads for itself, and becomes
 * live in the very turn in which it has reached that revision or gone beyond it: so that nothing is lost or sent twice.
 */
export class Dispatcher implements Feed {
  readonly #member: Member;
  readonly #secrets: Secrets;
  readonly #index = new ScopeIndex();
  /** Every watch, live or late, with who hears of its end. */
  readonly #watches = new Map<Watch, WatchEnd>();
  readonly #live = new Set<Watch>();
  #position = 0;
  #pumping = false;
  #newest = 0;
  readonly #onFault: (error: unknown) => void;
  readonly #endListening: readonly (() => void)[];

  constructor(member: Member, secrets: Secrets, onFault: (error: unknown) => void) {
    this.#member = member;
    this.#secrets = secrets;
    this.#onFault = onFault;
    this.#endListening = [
      member.onApplied((revision) => {
        this.#newest = revision;
        this.#pump();
      }),
      member.onStateReplaced(() => this.#endAll()),
    ];
  }

  /** Every live watch was offered everything up to here. */
  get position(): number {
    return this.#position;
  }

  /** How many watches there are. */
  get count(): number {
    return this.#watches.size;
  }

  /** The greatest number of revisions that a watch is behind. */
  get lagRevisions(): number {
    let lowest = this.#newest;
    for (const watch of this.#watches.keys()) lowest = Math.min(lowest, watch.sent);
    return this.#newest - lowest;
  }

  /** Takes a watch in, as a late one. */
  add(watch: Watch, ended: WatchEnd): void {
    this.#watches.set(watch, ended);
  }

  /** Lets a watch go. */
  remove(watch: Watch): void {
    this.#watches.delete(watch);
    this.#leave(watch);
    watch.end();
  }

  /**
   * Reads on for a late watch, and makes it live if it has caught up. Rejects with `Refused` when its place in the log is
   * compacted.
   */
  async readOn(watch: Watch): Promise<void> {
    await this.#read((tables) => {
      if (watch.state !== 'late') return;
      const answer = changesAfter(tables, toRevision(watch.seen), readLimit);
      if (answer.kind === 'refused') {
        const { refusal } = answer;
        // The member has not come so far yet: it was another that answered the client before. What it lacks will be offered.
        if (refusal.code === 'future-revision') return this.#join(watch, refusal.newest);
        throw new Refused(
          refusal.code === 'compacted'
            ? { ...refusal, asked: toRevision(watch.seen + 1), oldest: toRevision(refusal.oldest + 1) }
            : refusal,
        );
      }
      for (const change of answer.changes) watch.offer(new SharedChange(change, this.#secrets));
      watch.read(answer.upTo);
      if (!answer.more && (this.#live.size === 0 || answer.upTo >= this.#position)) this.#join(watch, answer.upTo);
    });
  }

  close(): void {
    for (const end of this.#endListening) end();
    this.#endAll();
  }

  #join(watch: Watch, newest: number): void {
    if (this.#live.size === 0) this.#position = newest;
    this.#live.add(watch);
    this.#index.add(watch);
    watch.join(this);
    // What was applied while nobody was live was announced to nobody.
    this.#pump();
  }

  #leave(watch: Watch): void {
    if (this.#live.delete(watch)) this.#index.remove(watch);
  }

  #pump(): void {
    if (this.#pumping || this.#live.size === 0) return;
    this.#pumping = true;
    this.#pumpOn().then(
      () => (this.#pumping = false),
      (error: unknown) => {
        this.#pumping = false;
        if (error instanceof MemberUnavailable) {
          // A member that stops ends its streams by itself.
          if (error.code !== 'stopping') setTimeout(() => this.#pump(), pumpAgainMs).unref();
          return;
        }
        if (!(error instanceof Refused)) this.#onFault(error);
        this.#endAll(error);
      },
    );
  }

  async #pumpOn(): Promise<void> {
    let more = true;
    while (more && this.#live.size > 0) {
      more = await this.#read((tables) => {
        const answer = changesAfter(tables, toRevision(this.#position), readLimit);
        if (answer.kind === 'refused') {
          if (answer.refusal.code === 'future-revision') return false;
          throw new Refused(answer.refusal);
        }
        this.#offer(
          answer.changes.map((change) => new SharedChange(change, this.#secrets)),
          answer.upTo,
        );
        return answer.more;
      });
    }
  }

  #offer(changes: readonly SharedChange[], upTo: number): void {
    const concerned = new Set<Watch>();
    for (const change of changes) {
      for (const watch of this.#index.candidates(change)) {
        // One that joined from further on has seen it.
        if (change.change.revision <= watch.seen) continue;
        try {
          watch.offer(change);
          concerned.add(watch);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          // A secret that this member cannot open ends the one watch that is to show it.
          concerned.delete(watch);
          this.#endOne(watch, error);
        }
      }
    }
    this.#position = upTo;
    for (const watch of concerned) {
      watch.offered();
      if (watch.state === 'late') this.#leave(watch);
    }
  }

  #read<T>(work: (tables: Parameters<Parameters<Member['read']>[1]>[0]) => T): Promise<T> {
    return this.#member.read({ freshness: { kind: 'any' }, appliedIndex: 0, deadline: performance.now() + readTimeoutMs }, work);
  }

  #endOne(watch: Watch, why: unknown): void {
    // Who hears of it lets it go, and first asks how far its reader has come.
    this.#watches.get(watch)?.(watch, why);
  }

  /** The state was replaced: what lies between the old one and the new one cannot be told. */
  #endAll(why: unknown = new Refused({ code: 'state-replaced', revision: this.#newest })): void {
    const ended = [...this.#watches];
    for (const [watch] of ended) this.remove(watch);
    this.#position = 0;
    for (const [watch, tell] of ended) tell(watch, why);
  }
}
