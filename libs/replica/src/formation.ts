import { assert, equalBytes, hexOf } from '@env-cli/support';
import type { MemberIdentity } from '@env-cli/keyspace';

import { type Hello, type HelloRefusal, protocolRange, refuseHello } from './hello.ts';
import { noStanding } from './standing.ts';

/** What members that form a cluster tell one another. `founding` is empty while who answers has none, or none is wanted. */
export interface Welcome {
  readonly hello: Hello;
  readonly founding: Uint8Array;
}

export type HelloAnswer = { readonly welcome: Welcome } | { readonly refusal: HelloRefusal };

/** The first entry of a cluster, as far as forming needs to look into it. */
export interface Founding {
  readonly clusterId: Uint8Array;
  /** 1, and more when it is restored. */
  readonly epoch: number;
  readonly members: readonly MemberIdentity[];
}

/** What a member keeps of its forming. Each call is durable when it returns. */
export interface FormationStore {
  /** The founder's disk that was promised, or null. */
  readonly promised: Uint8Array | null;
  promise(founderDiskId: Uint8Array): void;
  /** Keeps the data of the cluster's first entry. */
  found(founding: Uint8Array): void;
}

export interface FormationOptions {
  /** What the members know one another by until the cluster has an id: the same on all of them. */
  readonly formingId: Uint8Array;
  readonly memberId: number;
  readonly diskId: Uint8Array;
  readonly apiAddress: string;
  readonly featureLevel: number;
  readonly startNonce: number;
  /** The members that the cluster begins with: the same list on all of them. */
  readonly initialMembers: readonly { readonly memberId: number; readonly address: string }[];
  /** Makes the data of the first entry, and with it the cluster's id. `featureLevel`: the highest that all of them understand. */
  readonly compose: (members: readonly MemberIdentity[], featureLevel: number) => Uint8Array;
  /** Reads it. Throws on bytes that are not one. */
  readonly read: (founding: Uint8Array) => Founding;
}

/**
 * How the first configuration comes about, once in a cluster's life (docs/decisions/0010-bootstrap.md).
 *
 * The member with the lowest number, the founder, decides it alone, when it has heard from every initial member which disk that
 * one has. A member lets one disk of the founder count, for ever: it makes that durable before it answers. So two founders (the
 * second after the disk of the first was wiped) can never both hear from everybody, and no two foundings exist.
 */
export class Formation {
  readonly #options: FormationOptions;
  readonly #store: FormationStore;
  readonly #founderId: number;
  #promised: Uint8Array | null;
  /** Each member that follows this founder: its disk, and what its program understands. */
  readonly #followers = new Map<number, Pick<Hello, 'diskId' | 'featureLevel'>>();
  #founding: Uint8Array | null = null;

