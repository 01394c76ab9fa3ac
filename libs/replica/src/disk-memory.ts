import { assert, hexOf } from '@env-cli/support';

import type { Hello, HelloRefusal } from './hello.ts';
import { higherOf, lackOf, noStanding, promisedBy, type Standing } from './standing.ts';
import type { PeerMessage } from '@env-cli/raft';

/** What one process that had a disk has claimed of it. */
export interface DiskLife {
  /** `Hello.startNonce`. */
  readonly startNonce: number;
  readonly claimed: Standing;
}

/** What is remembered of the disk of another member. */
export interface RememberedDisk {
  /** 16 bytes. */
  readonly diskId: Uint8Array;
  /** The processes that spoke for it, the newest last; {@link livesMax} at most. */
  readonly lives: readonly DiskLife[];
  /** What processes before those have claimed. */
  readonly earlier: Standing;
}

/**
 * Processes of one disk that are told apart. Of two only one lives, and what others sent is on its way for seconds at most: what
 * is beyond is long dead, and never introduces itself again.
 */
export const livesMax = 4;

/** Disks that are remembered: more than a cluster has members. Beyond, the one of which nothing new was heard for longest goes: its member was removed. */
export const rememberedDisksMax = 64;

interface Disk {
  readonly diskId: Uint8Array;
  lives: { readonly startNonce: number; claimed: Standing }[];
  earlier: Standing;
}

/**
 * What the disks of other members have claimed, so that an older copy of one is found out when it comes back
 * (docs/decisions/0012-an-older-disk-is-found-out.md).
 *
 * Claims are kept apart by process. A process is measured by what it found on its disk when it started, against what the processes
 * before it have claimed, and never against its own claims: those it may have made after it wrote the hello that is only read now.
 * To forget anything of this lets more through and refuses nothing more.
 */
export class DiskMemory {
  /** The one of which something new was heard last stands last. */
  readonly #disks = new Map<string, Disk>();
  #changes = 0;

  constructor(remembered: readonly RememberedDisk[]) {
    for (const { diskId, lives, earlier } of remembered.slice(0, rememberedDisksMax)) {
      this.#disks.set(hexOf(diskId), { diskId, lives: lives.slice(-livesMax).map((life) => ({ ...life })), earlier });
    }
  }

  /** Rises with whatever is learnt. */
  get changes(): number {
    return this.#changes;
  }

  get remembered(): RememberedDisk[] {
    return [...this.#disks.values()].map(({ diskId, lives, earlier }) => ({
      diskId,
      lives: lives.map((life) => ({ ...life })),
      earlier,
    }));
  }

  /** Refuses a member whose disk lacks what processes before this one have claimed of it. */
  refuse({
    memberId,
    diskId,
    startNonce,
    found,
  }: Pick<Hello, 'memberId' | 'diskId' | 'startNonce' | 'found'>): HelloRefusal | null {
    const disk = this.#disks.get(hexOf(diskId));
    if (disk === undefined) return null;
    const others = disk.lives.filter((life) => life.startNonce !== startNonce);
    const claimed = others.reduce((most, life) => higherOf(most, life.claimed), disk.earlier);
    const lack = lackOf(found, claimed);
    if (lack === null) return null;
    const message =
      `member ${memberId} comes with an older copy of its own disk ${hexOf(diskId)}: ${lack}. With it are lost votes that it gave and entries that were ` +
      'counted on, so it is not let in. If the newer data directory still exists, start the member with it; otherwise remove ' +
      `member ${memberId} from the cluster, empty the directory and add a new one with a number that was never used.`;
    return { code: 'older-disk', message };
  }

  /** Takes a claim of a process that was let in. */
  claimed(diskId: Uint8Array, startNonce: number, standing: Standing): void {
    const life = this.#lifeOf(diskId, startNonce);
    const claimed = higherOf(life.claimed, standing);
    if (claimed === life.claimed || isSame(claimed, life.claimed)) return;
    life.claimed = claimed;
    this.#changes++;
    this.#putLast(hexOf(diskId));
  }

  /** Looks what a message promises. Called for each one: nearly all bring nothing new. */
  received(speaker: Speaker, to: number, message: PeerMessage): void {
    if (message.term < speaker.term || (message.term === speaker.term && message.kind === 'append-accepted')) return;
    const promised = promisedBy(speaker.memberId, to, message);
    if (promised === null) return;
    speaker.term = Math.max(speaker.term, promised.term);
    this.claimed(speaker.diskId, speaker.startNonce, { ...noStanding, ...promised });
  }

  #putLast(key: string): void {
    const disk = this.#disks.get(key)!;
    this.#disks.delete(key);
    this.#disks.set(key, disk);
  }

  #lifeOf(diskId: Uint8Array, startNonce: number): Disk['lives'][number] {
    const key = hexOf(diskId);
    let disk = this.#disks.get(key);
    if (disk === undefined) {
      const [longestSilent] = this.#disks.keys();
      if (this.#disks.size >= rememberedDisksMax) this.#disks.delete(longestSilent!);
      disk = { diskId: diskId.slice(), lives: [], earlier: noStanding };
      this.#disks.set(key, disk);
    }
    const known = disk.lives.find((life) => life.startNonce === startNonce);
    if (known !== undefined) return known;
    const life = { startNonce, claimed: noStanding };
    disk.lives.push(life);
    while (disk.lives.length > livesMax) disk.earlier = higherOf(disk.earlier, disk.lives.shift()!.claimed);
    assert(disk.lives.at(-1) === life, 'the newest process is kept');
    return life;
  }
}

/** Who speaks on a stream: one process of a member. */
export class Speaker {
  readonly memberId: number;
  readonly diskId: Uint8Array;
  readonly startNonce: number;
  /** The highest term that was heard from it on this stream. */
  term = -1;

  constructor({ memberId, diskId, startNonce }: Pick<Hello, 'memberId' | 'diskId' | 'startNonce'>) {
    this.memberId = memberId;
    this.diskId = diskId;
    this.startNonce = startNonce;
  }
}

function isSame(a: Standing, b: Standing): boolean {
  return a.term === b.term && a.votedFor === b.votedFor && a.entryTerm === b.entryTerm && a.entryIndex === b.entryIndex;
}
