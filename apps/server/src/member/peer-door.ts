import type { PeersHost, SnapshotOffer, SnapshotSink } from '@env-cli/peers-grpc';
import type { MemberId, PeerMessage } from '@env-cli/raft';
import type { Formation, Forward, ForwardAnswer, Hello, HelloAnswer, HelloRefusal, Replica } from '@env-cli/replica';
import { assert } from '@env-cli/support';

import { MemberRefused } from './member-refused.ts';
import type { Neighbours } from './neighbours.ts';
import type { SnapshotTraffic } from './snapshot-traffic.ts';
import type { ThreadHost } from './worker-main.ts';

/** What the door opens to once the cluster is founded. */
export interface Founded {
  readonly founding: Uint8Array;
  readonly replica: Replica;
  readonly snapshots: SnapshotTraffic;
  readonly connectionsChanged: () => void;
}

/** Who stands at this member's door: first the formation of the cluster, then the replica. */
export class PeerDoor implements PeersHost {
  readonly #neighbours: Neighbours;
  readonly #host: ThreadHost;
  #formation: Formation | null = null;
  #founded: Founded | null = null;

  constructor(neighbours: Neighbours, host: ThreadHost) {
    this.#neighbours = neighbours;
    this.#host = host;
  }

  form(formation: Formation): void {
    this.#formation = formation;
  }

  open(founded: Founded): void {
    this.#founded = founded;
  }

  hello(toMemberId: number): Hello {
    if (this.#founded !== null) return this.#neighbours.hello(toMemberId);
    assert(this.#formation !== null, 'a member that speaks is formed or forming');
    return this.#formation.hello(toMemberId);
  }

  refuse(hello: Hello): HelloRefusal | null {
    return this.#founded === null ? notFormed : this.#neighbours.refuse(hello);
  }

  greet(hello: Hello): HelloAnswer {
    if (this.#founded !== null) {
      const refusal = this.#neighbours.refuseIdentity(hello);
      if (refusal !== null) return { refusal };
      return { welcome: { hello: this.#neighbours.hello(hello.memberId), founding: this.#founded.founding } };
    }
    return this.#formation?.heard(hello) ?? { refusal: notFormed };
  }

  received(from: MemberId, message: PeerMessage): void {
    // Snapshots come on a stream of their own, whole: a header here says nothing.
    if (message.kind !== 'snapshot') this.#founded?.replica.received(from, message);
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
    // Said by a member of this very cluster, which knows this member with another disk.
    if (refusal.code === 'other-disk')
      this.#host.fail(new MemberRefused(refusal.code, `member ${memberId} refuses this one: ${refusal.message}`));
  }

  snapshotOffered(from: MemberId, offer: SnapshotOffer): Promise<SnapshotSink> {
    return this.#open().snapshots.offered(from, offer);
  }

  snapshotArrived(from: MemberId, offer: SnapshotOffer): Promise<string | null> {
    return this.#open().snapshots.arrived(from, offer);
  }

  report(message: string): void {
    this.#host.log('warn', message);
  }

  #open(): Founded {
    assert(this.#founded !== null, 'streams are let in once the cluster is founded');
    return this.#founded;
  }
}

const notFormed: HelloRefusal = { code: 'not-formed', message: 'this member does not have the first entry of the cluster yet' };
