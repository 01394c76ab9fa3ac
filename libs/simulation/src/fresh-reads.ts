import { readProgress } from '@env-cli/keyspace';
import type { Index } from '@env-cli/raft';
import { Freshness } from '@env-cli/replica';

import { Violation } from './checks.ts';
import type { SimulatedMember } from './member.ts';

interface Probe {
  readonly sentMs: number;
  /** The newest revision that anybody had been told when it was sent. */
  readonly floorRevision: number;
}

/** Reads of one process of a member that may be stale, but not more so than it says: the real reckoning, on the member's own clock. */
export class FreshReads {
  readonly #freshness = new Freshness();
  readonly #probes = new Map<number, Probe>();
  /** By the time at which a probe was sent, the floor that it vouches for: of two at the same time the lower. */
  readonly #floors = new Map<number, number>();

  asked(id: number, member: SimulatedMember, floorRevision: number): void {
    this.#probes.set(id, { sentMs: member.clockMs, floorRevision });
  }

  /** False when this read was no probe. */
  answered(id: number, index: Index): boolean {
    const probe = this.#probes.get(id);
    if (probe === undefined) return false;
    this.#probes.delete(id);
    this.#freshness.answered(probe.sentMs, index);
    this.#floors.set(probe.sentMs, Math.min(probe.floorRevision, this.#floors.get(probe.sentMs) ?? Infinity));
    return true;
  }

  refused(id: number): boolean {
    return this.#probes.delete(id);
  }

  /** Reads now; false when nothing is known of how stale that is. */
  read(member: SimulatedMember): boolean {
    if (member.tables === null) return false;
    const newestMs = this.#freshness.newestMs(member.appliedIndex);
    const floor = this.#floors.get(newestMs);
    if (floor === undefined) return false;
    const { revision } = readProgress(member.tables);
    if (revision < floor) {
      const lagMs = (member.clockMs - newestMs).toFixed(1);
      throw new Violation(
        'a read is not staler than it says',
        `member ${member.id} shows revision ${revision} and says that it is at most ${lagMs} ms old; ${floor} was acknowledged before`,
      );
    }
    return true;
  }
}
