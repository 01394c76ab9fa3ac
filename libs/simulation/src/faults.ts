import type { Disks, SimulatedMember } from './member.ts';
import { drawChanges, wholeAgain } from './membership.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** The kinds of faults; each is counted, so that a run that had none of a kind is known. */
export const faultKinds = [
  'kill',
  'kill the leader',
  'kill all',
  'pause',
  'cut one off',
  'cut the leader off',
  'cut one way',
  'cut in two',
  'heal',
  'set a wall clock',
  'slow a disk',
  'copy the disks of one',
  'put an older copy back',
  'change the members',
  'hand the lead over',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Makes things go wrong, one after another, and puts everything right at the end. */
export class Faults {
  readonly counts = new Map<FaultKind, number>();
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #network: Network;
  readonly #members: readonly SimulatedMember[];
  readonly #electionMs: number;
  readonly #trace: (text: string) => void;
  /** Copies of the disks of members, made some time ago. */
  readonly #copies = new Map<SimulatedMember, Disks>();
  #over = false;

  constructor(
    timeline: Timeline,
    random: Random,
    network: Network,
    members: readonly SimulatedMember[],
    electionMs: number,
    trace: (text: string) => void,
  ) {
    this.#timeline = timeline;
    this.#random = random;
    this.#network = network;
    this.#members = members;
    this.#electionMs = electionMs;
    this.#trace = trace;
  }

  /** Begins, with a fault about every `everyMs`. */
  run(everyMs: number): void {
    const next = (): void =>
      this.#timeline.after(this.#random.span(0, 2 * everyMs), () => {
        if (this.#over) return;
        this.#happen(this.#random.pick(faultKinds));
        next();
      });
    next();
  }

  /** From now on nothing goes wrong, and what did is put right. */
  end(): void {
    this.#over = true;
    this.#network.heal();
    for (const member of this.#members) {
      member.diskSlowness = 1;
      member.resume();
      if (member.onOlderDisk) {
        // Refused or not: who operates it has noticed.
        member.crash('its newer disks are put back');
        member.putRight();
      }
      if (!member.alive) member.start();
    }
    this.#makeWhole();
  }

  /** Asks whoever leads for everybody's vote, again and again: what one leader was asked for may end with its reign. */
  #makeWhole(): void {
    const leader = this.#leader;
    const configuration = leader?.status?.configuration;
    if (leader !== undefined && configuration !== undefined) {
      const changes = wholeAgain(configuration, this.#members);
      if (changes.length > 0) leader.changeMembership(changes);
    }
    this.#timeline.after(this.#electionMs, () => this.#makeWhole());
  }

  /** The newest, for one that was deposed may not know of it. */
  get #leader(): SimulatedMember | undefined {
    const leaders = this.#members.filter((member) => member.status?.role === 'leader');
    return leaders.toSorted((a, b) => b.status!.term - a.status!.term)[0];
  }

  /** A member died, of a fault or at a boundary: it comes back. */
  died(member: SimulatedMember): void {
    const awayMs = this.#over ? 1 : this.#random.span(0, 4) * this.#electionMs;
    this.#timeline.after(awayMs, () => {
      if (!member.alive) member.start();
    });
  }

  #happen(kind: FaultKind): void {
    if (kind === 'put an older copy back') return this.#putBack();
    this.#count(kind);
    const one = this.#random.pick(this.#members);
    switch (kind) {
      case 'kill':
        return one.crash(kind);
      case 'kill the leader':
        return this.#leader?.crash(kind);
      case 'kill all':
        for (const member of this.#members) member.crash(kind);
        return undefined;
      case 'pause': {
        one.pause();
        const life = one.lives;
        return this.#timeline.after(this.#random.span(0.1, 5) * this.#electionMs, () => {
          if (one.lives === life) one.resume();
        });
      }
      case 'cut one off':
        for (const other of this.#members) this.#part([one], [other]);
        return undefined;
      case 'cut the leader off': {
        // It does not know yet that it is deposed, and clients still ask it.
        const leader = this.#leader;
        if (leader !== undefined) for (const other of this.#members) this.#part([leader], [other]);
        return undefined;
      }
      case 'cut one way':
        for (const other of this.#members) if (this.#random.chance(0.5)) this.#network.cut(one.id, other.id);
        return undefined;
      case 'cut in two': {
        const left = this.#members.filter(() => this.#random.chance(0.5));
        return this.#part(
          left,
          this.#members.filter((member) => !left.includes(member)),
        );
      }
      case 'heal':
        return this.#network.heal();
      case 'set a wall clock':
        return one.stepClock(this.#random.pick([-86_400_000, -5000, 5000, 365 * 86_400_000]));
      case 'slow a disk':
        one.diskSlowness = this.#random.pick([1, 10, 100]);
        return undefined;
      case 'copy the disks of one':
        if (!one.onOlderDisk) this.#copies.set(one, one.copyDisks());
        return undefined;
      case 'change the members': {
        const leader = this.#leader;
        const configuration = leader?.status?.configuration;
        if (configuration === undefined) return undefined;
        return leader?.changeMembership(drawChanges(configuration, this.#members, this.#random));
      }
      case 'hand the lead over':
        return this.#leader?.transferLead(this.#random.chance(0.3) ? null : one.id);
    }
  }

  /**
   * Lets one come back with an older copy of its disks. Only where all others have written down that it is older: then it must be refused by
   * whomever it meets, and with that it is harmless. What is known to fewer may pass, and what it does then is not to be had from Raft; nor what one
   * does that has to meet nobody, because it was the only voter at the time of the copy.
   */
  #putBack(): void {
    const candidates = [...this.#copies].filter(
      ([member, copy]) =>
        !member.onOlderDisk &&
        !member.leadsAlone(copy) &&
        this.#members.every((other) => other === member || other.certainlyRefuses(member.id, copy)),
    );
    if (candidates.length === 0) return;
    const [member, copy] = this.#random.pick(candidates);
    this.#count('put an older copy back');
    this.#copies.delete(member);
    member.crash('put an older copy back');
    member.putBack(copy);
    member.start();
  }

  #count(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#trace(`fault: ${kind}`);
  }

  #part(left: readonly SimulatedMember[], right: readonly SimulatedMember[]): void {
    for (const a of left) {
      for (const b of right) {
        if (a === b) continue;
        this.#network.cut(a.id, b.id);
        this.#network.cut(b.id, a.id);
      }
    }
  }
}
