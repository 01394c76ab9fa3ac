import { assert } from '@env-cli/support';

import type { Effect } from '../door.ts';
import type { Entry, MemberId } from '../entry.ts';
import type { Configuration } from '../configuration.ts';
import { decodeConfiguration } from '../configuration.ts';
import { tally } from '../quorum.ts';
import type { TestCluster } from './test-cluster.ts';
import type { TestMember } from './test-member.ts';

const textOf = (entry: Entry) => new TextDecoder().decode(entry.data);

/** What must hold in every moment, whatever happens (raft.pdf figure 3), checked as things happen. */
export class Oracle {
  readonly #cluster: TestCluster;
  /** The leader of each term. */
  readonly #leaders = new Map<number, MemberId>();
  /** Each entry that was ever written, by index and term: what it is and what stood before it. */
  readonly #written = new Map<string, string>();
  /** Each entry that was ever applied, by index. */
  readonly committed = new Map<number, Entry>();
  /** Each configuration that was ever applied, the first of all at its head, by the index of its entry. */
  readonly #configurations: { readonly index: number; readonly configuration: Configuration }[];
  readonly #refused = new Set<string>();
  /** The highest commit index that anybody knew when a read was asked for. */
  readonly #readFloors = new Map<number, number>();
  /** How often something happened that a soak is to have in it. */
  readonly seen = {
    readReady: 0,
    installSnapshot: 0,
    load: 0,
    reign: 0,
    overwritten: 0,
    proposalsLost: 0,
    change: 0,
    transfer: 0,
  };

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    const [first] = cluster.members.values();
    this.#configurations = [{ index: 0, configuration: first!.state.configuration }];
    for (const member of cluster.members.values()) member.observe = (effect) => this.#onEffect(member, effect);
  }

  /** A read is asked for now. */
  askRead(member: TestMember, id: number): void {
    const floors = [...this.#cluster.members.values()].map((one) => one.status.commitIndex);
    this.#readFloors.set(id, Math.max(...floors));
    member.step({ kind: 'read', id });
  }

  propose(member: TestMember, text: string): void {
    for (const effect of member.propose(text)) if (effect.kind === 'proposal-refused') this.#refused.add(text);
  }

  #onEffect(member: TestMember, effect: Effect): void {
    if (effect.kind === 'role' && effect.role === 'leader') this.#onLeader(member, effect.term);
    else if (effect.kind === 'store') this.#onStore(member, effect.entries);
    else if (effect.kind === 'apply') for (const entry of effect.entries) this.#onApplied(member, entry);
    else if (effect.kind === 'install-snapshot') this.seen.installSnapshot++;
    else if (effect.kind === 'load') this.seen.load++;
    else if (effect.kind === 'transfer-ended') this.seen.transfer++;
    else if (effect.kind === 'proposals-lost') this.seen.proposalsLost++;
    else if (effect.kind === 'read-ready') {
      this.seen.readReady++;
      assert(
        effect.index >= (this.#readFloors.get(effect.id) ?? Infinity),
        'a read index covers what was committed when the read came',
      );
    }
  }

  #onLeader(member: TestMember, ofTerm: number): void {
    const { id } = member;
    assert((this.#leaders.get(ofTerm) ?? id) === id, 'a term has at most one leader (election safety)');
    this.#leaders.set(ofTerm, id);
    this.seen.reign++;
    for (const entry of this.committed.values()) {
      const held = entry.index <= member.disk.previous.index || member.logTermAt(entry.index) === entry.term;
      assert(held, 'a leader has every entry that was committed before (leader completeness)');
    }
  }

  #onStore(member: TestMember, entries: readonly Entry[]): void {
    for (const [at, entry] of entries.entries()) {
      const before = at === 0 ? member.logTermAt(entry.index - 1) : entries[at - 1]?.term;
      const description = `${entry.kind} ${textOf(entry)} behind an entry of term ${before}`;
      const key = `${entry.index} of term ${entry.term}`;
      assert(
        (this.#written.get(key) ?? description) === description,
        'index and term tell an entry and all before it (log matching)',
      );
      this.#written.set(key, description);
      if (entry.kind === 'configuration') this.#onConfigurationStored(member, entries.slice(0, at), entries[0]!.index);
      if (member.logTermAt(entry.index) !== undefined) this.seen.overwritten++;
    }
  }

  /** One more configuration is stored behind `written`, which replaces the log from `from` on. */
  #onConfigurationStored(member: TestMember, written: readonly Entry[], from: number): void {
    const before = [...member.logEntries.filter((one) => one.index < from), ...written];
    assert(
      before.every((one) => one.kind !== 'configuration' || this.committed.get(one.index)?.term === one.term),
      'of the configurations in a log all but the last are committed (one change at a time)',
    );
  }

  /** By the newest configuration before an entry, or the one before that while its leader had not applied the newest. */
  #isQuorum(holders: ReadonlySet<MemberId>, at: number): boolean {
    const votes = new Map([...holders].map((id) => [id, true]));
    const before = this.#configurations.filter((one) => one.index < at).slice(-2);
    return before.some(({ configuration }) => tally(configuration, votes) === 'won');
  }

  #onApplied(member: TestMember, entry: Entry): void {
    const held = (one: TestMember) =>
      one.disk.previous.index >= entry.index || one.disk.entries[entry.index - one.disk.previous.index - 1]?.term === entry.term;
    assert(held(member), 'a state is never ahead of its log');
    const known = this.committed.get(entry.index);
    if (known === undefined) {
      const members = [...this.#cluster.members.values()];
      const holders = new Set(members.filter(held).map((one) => one.id));
      assert(this.#isQuorum(holders, entry.index), 'what is applied is on the disks of a quorum');
      assert(!this.#refused.has(textOf(entry)), 'what was refused is not applied');
      this.committed.set(entry.index, entry);
      if (entry.kind === 'configuration') {
        this.#configurations.push({ index: entry.index, configuration: decodeConfiguration(entry.data) });
        this.seen.change++;
      }
    } else {
      const same = entry.term === known.term && entry.kind === known.kind && textOf(entry) === textOf(known);
      assert(same, 'all apply the same entry at an index (state machine safety)');
    }
  }
}
