import type { MembershipChange } from '@env-cli/raft';

import type { Disks, SimulatedMember } from './member.ts';
import { drawChanges, isMinority, nonsenseIn, wholeAgain } from './membership.ts';
import type { Network } from './network.ts';
import { Newcomers, type Registrar } from './newcomers.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** Election timeouts after which a change that was asked for is in a log, or will never be: a process sleeps for ten at most. */
const changeMsMax = 20;

/** Whoever asks a member for things that nobody waits for. */
interface Flooder {
  flood(member: SimulatedMember, count: number, everyMs: number): void;
}

/** What faults happen to: the members of a run, the network between them, and time. */
export class Ground {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly members: readonly SimulatedMember[];
  readonly electionMs: number;
  readonly newcomers: Newcomers;
  /** Copies of the disks of members, made some time ago. */
  readonly copies = new Map<SimulatedMember, Disks>();
  readonly #registrar: Registrar & Flooder;
  #over = false;
  /** When somebody was last asked to change the members. */
  #changedMs = -Infinity;

  /** `members` grows with whoever `enlist` makes: see {@link Newcomers}. */
  constructor(
    { timeline, network, members, electionMs }: Pick<Ground, 'timeline' | 'network' | 'members' | 'electionMs'>,
    enlist: () => SimulatedMember,
    registrar: Registrar & Flooder,
  ) {
    this.timeline = timeline;
    this.network = network;
    this.members = members;
    this.electionMs = electionMs;
    this.#registrar = registrar;
    this.newcomers = new Newcomers(this, enlist, registrar);
  }

  /** Whether the time of faults has passed. */
  get over(): boolean {
    return this.#over;
  }

  /** The newest, for one that was deposed may not know of it. */
  get leader(): SimulatedMember | null {
    const leaders = this.members.filter((member) => member.status?.role === 'leader');
    return leaders.toSorted((a, b) => b.status!.term - a.status!.term)[0] ?? null;
  }

  get living(): SimulatedMember[] {
    return this.members.filter((member) => member.running);
  }

  /** Those of which nothing is to be had any more, or soon. */
  get losing(): SimulatedMember[] {
    return this.members.filter((member) => member.isLost || member.isDamaged);
  }

  /**
   * Those that run and may be lost for good: a minority may, of every configuration that stands on any disk, and what they promised is then
   * with the others.
   */
  get losable(): SimulatedMember[] {
    // A change that somebody was asked for may still wait in a process that is stopped.
    if (this.timeline.nowMs - this.#changedMs < changeMsMax * this.electionMs) return [];
    const lost = this.losing.map(({ id }) => id);
    // Nobody knows of their damage yet, and whoever joins becomes a voter by itself.
    const damaged = this.members.filter((member) => !member.isLost && member.isDamaged).map(({ id }) => id);
    const configurations = this.members.flatMap((member) => member.configurations);
    return this.living.filter(
      (member) =>
        !member.isDamaged &&
        !member.onOlderDisk &&
        configurations.every((one) => isMinority([...lost, member.id], [...damaged, member.id], one)),
    );
  }

  /** Asks the leader to change the members: at random, or, once somebody is lost, only for what brings the others back together. */
  readonly changeMembers = (random: Random): boolean => {
    const { leader, losing } = this;
    const configuration = leader?.status?.configuration;
    if (leader === null || configuration === undefined) return false;
    const rest = this.members.filter((member) => !losing.includes(member) && this.newcomers.isKnown(member));
    const changes = losing.length > 0 ? wholeAgain(configuration, rest) : drawChanges(configuration, rest, random);
    const asked = this.living.length > 0 && random.chance(0.1) ? random.pick(this.living) : leader;
    if (losing.length === 0 && random.chance(0.3)) for (const nonsense of nonsenseIn(configuration)) this.ask(asked, nonsense);
    if (changes.length > 0) this.ask(asked, changes);
    return changes.length > 0;
  };

  /** Clients ask one member for so many things that nobody waits for, one about every so many milliseconds. */
  flood(member: SimulatedMember, count: number, everyMs: number): void {
    this.#registrar.flood(member, count, everyMs);
  }

  /** Asks a member for a change of the members. `done` is called when that one says that it has come about. */
  ask(asked: SimulatedMember, changes: readonly MembershipChange[], done?: () => void): void {
    this.#changedMs = this.timeline.nowMs;
    asked.changeMembership(changes, done);
  }

  /** Brings somebody for whoever is lost, and asks whoever leads for everybody's vote, again and again: what one leader was asked for may end with its reign. */
  #makeWhole(): void {
    const [lost] = this.newcomers.open;
    if (lost !== undefined) this.newcomers.bring({ instead: lost });
    const { leader } = this;
    const configuration = leader?.status?.configuration;
    if (leader !== null && configuration !== undefined) {
      const changes = wholeAgain(
        configuration,
        this.members.filter((member) => !member.isLost && this.newcomers.isKnown(member)),
      );
      if (changes.length > 0) leader.changeMembership(changes);
      this.newcomers.dismiss();
    }
    this.timeline.after(this.electionMs, 'fault', () => this.#makeWhole());
  }

  /** Later, if the same process of a member still runs (null: of the network) and nothing was put right meanwhile. */
  later(delayMs: number, member: SimulatedMember | null, happen: () => void): void {
    const life = member?.lives;
    this.timeline.after(delayMs, 'fault', () => {
      if (!this.#over && member?.lives === life) happen();
    });
  }

  /** No message gets from one of `left` to one of `right`, nor back. False when that is nobody. */
  readonly part = (left: readonly SimulatedMember[], right: readonly SimulatedMember[]): boolean => {
    let any = false;
    for (const a of left) {
      for (const b of right) {
        if (a === b) continue;
        this.network.cut(a.id, b.id);
        this.network.cut(b.id, a.id);
        any = true;
      }
    }
    return any;
  };

  /** A member died, of a fault or at a boundary: it comes back, unless nothing is left to come back with. */
  readonly died = (member: SimulatedMember, awayElections: number): void => {
    this.timeline.after(this.#over ? 1 : awayElections * this.electionMs, 'fault', () => {
      if (!member.alive && !member.isLost) member.start();
    });
  };

  /** From now on nothing goes wrong, and what did is put right: whoever is lost has somebody in its place. */
  end(): void {
    this.#over = true;
    this.network.heal();
    this.network.hurry();
    for (const member of this.members) {
      member.putClocksRight();
      member.putDisksRight();
      member.resume();
      if (member.onOlderDisk) {
        // Refused or not: who operates it has noticed.
        member.crash('its newer disks are put back');
        member.putRight();
      }
      // What is damaged and was not read yet is found by the start that follows.
      if (member.isDamaged) member.crash('it is started again after the faults');
      if (!member.alive && !member.isLost) member.start();
    }
    this.#makeWhole();
  }
}
