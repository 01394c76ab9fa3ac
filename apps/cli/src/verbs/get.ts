import type { Variable } from '@env-cli/client';

import { exportText, revealed, type ExportFormat } from '../export-text.ts';
import { readOptions, withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { dataText } from '../structured.ts';
import { cell, table, type Column } from '../table.ts';
import { shownValue, width } from '../text.ts';
import { CliError, exitCodes, refusedError } from '../cli-error.ts';

const columns: readonly Column[] = [
  { title: 'NAME' },
  { title: 'VALUE' },
  { title: 'TYPE', optional: true },
  { title: 'REVISION', align: 'right' },
  { title: 'COMMENT', optional: true, wraps: true },
];

/** `env-cli get ENVIRONMENT [NAME…]`: one name answers the bare value. */
export async function get(at: Invocation, environment: string, names: readonly string[]): Promise<void> {
  at.about = { environment, atRevision: at.settings.revision };
  const answer = await withClient(at, (client) => client.environments.get(environment, { ...readOptions(at), variables: names }));
  const { variables } = answer.environment;
  const missing = names.filter((name) => !variables.some((variable) => variable.name === name));
  const data = await dataText(at.output, answer);
  if (data !== null) {
    await print(at.io, data);
  } else if (at.output !== 'table') {
    await print(at.io, await exportText(revealed(environment, variables), at.output as ExportFormat));
  } else if (names.length === 1 && missing.length === 0) {
    const [variable] = variables;
    if (variable?.value === null || variable === undefined) {
      throw refusedError(`${environment} ${names[0]} is a secret. Add --reveal to see it.`);
    }
    await print(at.io, `${variable.value}\n`);
  } else {
    const valueMax = valueCharactersMax(at, variables);
    const rows = variables.map((variable) => [
      cell(variable.name),
      shownValue(variable, at.style, valueMax),
      variable.type ?? '',
      String(variable.modifyRevision),
      cell(variable.comment),
    ]);
    if (rows.length > 0) await print(at.io, table(columns, rows, at));
    else if (missing.length === 0)
      await say(at.io, `${environment} has no variables. Set some: 'env-cli set ${environment} NAME=value'.`);
  }
  if (missing.length > 0)
    throw new CliError(
      exitCodes.notFound,
      `${environment} has no variable ${missing.join(', ')}. See 'env-cli get ${environment}' for those it has.`,
    );
}

/** Places that the comments may take before the values give way to them. */
const commentPlaces = 24;

/** Places below which a value is not cut, however narrow the terminal. */
const valueCharactersMin = 24;

/** What a line has left for the value beside the other columns. */
function valueCharactersMax({ io: { stdout } }: Invocation, variables: readonly Variable[]): number | undefined {
  if (stdout.isTTY !== true || stdout.columns === undefined) return undefined;
  const revisions = Math.max('REVISION'.length, ...variables.map(({ modifyRevision }) => String(modifyRevision).length));
  const types = widest(variables.map(({ type }) => (type === null ? 0 : Math.max(type.length, 'TYPE'.length) + 2)));
  const comments = widest(variables.map(({ comment }) => (comment === '' ? 0 : Math.min(width(comment), commentPlaces) + 2)));
  const others = widest(variables.map(({ name }) => width(name))) + 2 + types + revisions + 2 + comments;
  return Math.max(valueCharactersMin, stdout.columns - others);
}

function widest(lengths: readonly number[]): number {
  return Math.max(0, ...lengths);
}
