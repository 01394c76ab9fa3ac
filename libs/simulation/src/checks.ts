import {
  type Configuration,
  decodeConfiguration,
  type Entry,
  type MemberId,
  type PeerMessage,
  type Role,
  type Status,
  type Term,
} from '@env-cli/raft';
import { unreachable } from '@env-cli/support';

/** A rule of Raft, or a promise to clients, does not hold. The run ends here. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly rule: string;

  constructor(rule: string, what: string) {
    super(`${rule}: ${what}`);
    this.rule = rule;
  }
}

/** What the checks see of one member. */
export interface Watched {
  readonly id: MemberId;
  /** The term of the entry at an index that would be there after a crash now; -1: none; infinity: it was released, so it is committed. */
  readonly durableTermAt: (index: number) => number;
  /** Whether it runs on an older copy of its disk, which need not hold what it promised since. */
  readonly onOlderDisk: boolean;
}

/**
 * The rules of raft.pdf figure 3, looked at after every event. Each check costs about as much as what has changed, because it
 * keeps what was once found true.
 */
export class RaftChecks {
  readonly #members: readonly Watched[];
  /** Who led in a term. */
  readonly #leaders = new Map<Term, MemberId>();
  /** For (index, term): the term of the entry before, and what the entry holds. */
  readonly #entries = new Map<number, { readonly previousTerm: number; readonly content: number }>();
  /** Each configuration that was ever written, by index and term. */
  readonly #written = new Map<number, Configuration>();
  /** The configurations that were committed, the first of all at the head, by the index of their entries. */
  readonly #configurations: { readonly index: number; readonly configuration: Configuration }[];
  /** The term of each committed entry, by index; what is committed stays. */
  readonly #committed: number[] = [0];
  #committedIndex = 0;
  /** For each commit the index that it reached and the term of the leader that made it, ascending. */
  readonly #commits: { readonly index: number; readonly inTerm: number }[] = [];
  /** The term and content of what was applied at an index, by whoever came first. */
  readonly #applied = new Map<number, { readonly term: number; readonly content: number }>();
  /** For each leader, how far it knows its followers to agree in its present reign. */
  readonly #known = new Map<
    MemberId,
    {
      readonly life: number;
      readonly term: Term;
      readonly configurationIndex: number;
      readonly matches: Map<MemberId, number>;
    }
  >();
  readonly #votes = new Map<number, MemberId>();
  /** For each member the highest term of a promise that left it: in every later life it stands there at least. */
  readonly #promisedTerms = new Map<MemberId, number>();
  readonly #seen = new Map<
    MemberId,
    { readonly life: number; readonly commitIndex: number; readonly term: number; readonly role: Role }
  >();

  constructor(
    members: readonly Watched[],
    configuration: Configuration,
    firstCommitted: { readonly index: number; readonly term: number },
  ) {
    this.#members = members;
    this.#configurations = [{ index: 0, configuration }];
    this.#committedIndex = firstCommitted.index;
    this.#committed[firstCommitted.index] = firstCommitted.term;
  }

  /** The highest index that any member ever knew to be committed. */
  get committedIndex(): number {
    return this.#committedIndex;
  }

