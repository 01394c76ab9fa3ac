import type { Io } from './io.ts';
import type { Style } from './style.ts';
import { cutTo, oneLine, width } from './text.ts';

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Left out when all of its cells are empty. */
  readonly optional?: boolean;
  /** Its cells go over several lines where the terminal is too narrow for all columns. */
  readonly wraps?: boolean;
}

/** What a table is drawn for. */
export interface TableFrame {
  readonly io: Io;
  readonly style: Style;
}

/** Places between two columns. */
const gap = 2;

/** The least places to which a column is narrowed, if it holds no coloured word that is wider: such a one is never broken. */
const narrowest = 8;

/** Rows below each other for a person, as one text. See {@link TableWriter}. */
export function table(columns: readonly Column[], rows: readonly Cells[], frame: TableFrame): string {
  return new TableWriter(columns, frame).part(rows);
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
  /** Places of a line; null where nothing is narrowed. */
  readonly #places: number | null;
  readonly #widths: number[];
  /** The least places of each column. */
  readonly #least: number[];
  #shown: readonly number[] = [];

  constructor(columns: readonly Column[], { io: { stdout }, style }: TableFrame) {
    this.#columns = columns;
    this.#style = style;
    this.#places = stdout.isTTY === true ? (stdout.columns ?? null) : null;
    this.#widths = columns.map(() => 0);
    this.#least = columns.map(({ title }) => Math.max(narrowest, title.length));
  }

  /** The next rows as text, below the head if they are the first. */
  part(rows: readonly Cells[]): string {
    const first = this.#shown.length === 0;
    this.#shown = this.#columns.flatMap((column, i) =>
      column.optional !== true || this.#shown.includes(i) || rows.some((row) => row[i] !== '') ? [i] : [],
    );
    const head = this.#columns.map(({ title }) => this.#style.bold(title));
    const lines = first ? [head, ...rows] : rows;
    for (const i of this.#shown) {
      this.#widths[i] = lines.reduce((widest, line) => Math.max(widest, width(line[i] ?? '')), this.#widths[i] ?? 0);
    }
    const places = this.#narrowed(lines);
    return lines.map((line) => this.#drawn(line, places)).join('');
  }

  /** The places of each column, with those that wrap narrowed to what the line has for them. */
  #narrowed(lines: readonly Cells[]): readonly number[] {
    const places = [...this.#widths];
    if (this.#places === null) return places;
    for (const i of this.#shown) this.#least[i] = lines.reduce((least, line) => leastOf(line[i] ?? '', least), this.#least[i]!);
    let over = this.#shown.reduce((sum, i) => sum + places[i]! + gap, -gap) - this.#places;
    while (over > 0) {
      const wrapping = this.#shown.filter((i) => this.#columns[i]!.wraps === true && places[i]! > this.#least[i]!);
      // The widest gives way first, a place at a time: there are no more of them than a line has.
      const [widest] = wrapping.toSorted((a, b) => places[b]! - places[a]!);
      if (widest === undefined) return places;
      places[widest]!--;
      over--;
    }
    return places;
  }

  #drawn(cells: Cells, places: readonly number[]): string {
    const wrapped = this.#shown.map((i) => {
      const text = cells[i] ?? '';
      return this.#columns[i]!.wraps === true && width(text) > places[i]! ? wrappedTo(text, places[i]!) : [text];
    });
    const height = Math.max(...wrapped.map((lines) => lines.length));
    let drawn = '';
    for (let line = 0; line < height; line++) {
      const padded = this.#shown.map((i, at) => this.#padded(wrapped[at]![line] ?? '', i, places[i]!));
      drawn += `${padded.join(' '.repeat(gap)).trimEnd()}\n`;
    }
    return drawn;
  }

  #padded(text: string, column: number, places: number): string {
    const missing = ' '.repeat(Math.max(0, places - width(text)));
    return this.#columns[column]?.align === 'right' ? missing + text : text + missing;
  }
}

/** The least places for a cell that holds words that are not to be broken. */
function leastOf(text: string, least: number): number {
  if (!text.includes('\u001B')) return least;
  return text.split(' ').reduce((widest, word) => Math.max(widest, width(word)), least);
}

/** A cell as lines of so many places at most: broken between words, and within one that is longer than a line. */
function wrappedTo(text: string, places: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((each) => brokenTo(each, places))) {
    if (line !== '' && width(line) + 1 + width(word) > places) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** A word in pieces that fit. One that is coloured is left whole: a piece would be without its colour. */
function brokenTo(word: string, places: number): string[] {
  if (width(word) <= places || word.includes('\u001B')) return [word];
  const pieces: string[] = [];
  for (let rest = word; rest !== '';) {
    // A character that is wider than the line must go somewhere.
    const piece = cutTo(rest, places) || rest.slice(0, 2);
    pieces.push(piece);
    rest = rest.slice(piece.length);
  }
  return pieces;
}

/** A name or a note of somebody else's as a cell. */
export function cell(text: string | number): string {
  return oneLine(String(text));
}
