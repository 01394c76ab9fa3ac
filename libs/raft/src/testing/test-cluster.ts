import type { Effect } from '../door.ts';
import type { MemberId } from '../entry.ts';
import type { PeerMessage } from '../message.ts';
import type { State, TestMemberOptions } from './test-member.ts';
import { configurationOf, TestMember } from './test-member.ts';

export interface Packet {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly message: PeerMessage;
  /** With a `snapshot` header: what it heads. */
  readonly snapshot?: State;
}

/** Members and the links between them. Nothing moves by itself: a test ticks, delivers and cuts. */
export class TestCluster {
  readonly members = new Map<MemberId, TestMember>();
  /** Packets that are on their way, oldest first. */
  wire: Packet[] = [];
  /** Called with each packet as it arrives. */
  onArrival: (packet: Packet) => void = () => {};
  #isCut: (from: MemberId, to: MemberId) => boolean = () => false;
  /** Snapshots that arrived and wait to be installed. */
  #arrived = new Map<MemberId, Packet>();

  constructor(ids: readonly MemberId[], options: (id: MemberId) => TestMemberOptions = () => ({})) {
    for (const id of ids) this.members.set(id, new TestMember({ configuration: configurationOf(ids), ...options(id), id }));
  }

  at(id: MemberId): TestMember {
    return this.members.get(id)!;
  }

  /** Loses what travels over the links for which `isCut` holds, from now on. */
  cut(isCut: (from: MemberId, to: MemberId) => boolean): void {
    this.#isCut = isCut;
    this.collect();
    for (const packet of this.wire.filter(({ from, to }) => isCut(from, to))) this.lose(packet);
  }

  cutOff(...ids: MemberId[]): void {
    this.cut((from, to) => ids.includes(from) !== ids.includes(to));
  }

  heal(): void {
    this.#isCut = () => false;
  }

  /** Takes the members' messages to the wire. Loops over a member's effects, so that snapshots are sent and installed. */
  collect(): void {
    for (const member of this.members.values()) {
      for (const kind of ['send-snapshot', 'install-snapshot', 'discard-snapshot'] as const) {
        for (const effect of member.takeEffects(kind)) this.#onSnapshotEffect(member, effect);
      }
      for (const { to, message } of member.takeOutbox()) this.#post({ from: member.id, to, message });
    }
  }

  /** A packet does not arrive. Whoever streams a snapshot notices. */
  lose(packet: Packet): void {
    this.wire = this.wire.filter((other) => other !== packet);
    if (packet.message.kind !== 'snapshot') return;
    this.at(packet.from).step({ kind: 'snapshot-failed', to: packet.to, term: packet.message.term });
  }

  /** Delivers one packet: the oldest, or the one at `at`. */
  deliverOne(at = 0): void {
    const [packet] = this.wire.splice(at, 1);
    if (packet === undefined) return;
    this.onArrival(packet);
    if (packet.snapshot !== undefined) this.#arrived.set(packet.to, packet);
    this.members.get(packet.to)?.receive(packet.from, packet.message);
    this.collect();
  }

  /** Delivers until nothing is on its way, or what is on its way does not pass `isDelivered` (it stays). */
  deliver(isDelivered: (packet: Packet) => boolean = () => true): void {
    this.collect();
    for (let count = 0; ; count++) {
      const at = this.wire.findIndex(isDelivered);
      if (at < 0) return;
      if (count > 100_000) throw new Error('the members never stop talking');
      this.deliverOne(at);
    }
  }

  /** Lets time pass for whoever can talk to this member, until it leads and has told all of them. */
  elect(id: MemberId): void {
    const member = this.at(id);
    const isOurs = (one: MemberId) => one === id || !this.#isCut(id, one);
    for (let i = 0; i < 40 && member.status.role !== 'leader'; i++) {
      for (const one of this.members.values()) if (isOurs(one.id)) one.tick();
      // Only the chosen one may go on to stand.
      this.collect();
      this.wire = this.wire.filter(({ from, message }) => message.kind !== 'pre-vote-request' || from === id || !isOurs(from));
      this.deliver(({ from, to }) => isOurs(from) && isOurs(to));
    }
    if (member.status.role !== 'leader') throw new Error(`member ${id} was not elected`);
  }

  leader(): TestMember | undefined {
    return [...this.members.values()]
      .filter((one) => one.status.role === 'leader')
      .toSorted((a, b) => b.status.term - a.status.term)[0];
  }

  /** Installs the snapshot that waits at a member with `holdInstall`. */
  install(id: MemberId): void {
    const packet = this.#arrived.get(id);
    if (packet?.snapshot === undefined) throw new Error(`no snapshot waits at ${id}`);
    this.at(id).install(packet.snapshot);
    this.#reportSnapshot(packet);
    this.collect();
  }

  #onSnapshotEffect(member: TestMember, effect: Effect): void {
    if (effect.kind === 'send-snapshot') {
      const { index, term } = member.state;
      const header = { kind: 'snapshot', term: effect.term, index, indexTerm: term } as const;
      const snapshot = { ...member.state, applied: [...member.state.applied] };
      const packet = { from: member.id, to: effect.to, message: header, snapshot };
      if (!this.#post(packet)) member.step({ kind: 'snapshot-failed', to: effect.to, term: effect.term });
    } else if (effect.kind === 'install-snapshot') {
      if (!member.holdInstall) this.install(member.id);
    } else if (effect.kind === 'discard-snapshot') {
      const packet = this.#arrived.get(member.id);
      if (packet !== undefined) this.#reportSnapshot(packet);
    }
  }

  #reportSnapshot({ from, to, message }: Packet): void {
    if (message.kind !== 'snapshot') return;
    this.at(from).step({ kind: 'snapshot-sent', to, term: message.term, index: message.index });
  }

  #post(packet: Packet): boolean {
    if (this.#isCut(packet.from, packet.to)) return false;
    this.wire.push(packet);
    return true;
  }
}
