import { ByteWriter, hmacSha256 } from '@env-cli/support';

import type { Hello } from './hello.ts';

/**
 * What a member adds to its hello for one that may not have heard of it yet, since it was away when this one was added: where it is found, and a proof that
 * it was added at all.
 */
export interface Introduction {
  /** Where the others find it, as host:port. */
  readonly address: string;
  /** 32 bytes; see {@link introductionOf}. */
  readonly proof: Uint8Array;
}

type Introduced = Pick<Hello, 'memberId' | 'diskId' | 'toMemberId' | 'startNonce'>;

/**
 * How a member introduces itself. The proof is the keyed hash (HMAC-SHA256) of who says what to whom, and its key is the cluster's first entry: that holds
 * 32 random bytes, or in a restored cluster the digest of its backup, and is told to those whom the state names; without TLS, to whoever poses as one. `founding`: the data of that entry.
 */
export function introductionOf(founding: Uint8Array, hello: Introduced, address: string): Introduction {
  return { address, proof: proofOf(founding, hello, address) };
}

/** Whether whoever introduces itself has the cluster's first entry, so that it was added. */
export function isProven(founding: Uint8Array, hello: Introduced, { address, proof }: Introduction): boolean {
  const expected = proofOf(founding, hello, address);
  if (proof.length !== expected.length) return false;
  // How long it takes does not tell how much of it is right.
  return expected.reduce((differs, byte, at) => differs | (byte ^ proof[at]!), 0) === 0;
}

function proofOf(founding: Uint8Array, { memberId, diskId, toMemberId, startNonce }: Introduced, address: string): Uint8Array {
  const said = new ByteWriter()
    .text('env-cli introduction')
    .u32(memberId)
    .raw(diskId)
    .u32(toMemberId)
    .u32(startNonce)
    .text(address);
  return hmacSha256(founding, said.take());
}
