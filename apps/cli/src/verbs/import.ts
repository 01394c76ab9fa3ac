import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

import type { Client, Updates, WriteAnswer } from '@env-cli/client';

import { readStdin, readText } from '../assignments.ts';
import { refusedError, usageError } from '../cli-error.ts';
import { formatByEnding, formatOf, readVariables, type ImportFormat } from '../import-file.ts';
import { withClient, type Invocation } from '../invocation.ts';
import { say } from '../io.ts';
import { Progress } from '../progress.ts';
import { printedAsData } from '../structured.ts';
import { count } from '../text.ts';
import { confirm, setOptions, type WriteFlags } from './write.ts';

export interface ImportFlags extends WriteFlags {
  readonly create?: boolean;
  readonly replace?: boolean;
  readonly secret?: boolean;
  readonly secretNames?: readonly string[];
  readonly format?: ImportFormat;
}

/** Files of a folder, beyond which it is to be imported in parts: all of them are read before the first is written. */
const filesMax = 10_000;

/** Writes that are under way at a time. */
const writesAtOnce = 16;

/** What is to stand in one environment. */
interface Import {
  readonly environment: string;
  /** The file, or standard input. */
  readonly from: string;
  readonly variables: Updates;
}

/** `env-cli import FILE ENVIRONMENT`: all of a file as one write, or nothing. A folder: an environment a file. */
export async function importFile(at: Invocation, file: string, environment: string, flags: ImportFlags): Promise<void> {
  if (file !== '-' && (await isFolder(file))) return await importFolder(at, file, environment, flags);
  const from = file === '-' ? 'standard input' : file;
  const text = await readText(from, file === '-' ? readStdin(at.io) : readFile(file));
  const read = await importOf({ environment, from, text, format: flags.format ?? formatOf(file) }, flags);
  const names = Object.keys(read.variables);
  at.about = { environment, ifRevision: flags.ifRevision, mayCreate: true, variables: names };
  const answer = await withClient(at, (client) => write(client, read, flags));
  await confirm(
    at,
    answer,
    `${count(names.length, 'variable')} of ${from} stand in ${environment}, at revision ${answer.revision}`,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    // What cannot be looked at is read, which says why it cannot.
    () => false,
  );
}

/** Every file below a folder whose ending tells a format: first all are read, and then each is written as a whole. */
async function importFolder(at: Invocation, folder: string, prefix: string, flags: ImportFlags): Promise<void> {
  if (flags.ifRevision !== undefined) throw usageError('--if-revision is of one environment: it does not go with a folder');
  const imports: Import[] = [];
  for (const { path, format } of await filesOf(folder)) {
    const environment =
      prefix +
      relative(folder, path)
        .split(sep)
        .join('/')
        .replace(/\.[^./]+$/, '');
    imports.push(await importOf({ environment, from: path, text: await readText(path, readFile(path)), format }, flags));
  }
  const progress = new Progress(at.io, 'environments', imports.length);
  const written: WriteAnswer[] = [];
  try {
    await withClient(at, (client) => writeAll(at, client, { imports, flags, written, progress }));
  } catch (error) {
    progress.end();
    await say(at.io, `${written.length} of ${count(imports.length, 'environment')} were written before it failed.`);
    throw error;
  } finally {
    progress.end();
  }
  const changed = written.filter((answer) => answer.changed).length;
  if (await printedAsData(at, { environments: imports.map(({ environment }) => environment), changed })) return;
  await say(
    at.io,
    `${count(imports.length, 'environment')} stand as in ${folder}; ${changed === 0 ? 'none' : changed} of them changed.`,
  );
}

async function filesOf(folder: string): Promise<readonly { readonly path: string; readonly format: ImportFormat }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .flatMap((path) => {
      const format = formatByEnding(path);
      return format === null ? [] : [{ path, format }];
    });
  if (files.length === 0) throw refusedError(`${folder} holds no file that ends with .env, .json or .yaml. Nothing was written.`);
  if (files.length > filesMax)
    throw refusedError(`${folder} holds ${files.length} files, above the limit of ${filesMax}: import its folders one by one`);
  return files;
}

interface Writing {
  readonly imports: readonly Import[];
  readonly flags: ImportFlags;
  /** Grows as writes are acknowledged. */
  readonly written: WriteAnswer[];
  readonly progress: Progress;
}

/** Writes some at a time; after the first that is refused none is begun any more. */
async function writeAll(at: Invocation, client: Client, { imports, flags, written, progress }: Writing): Promise<void> {
  const rest = imports.values();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const each of rest) {
      if (failed) return;
      try {
        written.push(await write(client, each, flags));
        progress.add(1);
      } catch (error) {
        if (!failed) at.about = { environment: each.environment, mayCreate: true, variables: Object.keys(each.variables) };
        failed = true;
        throw error;
      }
    }
  };
  // All are waited for: what was sent before the failure may be written still.
  const ended = await Promise.allSettled(Array.from({ length: writesAtOnce }, worker));
  const refused = ended.find((each) => each.status === 'rejected');
  if (refused !== undefined) throw refused.reason;
}

async function importOf(
  {
    environment,
    from,
    text,
    format,
  }: { readonly environment: string; readonly from: string; readonly text: string; readonly format: ImportFormat },
  flags: ImportFlags,
): Promise<Import> {
  const values = await readVariables(from, text, format);
  const { secretNames = [] } = flags;
  const unknown = secretNames.filter((name) => !Object.hasOwn(values, name));
  if (unknown.length > 0)
    throw refusedError(`${from} holds no ${unknown.join(', ')}, which --secret-names names. Nothing was written.`);
  if (Object.keys(values).length === 0 && flags.replace !== true)
    throw refusedError(`${from} holds no variable. Nothing was written.`);
  const variables: Updates = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      flags.secret === true || secretNames.includes(name) ? { value, secret: true } : value,
    ]),
  );
  return { environment, from, variables };
}

function write({ environments }: Client, { environment, variables }: Import, flags: ImportFlags): Promise<WriteAnswer> {
  const options = setOptions(flags);
  return flags.replace === true
    ? environments.replace(environment, variables, options)
    : environments.set(environment, variables, options);
}
