import type { Ground } from './ground.ts';
import type { SimulatedMember } from './member.ts';
import { peerMessageKinds, stormOf } from './network.ts';
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
  // What one hears is late, by up to some elections: answers come to a question that nobody asks any more. Now and then it is not heard itself, and
  // its timers stand still.
  'let one hear late': {
    weight: 3,
    happen: (ground, random) => {
      const { leader, members, network, electionMs } = ground;
      const one = leader !== null && random.chance(0.7) ? leader : random.pick(members);
      const others = members.filter((other) => other !== one);
      network.heal();
      const byMs = random.span(0.3, 4) * electionMs;
      for (const other of others) network.slowDown(other.id, one.id, byMs);
      const holdsTicks = random.chance(0.6);
      if (random.chance(0.7)) {
        ground.later(random.span(0, 1) * electionMs, one, () => {
          for (const other of others) network.cut(one.id, other.id);
          if (!holdsTicks) return;
          one.holdTicks();
          // Whoever has nothing at all to do for an election knows by its clock that it slept.
          ground.flood(one, 60, 0.1 * electionMs);
        });
      }
      ground.later(random.span(2, 7) * electionMs, null, () => {
        for (const other of others) {
          network.slowDown(other.id, one.id, 0);
          network.join(one.id, other.id);
        }
        one.releaseTicks();
      });
      return others.length > 0;
    },
  },
  // Streams of their own: some kinds of messages come late, others do not, and terms pass between them.
  'hold some kinds back': {
    weight: 3,
    happen: (ground, random) => {
      const { network, electionMs } = ground;
      const kinds = peerMessageKinds.filter(() => random.chance(0.25));
      for (const kind of kinds) network.holdBack(kind, random.span(0.2, 3) * electionMs);
      ground.later(random.span(1, 8) * electionMs, null, () => {
        for (const kind of kinds) network.holdBack(kind, 0);
      });
      return kinds.length > 0;
    },
  },
  // Grants of an earlier candidacy come to a later one, and whoever leads is shaken off before all have followed.
  'let votes come late': {
    weight: 2,
    happen: (ground, random) => {
      const { members, network, electionMs } = ground;
      network.heal();
      network.holdBack('vote-reply', random.span(0.5, 2.5) * electionMs);
      const shake = (left: number): void => {
        const { leader } = ground;
        if (left === 0) return network.holdBack('vote-reply', 0);
        if (leader !== null) ground.part([leader], members);
        ground.later(random.span(0.5, 2) * electionMs, null, () => {
          if (leader !== null) for (const other of members) network.join(leader.id, other.id);
          ground.later(random.span(0.5, 3) * electionMs, null, () => shake(left - 1));
        });
      };
      shake(random.between(2, 6));
      return members.length > 2;
    },
  },
  // Whoever leads is cut off, alone or with another one, and disks may be slow, and whoever led before comes back, a few times in a row: logs end with
  // tails that nobody else has.
  'pass the lead around': {
    weight: 3,
    happen: (ground, random) => {
      const { members, electionMs, network } = ground;
      if (members.length === 1) return false;
      let apart: readonly SimulatedMember[] = [];
      const hop = (left: number): void => {
        for (const one of apart) {
          one.diskSlowness = 1;
          for (const other of members) network.join(one.id, other.id);
        }
        const { leader } = ground;
        apart = left === 0 || leader === null ? [] : [leader];
        if (left === 0) return;
        if (leader === null) return ground.later(electionMs, null, () => hop(left - 1));
        if (members.length > 3 && random.chance(0.6)) apart = [leader, random.pick(members)];
        for (const one of apart) if (random.chance(0.4)) one.slowDisk(random.span(1, 8) * electionMs);
        ground.part(
          apart,
          members.filter((member) => !apart.includes(member)),
        );
        ground.flood(leader, random.between(3, 30), random.span(0.005, 0.05) * electionMs);
        proceed(left - 1, 20);
      };
      // As soon as another one leads, or after a while all the same.
      const proceed = (left: number, looks: number): void => {
        const { leader } = ground;
        if (looks > 0 && (leader === null || apart.includes(leader)))
          ground.later(0.2 * electionMs, null, () => proceed(left, looks - 1));
        else {
          // Who is away knows nothing of it when it comes back, and takes others for voters than those who are.
          const changes = random.chance(0.4) && ground.changeMembers(random);
          ground.later((changes ? random.span(0.2, 1.5) : random.pick([0, 0.1, 1]) * random.fraction()) * electionMs, null, () =>
            hop(left),
          );
        }
      };
      network.heal();
      hop(random.between(2, 6));
      return true;
    },
  },
  // What stands in the way of an exchange of voters: those who go hear nothing of those who come, while neither half may do anything alone.
  'part the halves of a change': {
    weight: 5,
    happen: (ground, random) => {
      const { leader, members, network, electionMs } = ground;
      const configuration = leader?.status?.configuration;
      if (leader === null || configuration === undefined || ground.losing.length > 0 || members.length < 3) return false;
      const { voters, learners } = configuration;
      const going = voters.filter(() => random.chance(0.4));
      const coming = learners.filter(() => random.chance(0.7));
      if (going.length + coming.length < 2 || going.length === voters.length) return false;
      ground.ask(leader, [
        ...going.map((member) => ({ kind: 'demote', member }) as const),
        ...coming.map((member) => ({ kind: 'promote', member }) as const),
      ]);
      ground.later(random.span(0, 0.5) * electionMs, null, () => {
        if (random.chance(0.5)) ground.leader?.crash('it dies in the middle of a change');
        const stays = members.filter(({ id }) => voters.includes(id) && !going.includes(id));
        const withOld = stays.filter(() => random.chance(0.5));
        const old = members.filter((member) => going.includes(member.id) || withOld.includes(member));
        ground.part(
          old,
          members.filter((member) => !old.includes(member)),
        );
        // What is committed takes effect late where it has to be read from a slow disk first.
        const late = old.length > 0 && random.chance(0.5) ? random.pick(old) : null;
        late?.slowDisk(random.span(0.2, 2) * electionMs);
        late?.crash('it dies behind a change that it has not applied');
        ground.later(random.span(2, 6) * electionMs, null, () => {
          if (late !== null) late.diskSlowness = 1;
          network.heal();
        });
      });
      return true;
    },
  },
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
   * does that has to meet nobody, because it was the only voter at the time of the copy, or is the last that runs.
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
          members.some((other) => other !== member && !other.isLost) &&
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
  // A machine that was just set up may have much to write at once.
  'add a new member': {
    weight: 2,
    happen: ({ newcomers }, random) => newcomers.bring({ diskSlowness: random.pick([1, 1, 10, 100]) }),
  },
  'replace a lost member': {
    weight: 4,
    happen: ({ newcomers }, random) =>
      newcomers.open.length > 0 &&
      newcomers.bring({
        instead: random.pick(newcomers.open),
        ...random.pick([{ atOnce: true }, { paired: true }, { paired: true }, {}]),
      }),
  },
  'hand the lead over': {
    weight: 3,
    // Now and then somebody is asked who does not lead, or leaves its reign anyway, or for more while a lead is handed over: that is refused.
    happen: (ground, random) => {
      const { leader, living, members } = ground;
      if (leader !== null && random.chance(0.3) && retire(ground, leader)) return true;
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
  /**
   * Removes some voters, a majority perhaps, and switches them off for good at the moment at which that is said to be done: whoever is left has to do without
   * them, also when all of these lose power right then.
   */
  'switch off who is removed': {
    weight: 1,
    happen: (ground, random) => {
      const { leader, members } = ground;
      const voters = leader?.status?.configuration.voters ?? [];
      const all = members.filter(({ id }) => voters.includes(id));
      const going = all.filter(() => random.chance(0.6));
      if (leader === null || going.length === 0 || going.length === all.length || ground.losing.length > 0) return false;
      const losePower = random.chance(0.6);
      ground.ask(
        leader,
        going.map(({ id }) => ({ kind: 'remove', member: id })),
        () =>
          ground.later(0, leader, () => {
            // Of those that stay, none may be out for a reason of its own.
            if (ground.losing.length > 0 || members.some((member) => member.onOlderDisk)) return;
            for (const member of going) member.switchOff();
            if (losePower) kill(members, 'all that are left lose power');
          }),
      );
      return true;
    },
  },
} as const satisfies Record<string, Fault>;

export type FaultKind = keyof typeof faults;

/** Each is counted, so that a run that had none of a kind is known. */
export const faultKinds = Object.keys(faults) as FaultKind[];

/** A fault that a run will have. */
interface PlannedFault {
  /** From 1, in the order of their times. */
  readonly number: number;
  readonly atMs: number;
  readonly kind: FaultKind;
}

/**
 * Draws the faults of a run: one about every `everyMs`, until `untilMs`. Each run has some kinds more often than others and some not at all: what
 * only many of one kind bring about is seldom seen where all are equally frequent.
 */
export function planFaults(random: Random, everyMs: number, untilMs: number): PlannedFault[] {
  const planned: PlannedFault[] = [];
  const lots: FaultKind[] = faultKinds.flatMap((kind) => {
    const often = random.pick([0, 1, 1, 4]);
    return Array.from({ length: faults[kind].weight * often }, () => kind);
  });
  if (lots.length === 0) return planned;
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

/** Demotes a leader, and asks it for the lead and for another change while it tells the others that it goes. False when it is needed, or no voter. */
function retire(ground: Ground, leader: SimulatedMember): boolean {
  const configuration = leader.status?.configuration;
  if (configuration === undefined || ground.losing.length > 0) return false;
  const votes = (): boolean => leader.status?.configuration.voters.includes(leader.id) === true;
  if (configuration.voters.length < 3 || !votes()) return false;
  ground.ask(leader, [{ kind: 'demote', member: leader.id }]);
  const look = (looks: number): void => {
    if (leader.status?.role !== 'leader' || looks === 0) return;
    if (!votes()) {
      leader.transferLead(null);
      ground.ask(leader, [{ kind: 'promote', member: leader.id }]);
    }
    ground.later(0.01 * ground.electionMs, leader, () => look(looks - 1));
  };
  look(100);
  return true;
}

function onOne(members: readonly SimulatedMember[], random: Random, happen: (one: SimulatedMember) => void): boolean {
  if (members.length === 0) return false;
  happen(random.pick(members));
  return true;
}
