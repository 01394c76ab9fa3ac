import { parseEnv } from 'node:util';

import { encodeUtf8 } from '@env-cli/support';

import { dotenvProblem, dotenvText, type FileVariable } from './dotenv.ts';

/** How a file holds an environment. */
export interface FileFormat {
  readonly extension: string;
  /** Why a variable cannot stand in such a file; null: it can. */
  problem(variable: FileVariable): string | null;
  /** What a file of somebody else's hand says; null: it is no such file. */
  read(text: string): Readonly<Record<string, string>> | null;
  /** The whole file, its variables sorted by name. */
  bytes(environment: string, variables: readonly FileVariable[]): Uint8Array;
}

export type FileFormatName = 'dotenv' | 'json';

export const fileFormats: Readonly<Record<FileFormatName, FileFormat>> = {
  dotenv: {
    extension: '.env',
    problem: dotenvProblem,
    read: (text) => ({ ...parseEnv(text) }) as Record<string, string>,
    bytes: (environment, variables) =>
      encodeUtf8(dotenvText(`env-cli keeps this file equal to ${environment}: change it there.`, variables)),
  },
  json: {
    extension: '.json',
    problem: () => null,
    read: readJson,
    // An object made from entries holds `__proto__` as it holds any other name.
    bytes: (_environment, variables) =>
      encodeUtf8(`${JSON.stringify(Object.fromEntries(variables.map(({ name, value }) => [name, value])), null, 2)}\n`),
  },
};

function readJson(text: string): Readonly<Record<string, string>> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null;
    const fields = Object.entries(parsed);
    return fields.every((field): field is [string, string] => typeof field[1] === 'string') ? Object.fromEntries(fields) : null;
  } catch {
    return null;
  }
}
