import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { CliError, exitCodes, refusedError } from './cli-error.ts';
import { contextOptionNames, globalOptions, type OptionName } from './options.ts';

/** The options of one context, as they are written there. */
export type Context = Readonly<Partial<Record<OptionName, string>>>;

/** The contexts of a user. */
export interface Contexts {
  /** The one that is used unless a flag or a variable names another; null: none. */
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, Context>>;
}

type Env = Readonly<Record<string, string | undefined>>;

const none: Contexts = { current: null, contexts: {} };

/** Bytes of the file, beyond which it is not taken for one of contexts. */
const fileBytesMax = 1024 * 1024;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Where the contexts of a user are: below XDG_CONFIG_HOME, or `.config` in the home folder. Null: neither is known. */
export function contextsPath(env: Env): string | null {
  const home = given(env['HOME']) ?? given(env['USERPROFILE']);
  const folder = given(env['XDG_CONFIG_HOME']) ?? (home === undefined ? undefined : join(home, '.config'));
  return folder === undefined ? null : join(folder, 'env-cli', 'contexts.json');
}

function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Reads the contexts. Without a file there are none. Refuses a file that is none of ours, or that somebody else may write. */
export function readContexts(env: Env): Contexts {
  const path = contextsPath(env);
  if (path === null) return none;
  let text: string;
  try {
    const { mode, size } = statSync(path);
    // Whoever writes it says to which cluster secrets are sent.
    if (process.platform !== 'win32' && (mode & 0o022) !== 0)
      throw refusedError(`${path} may be written by others; take that away: chmod 600 ${path}`);
    if (size > fileBytesMax) throw refusedError(`${path} is larger than ${fileBytesMax} bytes; mend or remove it`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof CliError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none;
    throw refusedError(`${path} cannot be read: ${(error as Error).message}`);
  }
  return contextsOf(path, text);
}

function contextsOf(path: string, text: string): Contexts {
  const wrong = (what: string): CliError => refusedError(`${path}: ${what}. Mend or remove it, and see 'env-cli context --help'`);
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw wrong('this is no valid JSON');
  }
  if (!isObject(read) || !isObject(read['contexts'])) throw wrong('it has no contexts');
  const { current = null, contexts } = read;
  if (current !== null && (typeof current !== 'string' || !Object.hasOwn(contexts, current)))
    throw wrong('it uses a context that it does not hold');
  for (const [name, context] of Object.entries(contexts)) {
    if (!isObject(context)) throw wrong(`context ${name} is no object`);
    for (const [option, value] of Object.entries(context)) {
      if (!(contextOptionNames as readonly string[]).includes(option))
        throw wrong(`context ${name} has an option ${option}, which there is not (${contextOptionNames.join(', ')})`);
      const problem = typeof value === 'string' ? globalOptions[option as OptionName].problem(value) : 'it is no text';
      if (problem !== null) throw wrong(`context ${name}, ${option}: ${problem}`);
    }
  }
  return { current, contexts: contexts as Contexts['contexts'] };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Writes the contexts, for their owner alone, as a whole or not at all. */
export function writeContexts(env: Env, contexts: Contexts): void {
  const path = contextsPath(env);
  if (path === null) throw refusedError('there is no place for contexts: set HOME or XDG_CONFIG_HOME');
  const part = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(part, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600, flush: true });
    // A file that was there keeps its mode when it is written again.
    chmodSync(part, 0o600);
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw refusedError(`${path} cannot be written: ${(error as Error).message}`);
  }
}

/** The context of a name. Not found: what there is instead. */
export function contextNamed({ contexts }: Contexts, name: string): Context {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found !== undefined) return found;
  throw new CliError(
    exitCodes.notFound,
    `there is no context ${name}. See 'env-cli context list', or make it: 'env-cli context set ${name} --endpoint HOST:PORT'.`,
  );
}

/** What is wrong with the name of a context; null: nothing. */
export function problemOfContextName(name: string): string | null {
  if (namePattern.test(name)) return null;
  return `'${name}' is no name of a context: letters, digits and . _ -, a letter or digit first, 64 characters at most`;
}
