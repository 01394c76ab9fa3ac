import { stripVTControlCharacters } from 'node:util';

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

/** Rows below each other for a person, as one text. See {@link TableWriter}. */
export function table(columns: readonly Column[], rows: readonly Cells[], style: Style): string {
  return new TableWriter(columns, style).part(rows);
}

/** A row, a cell a column. A cell is one line already; what colours it is ours. */
export type Cells = readonly string[];

/**
 * Rows below each other for a person: no lines, a head, nothing behind the last column.
 *
 * It may come in parts: a column of a later part is at least as wide as in those before it.
 */
export class TableWriter {
  readonly #columns: readonly Column[];
  readonly #style: Style;
  readonly #widths: number[];
  #shown: readonly number[] = [];

  constructor(columns: readonly Column[], style: Style) {
    this.#columns = columns;
    this.#style = style;
    this.#widths = columns.map(() => 0);
  }

  /** The next rows as text, below the head if they are the first. */
  part(rows: readonly Cells[]): string {
    const first = this.#shown.length === 0;
    this.#shown = this.#columns.flatMap((column, i) =>
      column.optional !== true || this.#shown.includes(i) || rows.some((row) => row[i] !== '') ? [i] : [],
    );
    const head = this.#columns.map(({ title }) => this.#style.bold(title));
    const lines = first ? [head, ...rows] : rows;
    if (lines.length === 0) return '';
    const drawn = new Table({
      chars: noBorders,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
      colAligns: this.#shown.map((i) => this.#columns[i]?.align ?? 'left'),
    });
    for (const line of lines) drawn.push(this.#shown.map((i) => this.#padded(line[i] ?? '', i)));
    return `${drawn
      .toString()
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')}\n`;
  }

  /** Widens a cell to what the column had before. Wide characters count as one, which costs alignment and nothing else. */
  #padded(text: string, column: number): string {
    const width = stripVTControlCharacters(text).length;
    const missing = ' '.repeat(Math.max(0, (this.#widths[column] ?? 0) - width));
    this.#widths[column] = Math.max(this.#widths[column] ?? 0, width);
    return this.#columns[column]?.align === 'right' ? missing + text : text + missing;
  }
}

/** A name or a note of somebody else's as a cell. */
export function cell(text: string | number): string {
  return oneLine(String(text));
}
