import type { Ground } from './ground.ts';
import type { SimulatedMember } from './member.ts';
import { stormOf } from './network.ts';
import { Random } from './random.ts';

interface Fault {
  /** How often it is drawn, beside the others. What takes a member away for the rest of a run is rare. */
  readonly weight: number;
  /** Makes it happen, now; false when there was nothing that it could happen to. */
  readonly happen: (ground: Ground, random: Random) => boolean;
}

/** Everything that goes wrong at a time of its own. One more kind is one more entry. */
const faults = {
  kill: { weight: 3, happen: ({ members }, random) => kill([random.pick(members)], 'kill') },
  'kill the leader': { weight: 3, happen: ({ leader }) => leader !== null && kill([leader], 'kill the leader') },
  'kill all': { weight: 3, happen: ({ members }) => kill(members, 'kill all') },
  pause: {
    weight: 3,
    happen: (ground, random) =>
      onOne(ground.living, random, (one) => {
        one.pause();
        ground.later(random.span(0.1, 10) * ground.electionMs, one, () => one.resume());
      }),
  },
  'cut one off': { weight: 3, happen: ({ members, part }, random) => part([random.pick(members)], members) },
  // It does not know yet that it is deposed, and clients still ask it.
  'cut the leader off': { weight: 3, happen: ({ leader, members, part }) => leader !== null && part([leader], members) },
  'cut one way': {
    weight: 3,
    happen: ({ members, network }, random) => {
      const from = random.pick(members);
      const to = members.filter((other) => other !== from && random.chance(0.5));
      for (const other of to) network.cut(from.id, other.id);
      return to.length > 0;
    },
  },
  'cut in two': {
    weight: 3,
    happen: ({ members, part }, random) => {
      const left = members.filter(() => random.chance(0.5));
      return part(
        left,
        members.filter((member) => !left.includes(member)),
      );
    },
  },
  // Partial: two do not hear one another, and everybody hears both.
  'cut one link': { weight: 2, happen: ({ members, part }, random) => part([random.pick(members)], [random.pick(members)]) },
  // Partial: two halves that only meet in one member.
  'leave a bridge': {
    weight: 2,
    happen: ({ members, part }, random) => {
      const bridge = random.pick(members);
      const others = members.filter((member) => member !== bridge);
      const left = others.filter(() => random.chance(0.5));
      return part(
        left,
        others.filter((member) => !left.includes(member)),
      );
    },
  },
  // Partial: each hears only its neighbours.
  'leave a ring': {
    weight: 1,
    happen: ({ members, part }) => {
      const apart = members.map((one, at) => {
        const others = members.filter((_, other) => Math.min(Math.abs(other - at), members.length - Math.abs(other - at)) > 1);
        return part([one], others);
      });
      return apart.includes(true);
    },
  },
  heal: { weight: 4, happen: ({ network }) => network.heal() },
  storm: {
    weight: 2,
    happen: (ground, random) => {
      const { network, electionMs } = ground;
      const before = network.weather;
      network.weather = stormOf(random, electionMs);
      ground.later(random.span(1, 10) * electionMs, null, () => (network.weather = before));
      return true;
    },
  },
  'step a wall clock': {
    weight: 2,
    happen: ({ members }, random) => random.pick(members).stepClock(random.pick([-86_400_000, -5000, 5000, 365 * 86_400_000])),
  },
  // A clock that runs up to twice too fast or too slow, for the rest of the run or until it is drawn again.
  'let a clock drift': {
    weight: 2,
    happen: ({ living }, random) => onOne(living, random, (one) => one.driftClock(random.pick([0.5, 0.9, 1, 1.1, 2]))),
  },
  'freeze a clock': {
    weight: 2,
    happen: (ground, random) =>
      onOne(ground.living, random, (one) => {
        one.freezeClock();
        ground.later(random.span(0.1, 10) * ground.electionMs, one, () => one.thawClock(random.chance(0.5)));
      }),
  },
  // Timers that are held back, and then all fire at once.
  'bunch the ticks': {
    weight: 2,
    happen: (ground, random) =>
      onOne(ground.living, random, (one) => {
        one.holdTicks();
        ground.later(random.span(0.1, 3) * ground.electionMs, one, () => one.releaseTicks());
      }),
  },
  'slow a disk': {
    weight: 2,
    happen: ({ members }, random) => onOne(members, random, (one) => (one.diskSlowness = random.pick([1, 10, 100]))),
  },
  'fail a sync of the log': { weight: 2, happen: ({ living }, random) => onOne(living, random, (one) => one.failNextSync()) },
  'fail a checkpoint': { weight: 2, happen: ({ living }, random) => onOne(living, random, (one) => one.failNextCheckpoint()) },
  'copy the disks of one': {
    weight: 4,
    happen: ({ members, copies }, random) => {
      const one = random.pick(members);
      if (one.onOlderDisk || one.isLost) return false;
      copies.set(one, one.copyDisks());
      return true;
    },
  },
  /**
   * Lets one come back with an older copy of its disks. Only where all others have written down that it is older: then it must be refused by
   * whomever it meets, and with that it is harmless. What is known to fewer may pass, and what it does then is not to be had from Raft; nor what one
   * does that has to meet nobody, because it was the only voter at the time of the copy.
   */
  'put an older copy back': {
    weight: 6,
    happen: ({ members, copies }, random) => {
      if (members.length === 1) return false;
      const candidates = [...copies].filter(
        ([member, copy]) =>
          !member.onOlderDisk &&
          !member.isLost &&
          !member.leadsAlone(copy) &&
          members.every((other) => other === member || other.isLost || other.certainlyRefuses(member.id, copy)),
      );
      if (candidates.length === 0) return false;
      const [member, copy] = random.pick(candidates);
      copies.delete(member);
      member.crash('put an older copy back');
      member.putBack(copy);
      member.start();
      return true;
    },
  },
  'change the members': { weight: 4, happen: ({ changeMembers }, random) => changeMembers(random) },
  'add a new member': { weight: 2, happen: ({ newcomers }) => newcomers.bring(null, false) },
  'replace a lost member': {
    weight: 4,
    happen: ({ newcomers }, random) =>
      newcomers.open.length > 0 && newcomers.bring(random.pick(newcomers.open), random.chance(0.5)),
  },
  'hand the lead over': {
    weight: 3,
    // Now and then somebody is asked who does not lead, or for more while a lead is handed over: that is refused.
    happen: (ground, random) => {
      const { leader, living, members } = ground;
      const asked = living.length > 0 && random.chance(0.2) ? random.pick(living) : leader;
      if (asked === null) return false;
      asked.transferLead(random.chance(0.3) ? null : random.pick(members).id);
      if (random.chance(0.2)) asked.transferLead(null);
      if (random.chance(0.2)) ground.changeMembers(random);
      return true;
    },
  },
  'flip a bit of a log': {
    weight: 1,
    happen: ({ losable }, random) => losable.length > 0 && random.pick(losable).rotLog(random),
  },
  'misdirect a write of a log': {
    weight: 1,
    happen: ({ losable }, random) => losable.length > 0 && random.pick(losable).misdirectNextWrite(),
  },
  'flip a bit of a state': {
    weight: 1,
    happen: ({ losable }, random) => losable.length > 0 && random.pick(losable).rotState(random),
  },
  'lose a whole disk': {
    weight: 1,
    happen: ({ losable }, random) => losable.length > 0 && random.pick(losable).loseDisk(random),
  },
} as const satisfies Record<string, Fault>;

