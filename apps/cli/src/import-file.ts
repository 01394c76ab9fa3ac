import { unreachable } from '@env-cli/support';

import { DotenvError, parseDotenv } from './dotenv.ts';
import { refusedError } from './cli-error.ts';

export type ImportFormat = 'dotenv' | 'json' | 'yaml';

const formatsByEnding: Readonly<Record<string, ImportFormat>> = {
  '.json': 'json',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.env': 'dotenv',
};

/** The format that the ending of a file's name tells; null: none. */
export function formatByEnding(path: string): ImportFormat | null {
  const ending = /\.[^./\\]+$/.exec(path.toLowerCase())?.[0] ?? '';
  return formatsByEnding[ending] ?? null;
}

/** The format of a file unless it is said: by its ending, dotenv otherwise. */
export function formatOf(path: string): ImportFormat {
  return formatByEnding(path) ?? 'dotenv';
}

/** The variables of a file. Refuses one that has an error anywhere, and names the line. */
export async function readVariables(path: string, text: string, format: ImportFormat): Promise<Readonly<Record<string, string>>> {
  switch (format) {
    case 'dotenv':
      return fromDotenv(path, text);
    case 'json':
      return fromJson(path, text);
    case 'yaml':
      return await fromYaml(path, text);
    default:
      return unreachable(format);
  }
}

async function fromYaml(path: string, text: string): Promise<Readonly<Record<string, string>>> {
  const { readYaml, YamlError } = await import('./yaml-text.ts');
  try {
    return Object.fromEntries(
      readYaml(text).map(({ name, value, line }) => {
        if (typeof value !== 'string') throw new YamlError(line, `${name} is a mapping, not a text`);
        return [name, value];
      }),
    );
  } catch (error) {
    if (error instanceof YamlError) throw refusedError(`${path}, line ${error.line}: ${error.message}. Nothing was written.`);
    throw error;
  }
}

function fromDotenv(path: string, text: string): Readonly<Record<string, string>> {
  try {
    return Object.fromEntries(parseDotenv(text).map(({ name, value }) => [name, value]));
  } catch (error) {
    if (error instanceof DotenvError) throw refusedError(`${path}, line ${error.line}: ${error.message}. Nothing was written.`);
    throw error;
  }
}

/** One object of names and texts. Numbers and booleans are taken as they are written there. */
function fromJson(path: string, text: string): Readonly<Record<string, string>> {
  let parsed: unknown;
  try {
    // A number keeps the digits that it was written with: as a value of JavaScript a long one would lose some.
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''), (_key, value: unknown, context?: { readonly source?: string }) =>
      typeof value === 'number' ? (context?.source ?? String(value)) : value,
    );
  } catch (error) {
    throw refusedError(`${path}, line ${lineOfError(text, error as Error)}: this is no valid JSON. Nothing was written.`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw refusedError(`${path}: expected one object of names and values. Nothing was written.`);
  }
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]: [string, unknown]) => {
      if (typeof value === 'string' || typeof value === 'boolean') return [name, String(value)];
      const kind = value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object';
      throw refusedError(`${path}: ${name} is ${kind}, not a text. Nothing was written.`);
    }),
  );
}

/** What the parser says where it met a character that cannot stand there: it quotes the text around it, and tells no place. */
const unexpectedCharacter = /is not valid JSON$/;

/** The line of the error that parsing `text` ended with. What the parser says of it is not shown: it may quote a secret. */
function lineOfError(text: string, { message }: Error): number {
  const told = / \(line (?<line>\d+) column \d+\)/.exec(message)?.groups?.['line'];
  if (told !== undefined) return Number(told);
  let [sound, broken] = [0, text.length];
  // The shortest beginning that holds the character ends with it. Of text that only ends too early, all are sound.
  while (broken - sound > 1) {
    const middle = (sound + broken) >>> 1;
    if (isBroken(text.slice(0, middle))) broken = middle;
    else sound = middle;
  }
  return text.slice(0, broken).split('\n').length;
}

function isBroken(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return false;
  } catch (error) {
    return unexpectedCharacter.test((error as Error).message);
  }
}