  /** After an event at a member. `life` tells its processes apart. */
  after(member: Watched, life: number, status: Status, termAt: (index: number) => number): void {
    const before = this.#seen.get(member.id);
    const sameLife = before?.life === life;
    if (status.role === 'leader') this.#knows(member, life, status);
    // First of all, for in most steps in which these rise nothing else changes.
    const applied = Math.max(status.applyingIndex, status.appliedIndex);
    if (applied > status.commitIndex) {
      throw new Violation('only what is committed is applied', `member ${member.id}: ${applied} of ${status.commitIndex}`);
    }
    if (sameLife && before.commitIndex === status.commitIndex && before.term === status.term && before.role === status.role)
      return;
    this.#seen.set(member.id, { life, commitIndex: status.commitIndex, term: status.term, role: status.role });
    if (sameLife && status.commitIndex < before.commitIndex) {
      throw new Violation('a commit index never falls', `member ${member.id}: ${before.commitIndex} to ${status.commitIndex}`);
    }
    const promisedTerm = member.onOlderDisk ? 0 : (this.#promisedTerms.get(member.id) ?? 0);
    const leastTerm = Math.max(promisedTerm, sameLife ? before.term : 0);
    if (status.term < leastTerm)
      throw new Violation('a term never falls', `member ${member.id}: from ${leastTerm} to ${status.term}`);
    if (status.role === 'leader' && (!sameLife || before.role !== 'leader' || before.term !== status.term))
      this.#leads(member, status, termAt);
    if (status.commitIndex > this.#committedIndex) this.#commit(member, status, termAt);
  }

  /** How many changes of the members were committed. */
  get changes(): number {
    return this.#configurations.length - 1;
  }

  /**
   * Entries that a member asks its log to store, behind an entry of `termBefore`. `configurationsBefore` tells which configurations the log has
   * before them, of those that the member does not know to be committed: this very step may have committed one, and that is looked at after it.
   */
  stored(
    member: MemberId,
    entries: readonly Entry[],
    termBefore: number,
    configurationsBefore: () => readonly { readonly index: number; readonly term: number }[],
  ): void {
    let previousTerm = termBefore;
    const configurations = entries.some(({ kind }) => kind === 'configuration') ? [...configurationsBefore()] : [];
    for (const entry of entries) {
      if (entry.kind === 'configuration') {
        this.#written.set(entry.index * termsMax + entry.term, decodeConfiguration(entry.data));
        const open = configurations.find(({ index, term }) => this.#committed[index] !== term);
        if (open !== undefined) {
          throw new Violation(
            'one change of the members at a time',
            `member ${member} stores one at ${entry.index}, and the one at ${open.index} of term ${open.term} is not committed`,
          );
        }
        configurations.push(entry);
      }
      const key = entry.index * termsMax + entry.term;
      const known = this.#entries.get(key);
      const content = contentOf(entry);
      if (known === undefined) this.#entries.set(key, { previousTerm, content });
      else if (known.content !== content || known.previousTerm !== previousTerm) {
        throw new Violation('log matching', `member ${member} holds another entry ${entry.index} of term ${entry.term}`);
      }
      previousTerm = entry.term;
    }
  }

  /** Entries that are handed to the state of a member. */
  applied({ id: member, durableTermAt }: Watched, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const durableTerm = durableTermAt(entry.index);
      if (durableTerm !== entry.term && durableTerm !== Infinity) {
        throw new Violation(
          'a state is never ahead of its log',
          `member ${member} applies ${entry.index}, of which its disk has ${durableTerm}`,
        );
      }
      const content = contentOf(entry);
      const known = this.#applied.get(entry.index);
      if (known === undefined) this.#applied.set(entry.index, { term: entry.term, content });
      else if (known.term !== entry.term || known.content !== content) {
        throw new Violation('state-machine safety', `member ${member} applies another entry at ${entry.index}`);
      }
    }
  }

  /** A message leaves a member: what it promises is held against every later life. */
  sent({ id, onOlderDisk }: Watched, to: MemberId, message: PeerMessage): void {
    if (message.kind === 'vote-reply' && message.granted) this.#voted(id, message.term, to);
    // A candidacy is a vote for itself.
    if (message.kind === 'vote-request') this.#voted(id, message.term, id);
    const term = termPromisedBy(message);
    // Whoever hears of a promise on an older disk lets that disk in, which is a violation of its own.
    if (!onOlderDisk && term > (this.#promisedTerms.get(id) ?? 0)) this.#promisedTerms.set(id, term);
  }

  #voted(from: MemberId, term: Term, to: MemberId): void {
    const key = from * termsMax + term;
    const known = this.#votes.get(key);
    if (known !== undefined && known !== to)
      throw new Violation('one vote a term', `member ${from} votes for ${known} and ${to} in term ${term}`);
    this.#votes.set(key, to);
  }

  /** What a follower was once known to have, it has for as long as the reign lasts. */
  #knows({ id }: Watched, life: number, { term, configurationIndex, followers }: Status): void {
    let known = this.#known.get(id);
    if (known?.life !== life || known.term !== term || known.configurationIndex !== configurationIndex) {
      const isSameReign = known?.life === life && known.term === term;
      // Whoever leaves and comes again is known anew.
      const kept = isSameReign ? [...known!.matches].filter(([member]) => followers.some((one) => one.id === member)) : [];
      this.#known.set(id, (known = { life, term, configurationIndex, matches: new Map(kept) }));
    }
    for (const follower of followers) {
      const before = known.matches.get(follower.id) ?? 0;
      if (follower.matchIndex < before)
        throw new Violation('a match index never falls', `member ${id} of ${follower.id}: ${before} to ${follower.matchIndex}`);
      if (follower.matchIndex > before) known.matches.set(follower.id, follower.matchIndex);
    }
  }

  #leads(member: Watched, status: Status, termAt: (index: number) => number): void {
    const known = this.#leaders.get(status.term);
    if (known !== undefined && known !== member.id) {
      throw new Violation('election safety', `members ${known} and ${member.id} lead in term ${status.term}`);
    }
    this.#leaders.set(status.term, member.id);
    const { voters, votersOutgoing } = status.configuration;
    const granted = [voters, votersOutgoing].flat().filter((id) => this.#votes.get(id * termsMax + status.term) === member.id);
    const holders = new Set([member.id, ...granted]);
    if (!isMajority(voters, holders) || !isMajority(votersOutgoing, holders)) {
      throw new Violation(
        'a leader has the votes of a quorum',
        `member ${member.id} leads in term ${status.term} by ${[...holders].join(', ')} of ${voters.join(', ')} and ${votersOutgoing.join(', ') || 'nobody'}`,
      );
    }
    // What a leader of a later term committed is not its to have: its votes may just have been slow. By log matching, whoever
    // has the last entry that was committed before has all of them.
    const index = this.#commits.findLast(({ inTerm }) => inTerm < status.term)?.index ?? 0;
    if (index > status.previousIndex && termAt(index) !== this.#committed[index]) {
      throw new Violation(
        'leader completeness',
        `member ${member.id} leads in term ${status.term} without committed entry ${index}`,
      );
    }
  }

  /** By the newest configuration before an entry, or the one before that: its leader may not have applied the newest. */
  #isQuorum(holders: ReadonlySet<MemberId>, at: number): boolean {
    const before = this.#configurations.filter(({ index }) => index < at).slice(-2);
    return before.some(
      ({ configuration: { voters, votersOutgoing } }) => isMajority(voters, holders) && isMajority(votersOutgoing, holders),
    );
  }

  #commit(member: Watched, { commitIndex, term: inTerm }: Status, termAt: (index: number) => number): void {
    for (let index = this.#committedIndex + 1; index <= commitIndex; index++) {
      this.#committed[index] = termAt(index);
      const configuration = this.#written.get(index * termsMax + termAt(index));
      if (configuration !== undefined) this.#configurations.push({ index, configuration });
    }
    this.#committedIndex = commitIndex;
    this.#commits.push({ index: commitIndex, inTerm });
    const term = this.#committed[commitIndex]!;
    const holders = this.#members.filter((other) => {
      const durable = other.durableTermAt(commitIndex);
      return durable === term || durable === Infinity;
    });
    if (!this.#isQuorum(new Set(holders.map(({ id }) => id)), commitIndex)) {
      const held = holders.map(({ id }) => id).join(', ') || 'nobody';
      throw new Violation(
        'what is committed is on the disks of a quorum',
        `member ${member.id} commits ${commitIndex} of term ${term}; ${held} has it`,
      );
    }
  }
}

