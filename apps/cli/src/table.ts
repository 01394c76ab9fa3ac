import Table from 'cli-table3';

import { oneLine } from './text.ts';
import type { Style } from './style.ts';

/** A column of a table. `optional`: left out when all of its cells are empty. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  readonly optional?: boolean;
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/**
 * Rows below each other for a person: no lines, a head, nothing behind the last column. `head`: whether the titles are shown.
 *
 * A cell is one line already; what colours it is ours.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], style: Style, head = true): string {
  const shown = columns.flatMap((column, i) => (column.optional === true && rows.every((row) => row[i] === '') ? [] : [i]));
  const drawn = new Table({
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: shown.map((i) => columns[i]?.align ?? 'left'),
  });
  if (head) drawn.push(shown.map((i) => style.bold(columns[i]!.title)));
  for (const row of rows) drawn.push(shown.map((i) => row[i] ?? ''));
  if (drawn.length === 0) return '';
  const lines = drawn.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** A name or a note of somebody else's as a cell. */
export function cell(text: string | number): string {
  return oneLine(String(text));
}
