import { open } from 'node:fs/promises';

import { EnvCliError } from './error.ts';
import { sealKeyBytes } from './seal.ts';

/** The key that seals a cache: 32 bytes, or the path of a file of mode 0600 that holds them, raw, in hexadecimal digits or in base64. */
export type CacheKey = Uint8Array | { readonly file: string };

/** A file of a key is no longer than this: a path to something else is refused instead of read. */
const keyFileBytesMax = 1024;
/** Read, write or execute for the group or for others. */
const othersMode = 0o077;

/** The bytes of a key. Rejects with INVALID_FIELD when it is none, or when its file may be read by others. */
export async function keyOf(key: CacheKey): Promise<Uint8Array> {
  if (key instanceof Uint8Array) {
    if (key.length !== sealKeyBytes) throw refusal(`cache.key: a key has ${sealKeyBytes} bytes, not ${key.length}`);
    return Uint8Array.from(key);
  }
  const path = (key as Partial<{ readonly file: string }> | undefined)?.file;
  if (typeof path !== 'string') throw refusal('cache.key: a cache of variables needs a key');
  const bytes = decoded(await contentOf(path));
  if (bytes === null) {
    throw refusal(`cache.key: ${path} does not hold ${sealKeyBytes} bytes, raw, in hexadecimal digits or in base64`);
  }
  return bytes;
}

async function contentOf(path: string): Promise<Buffer> {
  let problem: string;
  try {
    const file = await open(path, 'r');
    try {
      const { mode, size } = await file.stat();
      // Windows has no such modes: there the folder's rights are what protects it.
      if (process.platform !== 'win32' && (mode & othersMode) !== 0) {
        const octal = (mode & 0o777).toString(8).padStart(4, '0');
        throw refusal(`cache.key: ${path} has mode ${octal}, so that others may use it`, `Make it your own: chmod 600 ${path}`);
      }
      if (size <= keyFileBytesMax) return await file.readFile();
      problem = `has ${size} bytes, and a key has at most ${keyFileBytesMax}`;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof EnvCliError) throw error;
    problem = `cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
  throw refusal(`cache.key: ${path} ${problem}`);
}

function decoded(content: Buffer): Uint8Array | null {
  if (content.length === sealKeyBytes) return content;
  const text = content.toString('latin1').trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64');
  return null;
}

function refusal(message: string, next?: string): EnvCliError {
  const how = 'Make one, such as by: (umask 077; head -c 32 /dev/urandom > env-cli.key), and name it as `{ file }`.';
  return new EnvCliError({ reason: 'INVALID_FIELD', message, next: next ?? how });
}