  constructor(options: FormationOptions, store: FormationStore) {
    this.#options = options;
    this.#store = store;
    this.#founderId = Math.min(...options.initialMembers.map((member) => member.memberId));
    this.#promised = store.promised;
    assert(
      options.initialMembers.some((member) => member.memberId === options.memberId),
      'a member that forms a cluster is one of its initial members',
    );
    if (this.#founds) this.#decideIfAllFollow();
  }

  /** The data of the cluster's first entry, once it is known. */
  get founding(): Uint8Array | null {
    return this.#founding;
  }

  /** The initial members that this one still has to ask: all others, until it is formed. */
  get peers(): readonly { readonly memberId: number; readonly address: string }[] {
    return this.#options.initialMembers.filter((member) => member.memberId !== this.#options.memberId);
  }

  hello(toMemberId: number): Hello {
    const { formingId, memberId, diskId, apiAddress, featureLevel, startNonce } = this.#options;
    return {
      formingId,
      clusterId: this.#founded?.clusterId ?? null,
      epoch: this.#founded?.epoch ?? 0,
      memberId,
      diskId,
      toMemberId,
      protocolMin: protocolRange.min,
      protocolMax: protocolRange.max,
      featureLevel,
      apiAddress,
      founderDiskId: this.#founds ? diskId : this.#promised,
      startNonce,
      found: noStanding,
    };
  }

  /** Another member introduced itself. */
  heard(hello: Hello): HelloAnswer {
    const refusal = this.#refuse(hello) ?? this.#follow(hello);
    if (refusal !== null) return { refusal };
    return { welcome: { hello: this.hello(hello.memberId), founding: this.#founding ?? new Uint8Array() } };
  }

  /** A member that was asked has answered. A refusal is for people: this member cannot go on while it stands. */
  answered({ hello, founding }: Welcome): HelloRefusal | null {
    const refusal = this.#refuse(hello);
    if (refusal !== null || this.#founding !== null) return refusal;
    if (founding.length > 0) return this.#join(founding);
    if (!this.#founds) return hello.memberId === this.#founderId ? this.#follow(hello) : null;
    if (hello.founderDiskId === null || !equalBytes(hello.founderDiskId, this.#options.diskId)) return null;
    this.#followers.set(hello.memberId, hello);
    this.#decideIfAllFollow();
    return null;
  }

  get #founded(): Founding | null {
    return this.#founding === null ? null : this.#options.read(this.#founding);
  }

  get #founds(): boolean {
    return this.#founderId === this.#options.memberId;
  }

  #refuse(hello: Hello): HelloRefusal | null {
    const { formingId, memberId, initialMembers } = this.#options;
    const founded = this.#founded;
    return refuseHello(
      {
        formingId,
        clusterId: founded?.clusterId ?? null,
        epoch: founded?.epoch ?? 0,
        memberId,
        diskIds: founded === null ? null : disksOf(founded),
        memberIdLast: 0,
        initialMembers: initialMembers.map((member) => member.memberId),
        featureLevel: 0,
      },
      hello,
    );
  }

  #follow(hello: Hello): HelloRefusal | null {
    if (hello.memberId !== this.#founderId || this.#founding !== null) return null;
    if (this.#promised === null) {
      this.#store.promise(hello.diskId);
      this.#promised = hello.diskId;
    }
    return equalBytes(this.#promised, hello.diskId) ? null : this.#otherFounder(hello.diskId, this.#promised);
  }

  #join(bytes: Uint8Array): HelloRefusal | null {
    const { memberId, diskId } = this.#options;
    const founding = this.#options.read(bytes);
    const disks = disksOf(founding);
    const own = disks.get(memberId);
    if (own === undefined) return { code: 'unknown-member', message: `the cluster was founded without member ${memberId}` };
    if (!equalBytes(own, diskId)) {
      const message =
        `the cluster was founded with another disk of member ${memberId} (${hexOf(own)}; this one is ${hexOf(diskId)}): its data directory was wiped. ` +
        `Start it with the old directory, or remove member ${memberId} from the cluster and add a new one with a number that was never used.`;
      return { code: 'other-disk', message };
    }
    const founder = disks.get(this.#founderId);
    if (this.#promised !== null && (founder === undefined || !equalBytes(founder, this.#promised))) {
      return this.#otherFounder(founder ?? new Uint8Array(), this.#promised);
    }
    this.#found(bytes);
    return null;
  }

  #decideIfAllFollow(): void {
    const members: MemberIdentity[] = [];
    let featureLevel = this.#options.featureLevel;
    for (const { memberId, address } of this.#options.initialMembers) {
      const founder = memberId === this.#options.memberId ? this.#options : this.#followers.get(memberId);
      if (founder === undefined) return;
      members.push({ memberId, diskId: founder.diskId, address });
      featureLevel = Math.min(featureLevel, founder.featureLevel);
    }
    const sorted = members.toSorted((a, b) => a.memberId - b.memberId);
    this.#found(this.#options.compose(sorted, featureLevel));
  }

  #found(founding: Uint8Array): void {
    this.#store.found(founding);
    this.#founding = founding;
  }

  #otherFounder(said: Uint8Array, promised: Uint8Array): HelloRefusal {
    const message =
      `member ${this.#options.memberId} already follows disk ${hexOf(promised)} of member ${this.#founderId}, which founds the cluster, and not ` +
      `disk ${hexOf(said)}: the data directory of member ${this.#founderId} was wiped while the cluster was formed. ` +
      'No write can have been acknowledged: remove the data directories of all members and start them again.';
    return { code: 'other-disk', message };
  }
}

function disksOf(founding: Founding): Map<number, Uint8Array> {
  return new Map(founding.members.map((member) => [member.memberId, member.diskId]));
}