export type FaultKind = keyof typeof faults;

/** Each is counted, so that a run that had none of a kind is known. */
export const faultKinds = Object.keys(faults) as FaultKind[];

const lots: readonly FaultKind[] = faultKinds.flatMap((kind) => Array.from({ length: faults[kind].weight }, () => kind));

/** A fault that a run will have. */
interface PlannedFault {
  /** From 1, in the order of their times. */
  readonly number: number;
  readonly atMs: number;
  readonly kind: FaultKind;
}

/** Draws the faults of a run: one about every `everyMs`, until `untilMs`. */
export function planFaults(random: Random, everyMs: number, untilMs: number): PlannedFault[] {
  const planned: PlannedFault[] = [];
  for (let atMs = random.span(0, 2 * everyMs); atMs < untilMs; atMs += random.span(0, 2 * everyMs))
    planned.push({ number: planned.length + 1, atMs, kind: random.pick(lots) });
  return planned;
}

/** Makes things go wrong, one after another, and puts everything right at the end. */
export class Faults {
  readonly counts = new Map<FaultKind, number>();
  readonly #ground: Ground;
  readonly #seed: number;
  readonly #trace: (text: string) => void;

  constructor(seed: number, ground: Ground, trace: (text: string) => void) {
    this.#seed = seed;
    this.#ground = ground;
    this.#trace = trace;
  }

  /** Lets these happen, each at its time, with numbers of its own: it is the same whether others happen or not. */
  run(planned: readonly PlannedFault[]): void {
    for (const { number, atMs, kind } of planned) {
      this.#ground.timeline.after(atMs, 'fault', () => {
        if (this.#ground.over) return;
        this.#trace(`fault ${number}: ${kind}`);
        if (faults[kind].happen(this.#ground, Random.of(this.#seed, `fault ${number}`)))
          this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
        else this.#trace(`fault ${number} finds nothing to happen to`);
      });
    }
  }
}

function kill(members: readonly SimulatedMember[], why: string): boolean {
  const living = members.filter((member) => member.alive);
  for (const member of living) member.crash(why);
  return living.length > 0;
}

function onOne(members: readonly SimulatedMember[], random: Random, happen: (one: SimulatedMember) => void): boolean {
  if (members.length === 0) return false;
  happen(random.pick(members));
  return true;
}
