import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { featureLevelMax } from '@env-cli/environments';
import { FetchFailed, fetchSnapshot, noSecurity, sayHello } from '@env-cli/peers-grpc';
import type { Index } from '@env-cli/raft';
import type { HelloRefusal, Standing } from '@env-cli/replica';
import { type FoundedIdentity, newSpoolPath, SpoolReceiver } from '@env-cli/store-lmdb';
import { MalformedBytes } from '@env-cli/support';

import { whyNot } from '../member/closed-door.ts';
import { FoundingFiles, readOwnFounding } from '../member/founding.ts';
import { Neighbours } from '../member/neighbours.ts';
import type { TlsPaths } from '../security/tls-files.ts';
import { TlsIdentity } from '../security/tls-identity.ts';
import { examineFetched, type FetchedState, type MemberAddress, StateUnfit, type StateWanted } from './fetched-state.ts';
import { RepairRefused } from './repair-refused.ts';

/** Said by a member that knows more of this one than it knows itself: nobody else can overrule it. */
const finalRefusals: ReadonlySet<string> = new Set([
  'other-disk',
  'older-disk',
  'removed-member',
  'other-certificate',
  'same-member',
]);

/** Milliseconds that a member has to answer a hello. All are asked at once, so one that is down costs no more than this. */
const helloMsMax = 5_000;

const placeOf = ({ memberId, address }: MemberAddress): string => `member ${memberId} at ${address}`;

export interface OtherMembersOptions {
  /** The data directory of the member that is repaired. */
  readonly dataDir: string;
  readonly identity: FoundedIdentity;
  /** What was found in its log, as a start would say it: see `Hello.found`. */
  readonly found: Standing;
  /** Where other members are, as far as that is stated; else they are looked for where they were when the cluster was founded. */
  readonly members: readonly MemberAddress[];
  readonly apiAddress: string;
  /** Null: members believe one another's word. */
  readonly tls: TlsPaths | null;
  /** One sentence for people. */
  readonly say: (text: string) => void;
  readonly progress: (receivedBytes: number, sizeBytes: number, from: number) => void;
}

/** A state of another member, examined, in a file of this one's directory. */
export interface Fetched {
  readonly from: number;
  readonly path: string;
  readonly state: FetchedState;
}

/** The other members, as one that is repaired speaks with them while it does not run. */
export class OtherMembers {
  readonly #options: OtherMembersOptions;
  readonly #epoch: number;
  readonly #members: readonly MemberAddress[];
  /** Who was greeted, and where. */
  readonly #greeted = new Set<string>();
  readonly #self: Neighbours;
  readonly #security: TlsIdentity | null;

  /** Throws {@link RepairRefused} when there are none, and `MemberRefused` when the founding cannot be read. */
  constructor(options: OtherMembersOptions) {
    const { dataDir, identity, apiAddress, tls, say } = options;
    const { memberId } = identity;
    this.#options = options;
    const founding = new FoundingFiles(dataDir).founding!;
    const { epoch, members } = readOwnFounding(dataDir, founding);
    this.#epoch = epoch;
    this.#members = [...new Map([...members, ...options.members].map((member) => [member.memberId, member.address]))]
      .map(([otherId, address]) => ({ memberId: otherId, address }))
      .filter((other) => other.memberId !== memberId);
    if (this.#members.length === 0) {
      const next = 'Restore a backup (docs/backup.md), or name the members with --members if there are any';
      throw new RepairRefused(`${dataDir}: member ${memberId} is alone in its cluster, so that nobody has its state. ${next}`);
    }
    const startNonce = randomInt(0x1_0000_0000);
    this.#self = new Neighbours({ ...identity, epoch, apiAddress, featureLevelMax, startNonce, founding });
    // What its own state says of the members is not to be trusted.
    this.#self.beNew([]);
    this.#security = tls === null ? null : new TlsIdentity(tls, { memberId, log: (_level, message) => say(message) });
  }

  stop(): void {
    this.#security?.stop();
  }

  /**
   * Fetches the state of one of them, with an index of at least `indexMin`. All that are known are greeted first, and once the state names the members, those that
   * were not: any of them may be the only one that remembers more of this disk than is on it (docs/decisions/0012-an-older-disk-is-found-out.md).
   *
   * `repairedIndex`: see `alarmToStopFor`. Throws {@link RepairRefused}.
   */
  async fetch(indexMin: number, repairedIndex: number): Promise<Fetched> {
    await this.#greet(this.#members);
    const fetched = await this.#fetchFromAny(indexMin, repairedIndex);
    try {
      await this.#greet(fetched.state.members);
      return fetched;
    } catch (error) {
      rmSync(fetched.path, { force: true });
      throw error;
    }
  }

