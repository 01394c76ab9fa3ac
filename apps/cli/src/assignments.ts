import { readFile } from 'node:fs/promises';

import type { Io } from './io.ts';
import { refusedError, usageError } from './cli-error.ts';

/**
 * Reads `NAME=value` arguments: `NAME=@file` takes the value from a file, `NAME=-` from standard input, each without the one
 * line break at its end. `NAME=@@text` is the text `@text`. `literal`: `@` and `-` are values like any other.
 *
 * A value that comes from a file or from standard input never stands in the list of processes.
 */
export async function readAssignments(
  texts: readonly string[],
  io: Io,
  options: { readonly literal: boolean },
): Promise<Readonly<Record<string, string>>> {
  const values = new Map<string, string>();
  const fromStdin = texts.filter((text) => !options.literal && text.endsWith('=-') && text.indexOf('=') === text.length - 2);
  if (fromStdin.length > 1) throw usageError(`only one value can come from standard input, not ${fromStdin.join(' and ')}`);
  for (const [at, text] of texts.entries()) {
    const equals = text.indexOf('=');
    const name = text.slice(0, equals);
    // Not shown: it may be a secret that stands apart from its name.
    if (equals < 1) {
      const which = texts.length === 1 ? 'what follows the environment' : `number ${at + 1} of what follows the environment`;
      throw usageError(`${which} is no NAME=value. Take a value from a file with NAME=@file, from standard input with NAME=-`);
    }
    if (values.has(name)) throw usageError(`${name} is given twice`);
    values.set(name, await valueOf(name, text.slice(equals + 1), io, options.literal));
  }
  return Object.fromEntries(values);
}

async function valueOf(name: string, text: string, io: Io, literal: boolean): Promise<string> {
  if (literal) return text;
  if (text === '-') return withoutLastBreak(await readText('standard input', readStdin(io)));
  if (!text.startsWith('@')) return text;
  const path = text.slice(1);
  if (path.startsWith('@')) return path;
  if (path === '') throw usageError(`${name}=@ names no file. Write ${name}=@@ for a value that is @ itself`);
  return withoutLastBreak(await readText(path, readFile(path)));
}

/** All of standard input. */
export async function readStdin(io: Io): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of io.stdin) parts.push(typeof part === 'string' ? Buffer.from(part) : part);
  return Buffer.concat(parts);
}

/** Bytes as text. Refuses what cannot be read and what is no UTF-8, by the name of where they come from. */
export async function readText(from: string, bytes: Promise<Uint8Array>): Promise<string> {
  let read: Uint8Array;
  try {
    read = await bytes;
  } catch (error) {
    throw refusedError(`${from} cannot be read: ${(error as Error).message}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(read);
  } catch {
    throw refusedError(`${from} is no UTF-8 text. Give bytes in base64, with --type bytes`);
  }
}

function withoutLastBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}
