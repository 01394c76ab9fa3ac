import type { LentSnapshot, PeersHost, SnapshotOffer, SnapshotSink } from '@env-cli/peers-grpc';
import type { Index, MemberId, PeerMessage } from '@env-cli/raft';
import {
  type DiskMemory,
  type Forward,
  type ForwardAnswer,
  type Hello,
  type HelloAnswer,
  type HelloRefusal,
  type Introduction,
  type Replica,
  Speaker,
  type Standing,
} from '@env-cli/replica';
import { assert } from '@env-cli/support';

import { notFormed } from './closed-door.ts';
import { MemberRefused } from './member-refused.ts';
import type { Neighbours } from './neighbours.ts';
import type { SnapshotTraffic } from './snapshot-traffic.ts';
import type { ThreadHost } from './worker-main.ts';

/** What the door opens to once the member is ready. */
export interface Founded {
  readonly founding: Uint8Array;
  readonly replica: Replica;
  readonly snapshots: SnapshotTraffic;
  readonly memory: DiskMemory;
  readonly connectionsChanged: () => void;
  /** Somebody came of whom this member had not heard. */
  readonly guestCame: () => void;
}

/** Who stands at this member's door: it lets in members of the cluster with disks that lack nothing, and leads them to the replica. */
export class PeerDoor implements PeersHost {
  readonly #neighbours: Neighbours;
  readonly #host: ThreadHost;
  readonly #memberId: number;
  /** Who sends messages, by member. */
  readonly #speakers = new Map<number, Speaker>();
  #founded: Founded | null = null;

  constructor(memberId: number, neighbours: Neighbours, host: ThreadHost) {
    this.#memberId = memberId;
    this.#neighbours = neighbours;
    this.#host = host;
  }

  open(founded: Founded): void {
    this.#founded = founded;
  }

  hello(toMemberId: number): Hello {
    return this.#neighbours.hello(toMemberId, this.#open().replica.found);
  }

  admit(hello: Hello, introduction: Introduction): void {
    if (this.#founded === null || !this.#neighbours.admit(hello, introduction)) return;
    const { memberId } = hello;
    this.#host.log(
      'info',
      `member ${memberId} at ${introduction.address} was not known here, and proves that it was added: it is let in`,
    );
    this.#founded.guestCame();
  }

  refuse(hello: Hello): HelloRefusal | null {
    if (this.#founded === null) return notFormed;
    return this.#neighbours.refuse(hello) ?? this.#refuseOlderDisk(hello);
  }

  refuseUnnamed(hello: Hello): HelloRefusal | null {
    if (this.#founded === null) return notFormed;
    return this.#neighbours.refuseUnnamed(hello) ?? this.#refuseOlderDisk(hello);
  }

  greet(hello: Hello): HelloAnswer {
    if (this.#founded === null) return { refusal: notFormed };
    const refusal = this.#neighbours.refuseIdentity(hello) ?? this.#refuseOlderDisk(hello);
    if (refusal !== null) return { refusal };
    return { welcome: { hello: this.hello(hello.memberId), founding: this.#founded.founding } };
  }

  introduction(toMemberId: number): Introduction | null {
    return this.#neighbours.introduction(toMemberId);
  }

  begun(hello: Hello): void {
    this.#speakers.set(hello.memberId, new Speaker(hello));
  }

  received(from: MemberId, message: PeerMessage): void {
    if (this.#founded === null) return;
    const { replica, memory } = this.#founded;
    const speaker = this.#speakers.get(from);
    if (speaker !== undefined) memory.received(speaker, this.#memberId, message);
    // Snapshots come on a stream of their own, whole: a header here says nothing.
    if (message.kind !== 'snapshot') replica.received(from, message);
  }

  standing(): Standing {
    return this.#open().replica.standing;
  }

  stands({ diskId, startNonce }: Hello, standing: Standing): void {
    this.#founded?.memory.claimed(diskId, startNonce, standing);
  }

  /** Brings into the memory how far a leader's followers have told it that their disks are: some do not know yet that this is committed. */
  noteFollowers(): void {
    if (this.#founded === null) return;
    const { replica, memory } = this.#founded;
    replica.eachFollower((memberId, standing) => {
      const speaker = this.#speakers.get(memberId);
      if (speaker !== undefined) memory.claimed(speaker.diskId, speaker.startNonce, standing);
    });
  }

  unreachable(to: MemberId): void {
    this.#founded?.replica.unreachable(to);
    this.#founded?.connectionsChanged();
  }

  forwarded(from: MemberId, forward: Forward): void {
    this.#founded?.replica.forwarded(from, forward);
  }

  forwardAnswered(from: MemberId, answer: ForwardAnswer): void {
    this.#founded?.replica.forwardAnswered(from, answer);
  }

  forwardsBroken(to: MemberId): void {
    this.#founded?.replica.forwardsBroken(to);
  }

  met(hello: Hello): void {
    this.#neighbours.met(hello);
    this.#founded?.connectionsChanged();
  }

  refusedBy(memberId: number, refusal: HelloRefusal): void {
    // Said by a member of this very cluster, which knows this member with another disk, with more on it, or not any more.
    if (refusal.code === 'other-disk' || refusal.code === 'older-disk' || refusal.code === 'removed-member')
      this.#host.fail(new MemberRefused(refusal.code, `member ${memberId} refuses this one: ${refusal.message}`));
  }

  snapshotOffered(from: MemberId, offer: SnapshotOffer): Promise<SnapshotSink> {
    return this.#open().snapshots.offered(from, offer);
  }

  snapshotArrived(from: MemberId, offer: SnapshotOffer): Promise<string | null> {
    return this.#open().snapshots.arrived(from, offer);
  }

  snapshotWanted(from: MemberId, indexMin: Index): Promise<LentSnapshot> {
    return this.#open().snapshots.snapshotWanted(from, indexMin);
  }

  report(message: string): void {
    this.#host.log('warn', message);
  }

  #refuseOlderDisk(hello: Hello): HelloRefusal | null {
    // Under the name of the process before, which told it.
    this.noteFollowers();
    return this.#open().memory.refuse(hello);
  }

  #open(): Founded {
    assert(this.#founded !== null, 'streams are let in, and dialed, once the member is ready');
    return this.#founded;
  }
}
