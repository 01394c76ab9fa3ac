import type { Environment, Operation, Updates, Variable, VariableType, VariableUpdate } from '@env-cli/client';

import { DotenvError, dotenvAssignment, parseDotenv } from './dotenv.ts';
import { count, oneLine } from './text.ts';
import { readYaml, writeYaml, YamlError, type YamlEntry } from './yaml-text.ts';

export type EditForm = 'dotenv' | 'yaml';

/** An error in a text that was edited. */
export class EditError extends Error {
  override readonly name = 'EditError';
  /** From 1; null where it is of no line. */
  readonly line: number | null;

  constructor(line: number | null, problem: string) {
    super(problem);
    this.line = line;
  }
}

/** What a person has made of an environment. */
export interface Edited {
  /** A value that is null stays as it is: it was never shown. */
  readonly variables: ReadonlyMap<string, Partial<VariableUpdate>>;
  /** Null: the form does not hold them. */
  readonly labels: Readonly<Record<string, string>> | null;
  readonly description: string | null;
}

const errorMark = '# ERROR: ';

/** An environment as a text to be edited. */
export function editText(name: string, environment: Environment | null, form: EditForm): string {
  const revision = environment === null ? 'does not exist yet' : `as of revision ${environment.modifyRevision}`;
  const head = [
    `# ${name}, ${revision}.`,
    '# What you have changed is written when you save and close. Lines with # do',
    '# not count; a variable whose line is gone is removed. To write nothing,',
    '# leave the file as it is, or empty.',
    '',
  ];
  const hidden = environment?.variables.some(({ value }) => value === null) === true;
  if (hidden) head.splice(-1, 0, "# Secrets are hidden: --reveal shows them, 'env-cli unset' removes them.");
  const body = form === 'dotenv' ? dotenvBody(environment) : yamlBody(environment);
  return `${head.join('\n')}\n${body}`;
}

function dotenvBody(environment: Environment | null): string {
  return (environment?.variables ?? [])
    .map(({ name, value, valueBytes, comment }) => {
      const note = comment === '' ? '' : `# ${oneLine(comment)}\n`;
      if (value !== null) return `${note}${dotenvAssignment(name, value)}`;
      return `${note}# ${name}: a secret of ${count(valueBytes, 'byte')}, which stays as it is unless you write ${name}=…\n`;
    })
    .join('');
}

function yamlBody(environment: Environment | null): string {
  const variables = Object.fromEntries((environment?.variables ?? []).map((variable) => [variable.name, yamlEntry(variable)]));
  const whole = { description: environment?.description ?? '', labels: environment?.labels ?? {}, variables };
  return writeYaml(whole);
}

function yamlEntry({ value, secret, type, comment }: Variable): string | Record<string, string | boolean> {
  if (value !== null && !secret && type === null && comment === '') return value;
  return {
    ...(value === null ? {} : { value }),
    ...(secret ? { secret } : {}),
    ...(type === null ? {} : { type }),
    ...(comment === '' ? {} : { comment }),
  };
}

/** A text with what is wrong with it above it. */
export function withError(text: string, problem: string): string {
  return `${errorMark}${oneLine(problem)}\n${withoutErrors(text)}`;
}

export function withoutErrors(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith(errorMark))
    .join('\n');
}

/** Whether anything but comments stands there. */
export function isEmptyText(text: string): boolean {
  return text.split('\n').every((line) => line.trim() === '' || line.trimStart().startsWith('#'));
}

/** Reads what was edited. Throws an {@link EditError}. */
export function readEdited(text: string, form: EditForm): Edited {
  try {
    return form === 'dotenv' ? fromDotenv(text) : fromYaml(readYaml(text));
  } catch (error) {
    if (error instanceof DotenvError || error instanceof YamlError) throw new EditError(error.line, error.message);
    throw error;
  }
}

function fromDotenv(text: string): Edited {
  const variables = new Map(parseDotenv(text).map(({ name, value }) => [name, { value }]));
  return { variables, labels: null, description: null };
}

