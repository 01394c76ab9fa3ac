import type { MemberIdentity } from '@env-cli/keyspace';
import {
  type Hello,
  type HelloExpectation,
  type HelloRefusal,
  type Introduction,
  introductionOf,
  isProven,
  protocolRange,
  refuseHello,
  type Standing,
} from '@env-cli/replica';
import { equalBytes } from '@env-cli/support';

export interface NeighboursOptions {
  readonly formingId: Uint8Array;
  readonly clusterId: Uint8Array;
  /** The epoch that the cluster was founded with. */
  readonly epoch: number;
  readonly memberId: number;
  readonly diskId: Uint8Array;
  readonly apiAddress: string;
  /** The highest feature level that this program understands. */
  readonly featureLevelMax: number;
  readonly startNonce: number;
  /** The data of the cluster's first entry: who has it was added. */
  readonly founding: Uint8Array;
}

/** What a state tells of the cluster that it is of. */
export interface KnownCluster {
  readonly members: readonly MemberIdentity[];
  /** The highest number that a member was ever given. */
  readonly memberIdLast: number;
  readonly featureLevel: number;
  /** Who comes in the place of whom (`Roster.replacements`). */
  readonly replacements: ReadonlyMap<number, number>;
}

type PeerAddress = Pick<MemberIdentity, 'memberId' | 'address'>;

/** Members that this one hears of from themselves. */
const guestsMax = 32;

/** The members of a cluster that is formed, as this one knows them. */
export class Neighbours {
  readonly #options: NeighboursOptions;
  readonly #apiAddresses = new Map<number, string>();
  /** The highest feature level that a member understands, as it said itself. */
  readonly #featureLevelsMax = new Map<number, number>();
  #members: readonly MemberIdentity[] = [];
  #memberIdLast = 0;
  #featureLevel = 0;
  #replacements: ReadonlyMap<number, number> = new Map();
  #isNew = false;
  #told: readonly PeerAddress[] = [];
  /** Who introduced themselves: those who were added while this member was away, with numbers above all that its state knows; or who found it without a state. */
  readonly #guests = new Map<number, MemberIdentity>();

  constructor(options: NeighboursOptions) {
    this.#options = options;
    this.#apiAddresses.set(options.memberId, options.apiAddress);
    this.#featureLevelsMax.set(options.memberId, options.featureLevelMax);
  }

  get members(): readonly MemberIdentity[] {
    return this.#members;
  }

  get others(): readonly MemberIdentity[] {
    return this.#members.filter((member) => member.memberId !== this.#options.memberId);
  }

