import type { Change, VariableChange } from '@env-cli/client';

import type { Style } from './style.ts';
import { labelsText, oneLine, shownValue } from './text.ts';

/** Names of a summary, beyond which only their number is told. */
const namesMax = 6;

/** What a change did, in short: `+NEW ~CHANGED -GONE labels`. */
export function changeSummary(change: Change, style: Style): string {
  const marks = change.variables.map(({ name, before, after }) => {
    if (before === null) return style.green(`+${oneLine(name)}`);
    return after === null ? style.red(`-${oneLine(name)}`) : style.yellow(`~${oneLine(name)}`);
  });
  const shown = marks.slice(0, namesMax);
  if (marks.length > namesMax) shown.push(`and ${marks.length - namesMax} more`);
  if (labelsText(change.labelsBefore) !== labelsText(change.labelsAfter) && change.kind !== 'deleted') shown.push('labels');
  if (change.description !== null) shown.push('description');
  return shown.join(' ');
}

/** What happened to a variable, as a line of a comparison. */
export function variableLine({ name, before, after }: VariableChange, style: Style): string {
  const shownName = oneLine(name);
  if (before === null && after === null) return '';
  if (before === null) return `${style.green(`+ ${shownName}`)}=${shownValue(after!, style)}\n`;
  if (after === null) return `${style.red(`- ${shownName}`)}=${shownValue(before, style)}\n`;
  const values = `${shownValue(before, style)} → ${shownValue(after, style)}`;
  const also = before.value === after.value && before.valueHash === after.valueHash ? marksText(before, after) : '';
  return `${style.yellow(`~ ${shownName}`)}: ${also === '' ? values : also}\n`;
}

/** What else of a variable can change than its value. */
function marksText(before: NonNullable<VariableChange['before']>, after: NonNullable<VariableChange['after']>): string {
  const parts: string[] = [];
  if (before.secret !== after.secret) parts.push(after.secret ? 'is a secret now' : 'is no secret any more');
  if (before.type !== after.type) parts.push(`type ${before.type ?? 'none'} → ${after.type ?? 'none'}`);
  if (before.comment !== after.comment)
    parts.push(`comment ${oneLine(before.comment) || 'none'} → ${oneLine(after.comment) || 'none'}`);
  return parts.join(', ');
}

/** Labels that differ, as lines of a comparison. */
export function labelLines(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
  style: Style,
): string {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return keys
    .filter((key) => before[key] !== after[key])
    .map((key) => {
      if (before[key] === undefined) return `${style.green(`+ label ${key}`)}=${after[key]}\n`;
      if (after[key] === undefined) return `${style.red(`- label ${key}`)}=${before[key]}\n`;
      return `${style.yellow(`~ label ${key}`)}: ${before[key]} → ${after[key]}\n`;
    })
    .join('');
}