/** The term in which a message promises that its sender stands on disk; 0: it promises nothing. */
function termPromisedBy(message: PeerMessage): number {
  switch (message.kind) {
    case 'vote-request':
    case 'vote-reply':
    case 'append-accepted':
    case 'append-rejected':
    case 'stale-term':
      return message.term;
    case 'pre-vote-request':
      // It names the term after the sender's own.
      return message.term - 1;
    case 'pre-vote-reply':
      // A grant repeats the term that it was asked about.
      return message.granted ? 0 : message.term;
    case 'append':
    case 'commit':
    case 'heartbeat':
    case 'heartbeat-reply':
    case 'read-request':
    case 'read-reply':
    case 'snapshot':
    case 'timeout-now':
    case 'committed':
      return 0;
    default:
      return unreachable(message);
  }
}

/** Whether these are more than half. Of nobody all are. */
function isMajority(voters: readonly MemberId[], holders: ReadonlySet<MemberId>): boolean {
  return voters.length === 0 || voters.filter((id) => holders.has(id)).length * 2 > voters.length;
}

/** More terms than a run comes to. */
const termsMax = 2 ** 24;
const contents = new WeakMap<Entry, number>();

/** A short name of an entry's kind and bytes (FNV-1a): two entries with one name are taken to be the same. */
function contentOf(entry: Entry): number {
  const known = contents.get(entry);
  if (known !== undefined) return known;
  let content = Math.imul(0x811c9dc5 ^ entry.kind.charCodeAt(1), 0x01000193);
  for (const byte of entry.data) content = Math.imul(content ^ byte, 0x01000193);
  contents.set(entry, content);
  return content;
}
