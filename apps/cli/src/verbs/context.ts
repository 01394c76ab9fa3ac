import { usageError } from '../cli-error.ts';
import { contextNamed, contextsPath, problemOfContextName, readContexts, writeContexts } from '../contexts.ts';
import type { Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { contextOptionNames, globalOptions, optionNames, type OptionName } from '../options.ts';
import type { Flags } from '../settings.ts';
import { printedAsData } from '../structured.ts';
import { cell, table, type Column } from '../table.ts';

const listColumns: readonly Column[] = [
  { title: 'IN USE' },
  { title: 'NAME' },
  { title: 'ENDPOINT', wraps: true },
  { title: 'NAMESPACE', optional: true },
  { title: 'TIMEOUT', optional: true },
  { title: 'COLOR', optional: true },
  { title: 'PAGER', optional: true },
];

const showColumns: readonly Column[] = [{ title: 'OPTION' }, { title: 'VALUE', wraps: true }, { title: 'FROM' }];

/** `env-cli context list`. */
export async function list(at: Invocation): Promise<void> {
  const known = readContexts(at.io.env);
  if (await printedAsData(at, known)) return;
  const rows = Object.entries(known.contexts)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { endpoint = '', namespace = '', timeout = '', color = '', pager = '' }]) => [
      name === known.current ? at.style.green('yes') : '',
      cell(name),
      ...[endpoint, namespace, timeout, color, pager].map(cell),
    ]);
  if (rows.length > 0) await print(at.io, table(listColumns, rows, at));
  else await say(at.io, "There is no context. Make one: 'env-cli context set NAME --endpoint HOST:PORT'.");
}

/** `env-cli context set NAME`: the options that are given as flags, beside those that it has. The first context is used at once. */
export async function set(at: Invocation, name: string, flags: Flags): Promise<void> {
  const problem = problemOfContextName(name);
  if (problem !== null) throw usageError(problem);
  const given = Object.fromEntries(contextOptionNames.flatMap((option) => givenFlag(option, flags)));
  if (Object.keys(given).length === 0) {
    const ways = contextOptionNames.map((option) => globalOptions[option].flags.replace(/^-\w, /, ''));
    throw usageError(`nothing to set: give ${ways.join(', ')}`);
  }
  const { current, contexts } = readContexts(at.io.env);
  const isNew = !Object.hasOwn(contexts, name);
  writeContexts(at.io.env, {
    current: Object.keys(contexts).length === 0 ? name : current,
    contexts: { ...contexts, [name]: { ...contexts[name], ...given } },
  });
  const next = isNew && current !== null && current !== name ? ` Use it: 'env-cli context use ${name}'.` : '';
  await say(at.io, `Context ${name} ${isNew ? 'was made' : 'is changed'}.${next}`);
}

/** A value was checked when the settings were read. */
function givenFlag(option: OptionName, flags: Flags): readonly (readonly [OptionName, string])[] {
  if (option === 'pager') return flags.pager === false ? [[option, '']] : [];
  const value = flags[option];
  return value === undefined ? [] : [[option, value]];
}

/** `env-cli context use NAME`. */
export async function use(at: Invocation, name: string): Promise<void> {
  const known = readContexts(at.io.env);
  contextNamed(known, name);
  writeContexts(at.io.env, { ...known, current: name });
  await say(at.io, `Context ${name} is used from now on.`);
}

/** `env-cli context show`: what holds now, and where each of it comes from. */
export async function show(at: Invocation): Promise<void> {
  const { origins, context } = at.settings;
  const file = contextsPath(at.io.env);
  if (await printedAsData(at, { context, file, options: origins })) return;
  const rows = optionNames.map((option) => [option, cell(origins[option].value), cell(origins[option].from)]);
  await print(at.io, table(showColumns, rows, at));
}

/** `env-cli context delete NAME`. */
export async function remove(at: Invocation, name: string): Promise<void> {
  const known = readContexts(at.io.env);
  contextNamed(known, name);
  const { [name]: _, ...contexts } = known.contexts;
  const current = known.current === name ? null : known.current;
  writeContexts(at.io.env, { current, contexts });
  const next = known.current === name ? ' No context is in use now: the defaults hold.' : '';
  await say(at.io, `Context ${name} was deleted.${next}`);
}