  /** Says hello, at once, to those that it was not said to there yet. Throws {@link RepairRefused} when one of them knows better. */
  async #greet(members: readonly MemberAddress[]): Promise<void> {
    const others = members.filter((other) => {
      return other.memberId !== this.#options.identity.memberId && !this.#greeted.has(placeOf(other));
    });
    const refusals = await Promise.all(others.map((other) => this.#refusalOf(other)));
    for (const [at, other] of others.entries()) {
      this.#greeted.add(placeOf(other));
      const refusal = refusals[at]!;
      if (refusal === null) continue;
      if (typeof refusal !== 'string') this.#obey(other.memberId, refusal);
      const reason = typeof refusal === 'string' ? refusal : refusal.message.replace(/\.$/, '');
      this.#options.say(`Whether ${placeOf(other)} remembers more of this disk is not known: ${reason}.`);
    }
  }

  /** What a member has against this one; a phrase for people when that was not to be learnt. */
  async #refusalOf({ memberId, address }: MemberAddress): Promise<HelloRefusal | string | null> {
    const hello = this.#self.hello(memberId, this.#options.found);
    const credentials = (this.#security ?? noSecurity).dial(memberId);
    try {
      const answer = await sayHello({ address, hello, credentials, withinMs: helloMsMax });
      return 'refusal' in answer ? answer.refusal : null;
    } catch (error) {
      if (error instanceof MalformedBytes) return `its answer cannot be read (${error.message})`;
      return `it does not answer${whyNot(error)}`;
    }
  }

  #obey(from: number, { code, message }: HelloRefusal): void {
    if (finalRefusals.has(code))
      throw new RepairRefused(`${this.#options.dataDir}: member ${from} refuses this one: ${message.replace(/\.$/, '')}`);
  }

  /** Asks them one after another, until one has a state that will do. */
  async #fetchFromAny(indexMin: number, repairedIndex: number): Promise<Fetched> {
    const { dataDir, identity, say } = this.#options;
    const { clusterId, memberId, diskId } = identity;
    const reasons: string[] = [];
    for (const other of this.#members) {
      const wanted = { clusterId, epoch: this.#epoch, memberId, diskId, indexMin, repairedIndex, from: other.memberId };
      const fetched = await this.#fetchFrom(other, wanted);
      if (typeof fetched !== 'string') return fetched;
      say(fetched);
      reasons.push(fetched);
    }
    const next = 'See to it that one of them runs, that --members names them where they are now, and repair again';
    throw new RepairRefused(`${dataDir}: no other member gave a state: ${reasons.join('; ')}. ${next}`);
  }

  /** What a member gave; or, for people, why it gave nothing that can be used. */
  async #fetchFrom(other: MemberAddress, wanted: StateWanted): Promise<Fetched | string> {
    const { memberId: from, address } = other;
    const { dataDir, found, say, progress } = this.#options;
    const received = new Set<SpoolReceiver>();
    let used: string | null = null;
    try {
      let path = '';
      await fetchSnapshot({
        address,
        hello: () => this.#self.hello(from, found),
        credentials: () => (this.#security ?? noSecurity).dial(from),
        refuse: (hello) => this.#self.refuse(hello),
        indexMin: wanted.indexMin as Index,
        begin: async () => {
          path = newSpoolPath(dataDir);
          const file = await SpoolReceiver.create(path);
          received.add(file);
          return file;
        },
        progress: (receivedBytes, sizeBytes) => progress(receivedBytes, sizeBytes, from),
      });
      say(`The state of ${placeOf(other)} is here. It is examined.`);
      const state = await examineFetched(path, wanted);
      used = path;
      return { from, path, state };
    } catch (error) {
      if (error instanceof FetchFailed) {
        if (error.refusal !== null) this.#obey(from, error.refusal);
        return `${placeOf(other)} gave none (${error.message.replace(/\.$/, '')})`;
      }
      if (error instanceof StateUnfit) return `what ${placeOf(other)} gave is not used (${error.message})`;
      throw error;
    } finally {
      for (const file of received) {
        await file.close();
        if (file.path !== used) rmSync(file.path, { force: true });
      }
    }
  }
}
