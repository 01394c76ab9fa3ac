import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

/** A key as the state holds it: never in the clear. */
export interface WrappedKey {
  /** What the master key made of it; only its holder can read it. At most `wrappedKeyBytesMax`. */
  readonly wrapped: Uint8Array;
  /** 16 bytes that only this key gives, to know that the right one was unwrapped. */
  readonly check: Uint8Array;
}

/** A key that values are sealed with. */
export interface DataKey extends WrappedKey {
  /** From 1, without a gap. */
  readonly id: number;
  /** Cluster time for people, milliseconds since 1970. */
  readonly createdAtMs: number;
  /** Seals that members took for themselves, whether they made them or not: an upper bound of those that were made. */
  readonly sealsTaken: number;
}

/**
 * The row `keyring` of `meta`: the keys of the cluster's secrets, each wrapped by the master key, which is not here.
 *
 * The key of the hashes never changes, or no secret could be compared with an older one. Data keys are only ever added: history
 * and snapshots hold values of old ones. The newest is the one that seals.
 */
export interface Keyring {
  /** Raised by each change of keys. From 1. */
  readonly version: number;
  /** Tells master keys apart without telling anything of them (8 bytes); empty where a command holds it. */
  readonly masterKey: Uint8Array;
  readonly hashKey: WrappedKey;
  /** In the order of their ids; at least one. */
  readonly dataKeys: readonly DataKey[];
  /** All secrets of environments were found to be sealed by this data key or a newer one; 0: not looked yet. */
  readonly resealedId: number;
}

/** Bytes of a wrapped key: a key service may put more around it than we do. */
export const wrappedKeyBytesMax = 4096;
/** Bytes of `WrappedKey.check`. */
export const keyCheckBytes = 16;
/** Bytes that tell master keys apart. */
export const masterKeyNameBytes = 8;

/**
 * Data keys of a cluster. Each stays, wrapped, for as long as the cluster: of a new one every three months they last 250 years.
 */
export const dataKeysMax = 1000;

/**
 * Seals by one data key. Nonces are random, of 96 bits: so many are allowed by NIST SP 800-38D §8.3, which keeps the chance
 * of two equal ones below 2^-32.
 */
export const sealsPerDataKeyMax = 2 ** 32;

/** Seals that a member takes at once. Those that it has not made when it stops are lost: of 4,096 starts a data key. */
export const sealsTakenAtOnceMax = 2 ** 20;

const format = 1;

/** Format u8, version, master key, hash key, resealed id, number of data keys, then each: id, time, seals taken, wrapped, check. */
export function encodeKeyring({ version, masterKey, hashKey, dataKeys, resealedId }: Keyring): Uint8Array {
  const writer = new ByteWriter(512).u8(format).varint(version).bytes(masterKey);
  writeWrappedKey(writer, hashKey);
  writer.varint(resealedId).varint(dataKeys.length);
  for (const key of dataKeys) {
    writer.varint(key.id).varint(key.createdAtMs).varint(key.sealsTaken);
    writeWrappedKey(writer, key);
  }
  return writer.take();
}

/** Reads what {@link encodeKeyring} wrote. */
export function decodeKeyring(bytes: Uint8Array): Keyring {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw new MalformedBytes('the row keyring of meta is of an unknown format');
  const version = reader.varint();
  const masterKey = reader.bytes().slice();
  const hashKey = readWrappedKey(reader);
  const resealedId = reader.varint();
  const dataKeys: DataKey[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const head = { id: reader.varint(), createdAtMs: reader.varint(), sealsTaken: reader.varint() };
    dataKeys.push({ ...head, ...readWrappedKey(reader) });
  }
  reader.end();
  return { version, masterKey, hashKey, dataKeys, resealedId };
}

/** Wrapped bytes, then the check. */
export function writeWrappedKey(writer: ByteWriter, { wrapped, check }: WrappedKey): void {
  writer.bytes(wrapped).bytes(check);
}

/** Reads what {@link writeWrappedKey} wrote. */
export function readWrappedKey(reader: ByteReader): WrappedKey {
  // Copies: whatever they are read from lives no longer than its transaction.
  return { wrapped: reader.bytes().slice(), check: reader.bytes().slice() };
}
