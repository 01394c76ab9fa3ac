import type { MembershipChange } from '@env-cli/raft';

import type { SimulatedMember } from './member.ts';
import type { Timeline } from './timeline.ts';

/** What somebody new comes to: the cluster of a run, and whom to ask. */
interface Place {
  readonly timeline: Timeline;
  readonly electionMs: number;
  readonly members: readonly SimulatedMember[];
  readonly leader: SimulatedMember | null;
  /** Whether the time of faults has passed. */
  readonly over: boolean;
  ask(asked: SimulatedMember, changes: readonly MembershipChange[]): void;
}

interface Arrival {
  /** Who was lost. */
  readonly instead?: SimulatedMember | null;
  readonly atOnce?: boolean;
  /** The state is told for whom it comes, so that whoever leads lets that one go with the change in which the new one becomes a voter. */
  readonly paired?: boolean;
  /** Multiplies how long a sync of it takes. */
  readonly diskSlowness?: number;
}

/** Whoever tells the state of members. */
export interface Registrar {
  /** Names a new member, and who goes for it; `known` is called when that is applied. */
  admit(member: SimulatedMember, replaces: SimulatedMember | null, known: () => void): void;
  dismiss(member: SimulatedMember): void;
}

/** Members of a run that are not lost: beyond this nobody new is brought. */
const membersMax = 8;

/**
 * Brings new members, as a person does it: an empty disk with a number that was never used is started, the state is told who it is, and then the
 * configuration takes it in as a joining learner. What does not come about, because a leader was deposed or an answer was lost, is asked for again.
 */
export class Newcomers {
  readonly #place: Place;
  readonly #enlist: () => SimulatedMember;
  readonly #registrar: Registrar;
  /** Whom the state does not name yet, so that the configuration must not have it. One at a time: a number below one that is named is not taken. */
  #unknown: SimulatedMember | null = null;
  /** Who was lost and has, or will have, somebody in its place. */
  readonly #replaced = new Set<SimulatedMember>();
  /** Who was lost and is no longer named by the state, or will not be soon. */
  readonly #dismissed = new Set<SimulatedMember>();

  /** `enlist` makes a member with an empty disk and the next number, and starts it. */
  constructor(place: Place, enlist: () => SimulatedMember, registrar: Registrar) {
    this.#place = place;
    this.#enlist = enlist;
    this.#registrar = registrar;
  }

  /** Whether the state names it, so that it may take part. */
  isKnown(member: SimulatedMember): boolean {
    return this.#unknown !== member;
  }

  /** Those who were lost and have nobody in their place, though there is room. */
  get open(): SimulatedMember[] {
    const { members } = this.#place;
    if (!this.#hasRoom) return [];
    return members.filter((member) => member.isLost && !this.#replaced.has(member));
  }

  /** Whether whoever was lost has somebody in its place, and the state names all who came. */
  get settled(): boolean {
    return this.#unknown === null && this.open.length === 0;
  }

  /**
   * Brings one more, for somebody who was lost (`instead`) or for nobody: where `atOnce`, in the very change that removes that one. False when the
   * cluster is large enough, while the last one is not known, or while somebody runs on an older copy of its disk: whoever is new has never heard of
   * the newer one, and would let it in.
   */
  bring({ instead = null, atOnce = false, paired = false, diskSlowness = 1 }: Arrival): boolean {
    if (!this.#hasRoom || this.#unknown !== null || this.#place.members.some((member) => member.onOlderDisk)) return false;
    const newcomer = this.#enlist();
    newcomer.diskSlowness = diskSlowness;
    if (instead !== null) this.#replaced.add(instead);
    this.#unknown = newcomer;
    const isNamed = instead !== null && !this.#dismissed.has(instead);
    this.#registrar.admit(newcomer, paired && isNamed ? instead : null, () => {
      this.#unknown = null;
      this.#take(newcomer, atOnce ? instead : null);
    });
    return true;
  }

  /** Lets the state forget whoever is lost and takes part no more. */
  dismiss(): void {
    const configuration = this.#place.leader?.status?.configuration;
    if (configuration === undefined) return;
    const named = [...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners];
    for (const member of this.#place.members) {
      if (!member.isLost || !this.isKnown(member) || this.#dismissed.has(member) || named.includes(member.id)) continue;
      this.#dismissed.add(member);
      this.#registrar.dismiss(member);
    }
  }

  get #hasRoom(): boolean {
    return this.#place.members.filter((member) => !member.isLost).length < membersMax;
  }

  /** Asks whoever leads until the configuration has it. From then on it is a member like others, and may be removed again. */
  #take(newcomer: SimulatedMember, instead: SimulatedMember | null): void {
    if (newcomer.isLost || this.#place.over) return;
    const { leader, timeline, electionMs } = this.#place;
    const configuration = leader?.status?.configuration;
    if (leader !== null && configuration !== undefined) {
      const { voters, votersOutgoing, learners } = configuration;
      if ([...voters, ...votersOutgoing, ...learners].includes(newcomer.id)) return this.dismiss();
      const add = { kind: 'add', member: newcomer.id, as: 'joining' } as const;
      const leaves = instead !== null && (voters.includes(instead.id) || learners.includes(instead.id));
      this.#place.ask(leader, leaves ? [{ kind: 'remove', member: instead.id }, add] : [add]);
    }
    timeline.after(electionMs, 'fault', () => this.#take(newcomer, instead));
  }
}
