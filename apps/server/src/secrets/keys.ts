import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { keyCheckBytes, type WrappedKey } from '@env-cli/environments';
import { equalBytes } from '@env-cli/support';

import type { MasterKey } from './master-key.ts';
import { checkOf, keyBytes } from './sealing.ts';

/** A key in this process: to use, and to wrap again. It leaves the process wrapped only. */
export interface OpenKey {
  readonly key: KeyObject;
  readonly wrapped: WrappedKey;
}

export const hashKeyPurpose = 'hash key';

export function dataKeyPurpose(id: number): string {
  return `data key ${id}`;
}

/** Draws a key and wraps it. */
export async function newKey(master: MasterKey, purpose: string): Promise<OpenKey> {
  const bytes = randomBytes(keyBytes);
  return { key: createSecretKey(bytes), wrapped: await wrapped(master, purpose, bytes) };
}

/** The same key, wrapped by another master key. */
export function rewrapped(master: MasterKey, purpose: string, { key }: OpenKey): Promise<WrappedKey> {
  return wrapped(master, purpose, key.export());
}

async function wrapped(master: MasterKey, purpose: string, bytes: Uint8Array): Promise<WrappedKey> {
  return { wrapped: await master.wrap(purpose, bytes), check: checkOf(bytes, purpose, keyCheckBytes) };
}

/** Unwraps a key by the one of several master keys that can; null when none does. */
export async function openKey(masters: readonly MasterKey[], purpose: string, key: WrappedKey): Promise<OpenKey | null> {
  for (const master of masters) {
    const bytes = await master.unwrap(purpose, key.wrapped);
    // A command may answer anything: only the check says that it is the key.
    if (bytes?.length === keyBytes && equalBytes(checkOf(bytes, purpose, keyCheckBytes), key.check))
      return { key: createSecretKey(bytes), wrapped: key };
  }
  return null;
}