  /**
   * Whom this member exchanges messages with, and where: {@link others}, and those who introduced themselves. A member that is new believes most what those say
   * of themselves, then what it was told, and least what the first entry says, of the day on which the cluster was founded.
   */
  get reachable(): readonly PeerAddress[] {
    const guests = [...this.#guests.values()];
    if (!this.#isNew) return [...this.others, ...guests];
    const found = new Map<number, PeerAddress>();
    for (const member of [...this.others, ...this.#told, ...guests]) found.set(member.memberId, member);
    found.delete(this.#options.memberId);
    return [...found.values()];
  }

  /** How this member introduces itself to one that may not have heard of it yet; null before its state names it. */
  introduction(toMemberId: number): Introduction | null {
    const { memberId, diskId, startNonce, founding } = this.#options;
    const own = this.#members.find((member) => member.memberId === memberId);
    return own === undefined ? null : introductionOf(founding, { memberId, diskId, toMemberId, startNonce }, own.address);
  }

  /**
   * Takes in somebody whom the state does not name yet: one with the proof that it was added, and with a number above all that are known, since this member was away
   * when it was added; or any at all while this member has no state, for it was told of some members alone. It may be the leader that this member needs to hear of it
   * (raft.pdf §6). Answers whether there is somebody new to dial, or a new address.
   */
  admit(hello: Hello, introduction: Introduction): boolean {
    const { memberId, diskId } = hello;
    if (!this.#isUnheardOf(hello)) return false;
    const known = this.#guests.get(memberId);
    const hasPlace = known === undefined ? this.#guests.size < guestsMax : equalBytes(known.diskId, diskId);
    if (!hasPlace || hello.clusterId === null || !isProven(this.#options.founding, hello, introduction)) return false;
    this.#guests.set(memberId, { memberId, diskId, address: introduction.address });
    return known?.address !== introduction.address;
  }

  /** The feature level that the cluster has, as far as this member has applied. */
  get featureLevel(): number {
    return this.#featureLevel;
  }

  know({ members, memberIdLast, featureLevel, replacements }: KnownCluster): void {
    this.#members = members;
    this.#memberIdLast = memberIdLast;
    this.#featureLevel = featureLevel;
    this.#replacements = replacements;
    this.#isNew = false;
    for (const memberId of this.#guests.keys()) if (memberId <= memberIdLast) this.#guests.delete(memberId);
    for (const heard of [this.#apiAddresses, this.#featureLevelsMax])
      for (const memberId of heard.keys()) if (!this.#isReachable(memberId)) heard.delete(memberId);
  }

  /**
   * This member has joined a cluster and has none of its state yet: it takes everybody of that cluster at their word. `told`: where it was told to find some of
   * them; itself may be among them.
   */
  beNew(told: readonly PeerAddress[]): void {
    this.#isNew = true;
    this.#told = told;
  }

  /** Who comes in the place of whom. */
  get replacements(): ReadonlyMap<number, number> {
    return this.#replacements;
  }

  /** Where clients find a member, as it said itself; null before it did. */
  apiAddress(memberId: number): string | null {
    return this.#apiAddresses.get(memberId) ?? null;
  }

  /** The highest feature level that a member's program understands, as it said itself; null before it did. */
  featureLevelMax(memberId: number): number | null {
    return this.#featureLevelsMax.get(memberId) ?? null;
  }

  met(hello: Hello): void {
    this.#apiAddresses.set(hello.memberId, hello.apiAddress);
    this.#featureLevelsMax.set(hello.memberId, hello.featureLevel);
  }

  /** `found`: what this start found on its disk. */
  hello(toMemberId: number, found: Standing): Hello {
    const { formingId, startNonce, clusterId, epoch, memberId, diskId, apiAddress, featureLevelMax } = this.#options;
    return {
      formingId,
      clusterId,
      epoch,
      memberId,
      diskId,
      toMemberId,
      protocolMin: protocolRange.min,
      protocolMax: protocolRange.max,
      featureLevel: featureLevelMax,
      apiAddress,
      founderDiskId: null,
      startNonce,
      found,
    };
  }

  /** Who may not exchange messages: whoever is no member with its own disk that is formed, and was not admitted. */
  refuse(hello: Hello): HelloRefusal | null {
    return refuseUnformed(hello, this.#refuseStranger(hello, [...this.#members, ...this.#guests.values()]));
  }

  /** Who may not forward commands, nor fetch the state: as {@link refuse}, and whoever was admitted and is not named by the state yet. */
  refuseUnnamed(hello: Hello): HelloRefusal | null {
    const refusal = this.refuseIdentity(hello);
    if (refusal?.code !== 'unknown-member' || !this.#guests.has(hello.memberId)) return refuseUnformed(hello, refusal);
    const { code } = refusal;
    const message = `member ${hello.memberId} was added while this one was away: it brings messages and snapshots alone until the state here names it`;
    return { code, message };
  }

  /** Who is no member by the state, formed or not. */
  refuseIdentity(hello: Hello): HelloRefusal | null {
    return this.#refuseStranger(hello, this.#members);
  }

  #refuseStranger(hello: Hello, known: readonly MemberIdentity[]): HelloRefusal | null {
    const { formingId, clusterId, epoch, memberId } = this.#options;
    const diskIds = this.#isNew ? null : new Map(known.map((member) => [member.memberId, member.diskId]));
    const own: HelloExpectation = {
      formingId,
      clusterId,
      epoch,
      memberId,
      diskIds,
      memberIdLast: this.#isNew ? 0 : this.#memberIdLast,
      initialMembers: this.#isNew ? [hello.memberId] : [],
      featureLevel: this.#featureLevel,
    };
    return refuseHello(own, hello);
  }

  /** Whether it can have been added without this member having heard of it. */
  #isUnheardOf(hello: Hello): boolean {
    const refusal = this.refuseIdentity(hello);
    if (this.#isNew) return refusal === null && !this.#members.some((member) => member.memberId === hello.memberId);
    return refusal?.code === 'unknown-member' && hello.memberId > this.#memberIdLast;
  }

  /** Whether it is this member, or one that it exchanges messages with. */
  #isReachable(memberId: number): boolean {
    return memberId === this.#options.memberId || this.reachable.some((member) => member.memberId === memberId);
  }
}

function refuseUnformed(hello: Hello, refusal: HelloRefusal | null): HelloRefusal | null {
  if (refusal !== null || hello.clusterId !== null) return refusal;
  return { code: 'not-formed', message: `member ${hello.memberId} does not have the first entry of the cluster yet` };
}
