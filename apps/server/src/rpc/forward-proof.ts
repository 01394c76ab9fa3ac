import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { readClusterIdentity } from '@env-cli/keyspace';

import type { Member } from '../member/member.ts';

/** What a call that a member passes on says of itself. */
export interface ForwardClaim {
  /** The member that passes it on. */
  readonly memberId: number;
  /** For whom. */
  readonly principal: string;
  /** `/envcli.v1.Environments/Get`. */
  readonly path: string;
}

const keyBytes = 32;
/** What the key is for; another use of the cluster's key gets another one. */
const purpose = 'env-cli calls passed on between members, 1';

/** How long the state is waited for when the cluster's key is read, in milliseconds. */
const readMs = 1_000;

/**
 * Proofs that a call was passed on by a member of this cluster: a MAC under a key that only members have, for it is made from
 * the key that the cluster's first entry carries and that no answer ever shows.
 *
 * The key is not the one that secrets are hashed with: whoever may write and read a secret gets such hashes of texts of their
 * choice. What a proof does not do is to keep whoever reads the network from using it again: without TLS that one reads every
 * value anyway (docs/decisions/0016-calls-passed-on.md).
 */
export class ForwardProofs {
  readonly #member: Member;
  readonly #endListening: () => void;
  #key: Uint8Array | null = null;
  #looking = false;

  constructor(member: Member) {
    this.#member = member;
    // A member may serve before its cluster is founded, or before the state with the key has come to it.
    this.#endListening = member.onApplied(() => void this.#look());
    void this.#look();
  }

  /** Null while the cluster's key is not known here. */
  prove(claim: ForwardClaim): Uint8Array | null {
    return this.#key === null ? null : macOf(this.#key, claim);
  }

  /** Whether a member made the proof; null: that cannot be told yet. */
  holds(claim: ForwardClaim, proof: Uint8Array): boolean | null {
    const own = this.prove(claim);
    return own === null ? null : own.length === proof.length && timingSafeEqual(own, proof);
  }

  close(): void {
    this.#endListening();
  }

  async #look(): Promise<void> {
    if (this.#key !== null || this.#looking) return;
    this.#looking = true;
    try {
      const deadline = performance.now() + readMs;
      const need = { freshness: { kind: 'any' }, appliedIndex: 0, deadline } as const;
      const clusterKey = await this.#member.read(need, (tables) => readClusterIdentity(tables)?.hashKey.slice() ?? null);
      if (clusterKey === null) return;
      this.#key = new Uint8Array(hkdfSync('sha512', clusterKey, new Uint8Array(), purpose, keyBytes));
      this.#endListening();
    } catch {
      // The member is stopping, or its state is not open: the next entry that is applied asks again.
    } finally {
      this.#looking = false;
    }
  }
}

/** Over JSON, in which no two claims have the same text. */
function macOf(key: Uint8Array, { memberId, principal, path }: ForwardClaim): Uint8Array {
  return createHmac('sha256', key)
    .update(JSON.stringify([memberId, principal, path]))
    .digest();
}
