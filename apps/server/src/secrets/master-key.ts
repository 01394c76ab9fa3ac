import { spawn } from 'node:child_process';
import { createSecretKey, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { masterKeyNameBytes, wrappedKeyBytesMax } from '@env-cli/environments';

import { checkOf, keyBytes, unwrapKey, wrapKey } from './sealing.ts';

/** What wraps the keys of a cluster. It lies outside of the cluster: who has the disks alone has no secret. */
export interface MasterKey {
  /** Tells master keys apart (8 bytes); empty where a command holds it. */
  readonly name: Uint8Array;
  /** Rejects with {@link MasterKeyProblem}. */
  wrap(purpose: string, key: Uint8Array): Promise<Uint8Array>;
  /** Null when it was wrapped by something else. Rejects with {@link MasterKeyProblem}. */
  unwrap(purpose: string, wrapped: Uint8Array): Promise<Uint8Array | null>;
}

/** Where a member has its master keys from. */
export interface MasterKeySource {
  /** For people: `the file /etc/env-cli/master.key`. */
  readonly where: string;
  /** The master keys that there are now, the newest last; at least one. Throws {@link MasterKeyProblem}. */
  keys(): readonly MasterKey[];
}

/** Why there is no master key to be had. The message says what, where and what next. */
export class MasterKeyProblem extends Error {
  override readonly name = 'MasterKeyProblem';
}

/** Keys of a file: one in use, and for a rotation the next one behind it. */
const fileKeysMax = 8;
const fileBytesMax = 4096;

/** A file of mode 0600: 32 bytes as they are, or one key a line in base64, the newest last. It is read anew each time. */
export function masterKeyFile(path: string): MasterKeySource {
  const where = `the master key file ${path}`;
  return { where, keys: () => keysOf(readKeyFile(path, where), where).map(masterKeyOf) };
}

function readKeyFile(path: string, where: string): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new MasterKeyProblem(
      code === 'ENOENT'
        ? `${where} is not there. Bring it from another member, or for a new cluster make it: (umask 077; head -c 32 /dev/urandom | base64 > ${path})`
        : `${where} cannot be read (${code}). Let the user that runs this member read it, and nobody else`,
    );
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new MasterKeyProblem(`${where} is no file. Name the file that holds the key`);
    if ((stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      throw new MasterKeyProblem(
        `${where} is open to others (mode ${mode}): who reads it reads every secret. chmod 0600 ${path}`,
      );
    }
    if (stat.size > fileBytesMax) throw malformed(where);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

function keysOf(bytes: Buffer, where: string): Buffer[] {
  if (bytes.length === keyBytes) return [bytes];
  const lines = bytes
    .toString('latin1')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const keys = lines.map((line) => Buffer.from(line, 'base64'));
  // Node skips what is no base64: a key has one spelling.
  const isWhole = keys.every((key, place) => key.length === keyBytes && key.toString('base64') === lines[place]);
  if (keys.length === 0 || keys.length > fileKeysMax || !isWhole) throw malformed(where);
  return keys;
}

function malformed(where: string): MasterKeyProblem {
  return new MasterKeyProblem(
    `${where} holds no key. It must hold ${keyBytes} bytes as they are, or 1 to ${fileKeysMax} lines of ${keyBytes} bytes in base64, the newest last`,
  );
}

function masterKeyOf(bytes: Buffer): MasterKey {
  const key: KeyObject = createSecretKey(bytes);
  const name = checkOf(bytes, 'master key', masterKeyNameBytes);
  bytes.fill(0);
  return {
    name,
    wrap: (purpose, wrapped) => Promise.resolve(wrapKey(key, purpose, wrapped)),
    unwrap: (purpose, wrapped) => Promise.resolve(unwrapKey(key, purpose, wrapped)),
  };
}

/** How long a command may take: a key service is asked over a network. */
const commandTimeoutMs = 30_000;
/** Characters of what a command may say: a wrapped key in base64. */
const commandOutputMax = Math.ceil(wrappedKeyBytesMax / 3) * 4 + 16;

/**
 * A program that wraps and unwraps, by a key that it alone can use. It is called with the one argument `wrap` or `unwrap`, gets the key
 * (or the wrapped key) in base64 on its standard input, and answers the same way on its standard output.
 */
export function masterKeyCommand(program: string): MasterKeySource {
  const where = `the master key command ${program}`;
  const key: MasterKey = {
    name: new Uint8Array(),
    wrap: (_purpose, bytes) => ask(program, where, 'wrap', bytes),
    unwrap: (_purpose, wrapped) => ask(program, where, 'unwrap', wrapped),
  };
  return { where, keys: () => [key] };
}

function ask(program: string, where: string, what: 'wrap' | 'unwrap', bytes: Uint8Array): Promise<Uint8Array> {
  const inHand = `Run it by hand: echo … | ${program} ${what}`;
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new MasterKeyProblem(`${where} ${why}. ${inHand}`));
    // What it says on its standard error may quote what it was given: it goes nowhere.
    const child = spawn(program, [what], { stdio: ['pipe', 'pipe', 'ignore'] });
    // What the program started may outlive it and hold its standard output open: that is waited for no longer either.
    const end = (): void => {
      child.kill('SIGKILL');
      child.stdout.destroy();
    };
    const timer = setTimeout(end, commandTimeoutMs);
    let said = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      said += text;
      if (said.length > commandOutputMax) end();
    });
    child.stdin.on('error', () => undefined);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      fail(`cannot be started (${error.code})`);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (said.length > commandOutputMax) return fail(`said more than the ${commandOutputMax} characters that a wrapped key has`);
      if (code !== 0)
        return fail(signal === null ? `ended with ${code}` : `was ended by ${signal} (it may take ${commandTimeoutMs} ms)`);
      const text = said.trim();
      const answer = Buffer.from(text, 'base64');
      if (answer.length === 0 || answer.toString('base64') !== text) return fail('did not answer in base64');
      return resolve(answer);
    });
    child.stdin.end(`${Buffer.from(bytes).toString('base64')}\n`);
  });
}
