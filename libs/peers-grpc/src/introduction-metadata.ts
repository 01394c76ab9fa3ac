import { Metadata } from '@grpc/grpc-js';
import type { Introduction } from '@env-cli/replica';

/** Where an introduction stands in the metadata of a call. A program that does not know of it passes it over. */
const addressKey = 'envcli-peer-address';
const proofKey = 'envcli-peer-proof-bin';

/** Bytes of an address that is looked at. */
const addressBytesMax = 300;

/** What a call says that introduces a member; nothing where there is no introduction. */
export function metadataOf(introduction: Introduction | null): Metadata {
  const metadata = new Metadata();
  if (introduction === null) return metadata;
  metadata.set(addressKey, introduction.address);
  metadata.set(proofKey, Buffer.from(introduction.proof));
  return metadata;
}

/** The introduction in a call; null when there is none, or what is no address and no proof. Whether the proof is right is not looked at. */
export function introductionIn({ metadata }: { readonly metadata: Metadata }): Introduction | null {
  const [address] = metadata.get(addressKey);
  const [proof] = metadata.get(proofKey);
  if (typeof address !== 'string' || address.length > addressBytesMax || !/^[^\s]+:\d{1,5}$/.test(address)) return null;
  return proof instanceof Uint8Array ? { address, proof: new Uint8Array(proof) } : null;
}
