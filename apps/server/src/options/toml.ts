import { parse, TomlError } from 'smol-toml';

import { StartRefused } from './refusal.ts';

/** A configuration file, flattened: `server.listen` → what stands there. */
export interface TomlFile {
  readonly name: string;
  readonly values: ReadonlyMap<string, unknown>;
  /** The line on which a key is set, from 1. */
  lineOf(key: string): number;
}

/** Reads TOML; refuses what is none, with the line. */
export function readToml(name: string, text: string): TomlFile {
  const whole = attempt(text);
  if (whole instanceof TomlError) {
    // Its first line says what is wrong; the rest is an excerpt, which could show a secret that does not belong there.
    const [what] = whole.message.split('\n');
    throw new StartRefused('options', `${name}, line ${whole.line}: ${what}. Mend this line and start again`);
  }
  const values = new Map<string, unknown>();
  flatten('', whole, values);
  return { name, values, lineOf: (key) => lineOf(text, key) };
}

function attempt(text: string): Record<string, unknown> | TomlError {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError) return error;
    throw error;
  }
}

function flatten(prefix: string, table: Readonly<Record<string, unknown>>, into: Map<string, unknown>): void {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const isTable =
      typeof value === 'object' && value !== null && Object.getPrototypeOf(value) !== Date.prototype && !Array.isArray(value);
    // An empty table is kept, so that an unknown one is refused too.
    if (isTable && Object.keys(value).length > 0) flatten(key, value as Record<string, unknown>, into);
    else into.set(key, value);
  }
}

/**
 * Finds the line of a key. The parser tells none, so the file is parsed again, line by line, until the key is there. That
 * is quadratic, and done only to refuse a file.
 */
function lineOf(text: string, key: string): number {
  const lines = text.split('\n');
  let begins = 1;
  for (let count = 1; count <= lines.length; count++) {
    const part = attempt(lines.slice(0, count).join('\n'));
    if (part instanceof TomlError) continue;
    const values = new Map<string, unknown>();
    flatten('', part, values);
    if ([...values.keys()].some((found) => found === key || found.startsWith(`${key}.`))) return begins;
    begins = count + 1;
  }
  return lines.length;
}
