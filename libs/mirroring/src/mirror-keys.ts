import { bytesOfBinaryText } from '@env-cli/keyspace';

/** Characters of a mirror's number in a key. */
const idLength = 8;

/** The key of a row of `outbox` or `deliveries`: the mirror's number in 8 hexadecimal digits, then the environment's name. */
export function mirrorEnvironmentKey(mirror: number, environment: string): string {
  return mirror.toString(16).padStart(idLength, '0') + environment;
}

/** The environment that such a key names. */
export function environmentOfKey(key: Uint8Array): string {
  let name = '';
  for (let i = idLength; i < key.length; i++) name += String.fromCharCode(key[i]!);
  return name;
}

/** The rows of a mirror behind an environment's name; all of them behind the empty one. */
export function rowsBehind(mirror: number, after: string): { readonly from: Uint8Array; readonly to: Uint8Array } {
  // A name's own row ends where the zero byte stands, and no name holds one.
  const from = mirrorEnvironmentKey(mirror, after === '' ? '' : `${after}\0`);
  return { from: bytesOfBinaryText(from), to: bytesOfBinaryText(mirrorEnvironmentKey(mirror, '\u00ff')) };
}