function fromYaml(entries: readonly YamlEntry[]): Edited {
  let variables: ReadonlyMap<string, Partial<VariableUpdate>> = new Map();
  let labels: Edited['labels'] = {};
  let description = '';
  for (const { name, line, value } of entries) {
    if (name === 'description' && typeof value === 'string') description = value;
    else if (name === 'labels') labels = Object.fromEntries(listed(name, line, value).map((each) => [each.name, textOf(each)]));
    else if (name === 'variables') variables = new Map(listed(name, line, value).map((each) => [each.name, updateOf(each)]));
    else throw new EditError(line, `there is no '${name}' here: write description, labels and variables`);
  }
  return { variables, labels, description };
}

/** An empty mapping may be written as nothing. */
function listed(name: string, line: number, value: YamlEntry['value']): readonly YamlEntry[] {
  if (typeof value !== 'string') return value;
  if (value.trim() === '') return [];
  throw new EditError(line, `${name} holds names and values`);
}

function textOf({ name, line, value }: YamlEntry): string {
  if (typeof value === 'string') return value;
  throw new EditError(line, `${name} is a mapping, not a text`);
}

function updateOf(entry: YamlEntry): Partial<VariableUpdate> {
  const { name, value } = entry;
  if (typeof value === 'string') return { value };
  const update: { -readonly [Key in keyof VariableUpdate]?: VariableUpdate[Key] } = {};
  for (const part of value) {
    const text = textOf(part);
    if (part.name === 'value' || part.name === 'comment') update[part.name] = text;
    else if (part.name === 'type') update.type = text as VariableType;
    else if (part.name === 'secret' && /^(true|false)$/.test(text)) update.secret = text === 'true';
    else throw new EditError(part.line, `${name}: write value, secret (true or false), type and comment, not '${part.name}'`);
  }
  return update;
}

/** What makes the one of the other, as operations of one write; none when nothing was changed. */
export function editOperations(name: string, before: Environment | null, edited: Edited): readonly Operation[] {
  const set: Record<string, VariableUpdate> = {};
  const known = new Map((before?.variables ?? []).map((variable) => [variable.name, variable]));
  for (const [variable, update] of edited.variables) {
    const change = changeOf(variable, known.get(variable) ?? null, update);
    if (change !== null) set[variable] = change;
  }
  const removed = [...known.values()]
    // What a dotenv text never showed cannot be taken out of it.
    .filter(({ name: variable, value }) => !edited.variables.has(variable) && (value !== null || edited.labels !== null))
    .map((variable) => variable.name);
  const operations: Operation[] = [];
  if (before === null) operations.push({ kind: 'create', environment: name });
  if (Object.keys(set).length > 0) operations.push({ kind: 'set', environment: name, variables: set satisfies Updates });
  if (removed.length > 0) operations.push({ kind: 'unset', environment: name, names: removed });
  operations.push(...labelOperations(name, before?.labels ?? {}, edited.labels));
  const { description } = edited;
  if (description !== null && description !== (before?.description ?? ''))
    operations.push({ kind: 'describe', environment: name, description });
  return operations;
}

/** Null: nothing is changed. What an entry does not name stays as it is. */
function changeOf(name: string, before: Variable | null, update: Partial<VariableUpdate>): VariableUpdate | null {
  const { value = before?.value ?? undefined, ...marks } = update;
  const changed =
    before === null ||
    (update.value !== undefined && update.value !== before.value) ||
    (update.secret !== undefined && update.secret !== before.secret) ||
    (update.type !== undefined && update.type !== before.type) ||
    (update.comment !== undefined && update.comment !== before.comment);
  if (!changed) return null;
  if (value === undefined)
    throw new EditError(
      null,
      `${name} needs a value: ${before === null ? 'it is new' : 'its own was not shown (--reveal shows it)'}`,
    );
  return { value, ...marks };
}

function labelOperations(
  environment: string,
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>> | null,
): readonly Operation[] {
  if (after === null) return [];
  const set = Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
  const remove = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return Object.keys(set).length + remove.length === 0 ? [] : [{ kind: 'label', environment, set, remove }];
}
