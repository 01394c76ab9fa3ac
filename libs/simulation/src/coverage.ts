import { readFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector';

/** The files of libs/raft whose functions are what a member does in its role. */
export const roleFiles = [
  'appending.ts',
  'applying.ts',
  'catch-up.ts',
  'election.ts',
  'following.ts',
  'leading.ts',
  'membership.ts',
  'membership-change.ts',
  'raft.ts',
  'reading.ts',
  'receiving.ts',
  'replication.ts',
  'roles.ts',
  'rounds.ts',
  'transfer.ts',
] as const;

/** A branch that no run came to. */
export interface Missed {
  /** A file of `libs/raft/src`. */
  readonly file: string;
  readonly line: number;
  /** Its source on one line; where that is short, the whole line that it stands in. */
  readonly text: string;
}

/** Counts which branches of the role functions run, as the engine itself does. To be begun before the core is imported. */
export class RoleCoverage {
  readonly #session = new Session();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What never ran so far. Ends the counting. */
  take(): Uncovered {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      scripts = result;
    });
    this.#session.disconnect();
    const uncovered: Record<string, FileUncovered> = {};
    for (const file of roleFiles) {
      const script = scripts.find(({ url }) => url.endsWith(sourceOf(file)));
      if (script === undefined) throw new Error(`libs/raft/src/${file} was not loaded: the list of role files is out of date`);
      const called = script.functions.map(({ ranges }) => ranges[0]!).filter(({ count }) => count > 0);
      const ranges = script.functions.flatMap((one) => one.ranges).filter(({ count }) => count === 0);
      uncovered[file] = { called: called.map(rangeOf), ranges: outermost(ranges.map(rangeOf)) };
    }
    return uncovered;
  }
}

/** A part of a source, in UTF-16 units from its beginning. */
type Range = readonly [from: number, to: number];

/**
 * What never ran of one file. The engine may say nothing at all of a function that nobody called: whatever stands in neither list did not run
 * if it is in such a function, and ran otherwise.
 */
export interface FileUncovered {
  /** The functions that were called, those within others as well. */
  readonly called: readonly Range[];
  /** What never ran, none within another. */
  readonly ranges: readonly Range[];
}

/** By the name of the file. */
export type Uncovered = Readonly<Record<string, FileUncovered>>;

/** What ran in neither of two. */
export function inNeither(a: Uncovered, b: Uncovered): Uncovered {
  return Object.fromEntries(
    Object.entries(a).map(([file, one]) => {
      const other = b[file]!;
      const notInOne = other.called.filter((range) => !includes(one.called, range));
      const notInOther = one.called.filter((range) => !includes(other.called, range));
      const otherRanges = outermost([...other.ranges, ...notInOther]);
      const ranges = outermost([...one.ranges, ...notInOne]).flatMap(([from, to]) =>
        otherRanges
          .map(([otherFrom, otherTo]) => [Math.max(from, otherFrom), Math.min(to, otherTo)] as const)
          .filter(([begin, end]) => begin < end),
      );
      return [file, { called: [...one.called, ...notInOne], ranges }];
    }),
  );
}

function rangeOf({ startOffset, endOffset }: Profiler.CoverageRange): Range {
  return [startOffset, endOffset];
}

function includes(ranges: readonly Range[], [from, to]: Range): boolean {
  return ranges.some((one) => one[0] === from && one[1] === to);
}

/** Those that are within no other, in the order of the source. */
function outermost(ranges: readonly Range[]): Range[] {
  const outer: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a[0] - b[0] || b[1] - a[1])) {
    const before = outer.at(-1);
    if (before === undefined || range[1] > before[1]) outer.push(range);
  }
  return outer;
}

/** The branches that never ran, and how many functions were looked at. */
export function missedOf(uncovered: Uncovered): { readonly functions: number; readonly missed: Missed[] } {
  const missed: Missed[] = [];
  let functions = 0;
  for (const [file, { called, ranges }] of Object.entries(uncovered)) {
    // Types are blanked out and not cut out, so places are those of the source.
    const source = readFileSync(new URL(`../../..${sourceOf(file)}`, import.meta.url), 'utf8');
    for (const { 1: name, index } of source.matchAll(/(?<=^(?:export )?)function (\w+)\(/gm)) {
      functions++;
      if (!called.some(([from]) => from === index))
        missed.push({ file, line: source.slice(0, index).split('\n').length, text: `function ${name}` });
    }
    for (const [from, to] of ranges) {
      const text = source.slice(from, to).replaceAll(/\s+/g, ' ').trim();
      // What is left of a function behind its last `return` or `default` is its brace.
      if (/^[}\s;]*$/.test(text) || /^(export )?function /.test(text)) continue;
      const line = source.slice(0, from).split('\n').length;
      // `return;` alone says nothing.
      missed.push({ file, line, text: text.length < 20 ? source.split('\n')[line - 1]!.trim() : text });
    }
  }
  return { functions, missed };
}

function sourceOf(file: string): string {
  return `/libs/raft/src/${file}`;
}
