import type { DiffAnswer, DiffOptions } from '@env-cli/client';

import { labelLines, variableLine } from '../changes-text.ts';
import { readOptions, withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { printedAsData } from '../structured.ts';
import { revisionNumber, revisionRange, wholeNumber } from '../settings.ts';
import { usageError } from '../cli-error.ts';

/** What is compared. */
export interface Sides {
  readonly name: string;
  readonly revision: number;
  readonly otherName: string;
  readonly otherRevision: number;
}

/**
 * Reads what is compared: `A 12 14`, `A 12` (with the newest), `A B`, each name with `@revision` if it is not the newest.
 *
 * A number is a revision: no environment is called one by itself where a revision may stand.
 */
export function sidesOf(first: string, others: readonly string[]): Sides {
  const left = sideOf(first);
  const [second, third] = others;
  if (second === undefined)
    throw usageError('diff compares with a revision or with another environment: diff A 12 14, or diff A B');
  const from = wholeNumber(second);
  if (from === null) {
    if (third !== undefined) throw usageError(`'${third}' is one too many: diff A B, or diff A@12 B@14`);
    const right = sideOf(second);
    return { ...left, otherName: right.name, otherRevision: right.revision };
  }
  if (left.revision !== 0) throw usageError(`'${first}' has a revision already: diff A 12 14, or diff A@12 A@14`);
  if (from === 0) throw usageError(`'${second}' is no revision. ${revisionRange}`);
  const to = third === undefined ? 0 : revisionNumber(third);
  if (to === null) throw usageError(`'${third}' is no revision. ${revisionRange} Leave it out for the newest`);
  return { name: left.name, revision: from, otherName: left.name, otherRevision: to };
}

function sideOf(text: string): { readonly name: string; readonly revision: number } {
  const sign = text.lastIndexOf('@');
  if (sign === -1) return { name: text, revision: 0 };
  const revision = revisionNumber(text.slice(sign + 1));
  if (revision === null)
    throw usageError(
      `'${text}' is no environment at a revision: write ${text.slice(0, sign)}@12, or ${text.slice(0, sign)} for the newest. ${revisionRange}`,
    );
  return { name: text.slice(0, sign), revision };
}

/** `env-cli diff`: what would turn the left into the right. */
export async function diff(at: Invocation, first: string, others: readonly string[]): Promise<void> {
  const { name, ...sides } = sidesOf(first, others);
  at.about = { environment: name };
  const options: DiffOptions = { ...readOptions(at), ...sides };
  const answer = await withClient(at, (client) => client.environments.diff(name, options));
  await shownDiff(at, { name, ...sides }, answer);
}

/** Shows a comparison, in the form that is asked for. */
export async function shownDiff(at: Invocation, { name, ...sides }: Sides, answer: DiffAnswer): Promise<void> {
  if (await printedAsData(at, answer)) return;
  const lines = answer.variables.map((change) => variableLine(change, at.style)).join('');
  const labels = labelLines(answer.labelsBefore, answer.labelsAfter, at.style);
  if (lines + labels !== '') await print(at.io, lines + labels);
  if (!answer.leftExists) await say(at.io, `${gone(name, sides.revision)}.`);
  if (!answer.rightExists) await say(at.io, `${gone(sides.otherName, sides.otherRevision)}.`);
  if (lines + labels === '' && answer.leftExists && answer.rightExists) await say(at.io, 'There is no difference.');
}

function gone(which: string, revision: number): string {
  return `${which}${revision === 0 ? '' : ` at revision ${revision}`} does not exist`;
}
