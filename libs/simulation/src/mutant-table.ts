import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { importMutant } from './mutating.ts';
import { mutants } from './mutants.ts';
import type { Part } from './parts.ts';

/** What became of a planted bug. */
export interface Found {
  readonly name: string;
  /** The first seed, counted from 1, whose run breaks a rule; null: none did. */
  readonly seed: number | null;
  /** The rule that it breaks. */
  readonly rule: string;
}

const recordedFile = fileURLToPath(new URL('../mutants-found.json', import.meta.url));
const pageFile = fileURLToPath(new URL('../../../docs/simulator.md', import.meta.url));
const beginMark = '<!-- the table of mutants: written by `npm run simulate -- --mutants --write` -->\n';
const endMark = '<!-- the end of the table -->';

/** What the last `--write` found. */
export function recordedIn(): Found[] {
  return JSON.parse(readFileSync(recordedFile, 'utf8')) as Found[];
}

export interface FindOptions {
  /** Only those whose name holds this text. Defaults to all. */
  readonly name?: string;
  /** Which of these. Defaults to all. */
  readonly part?: Part;
  /** Where to begin with each; null: with seed 1. */
  readonly recorded: readonly Found[] | null;
  readonly seedsMax: number;
  /** Also makes each failed run smaller. */
  readonly shrinks: boolean;
  readonly tell: (text: string) => void;
}

/** Plants one bug after another, and runs seeds until it shows. */
export async function findMutants({ name, part, recorded, seedsMax, shrinks, tell }: FindOptions): Promise<Found[]> {
  const found: Found[] = [];
  const asked = mutants.filter((mutant) => name === undefined || mutant.name.includes(name));
  for (const [at, mutant] of asked.entries()) {
    if (part !== undefined && at % part.count !== part.at) continue;
    const firstSeed = recorded?.find((one) => one.name === mutant.name)?.seed ?? 1;
    const { runSeeds, shrink, flagsOf } = await importMutant(mutant);
    const { failed } = runSeeds({ firstSeed, goesOn: (runs) => firstSeed + runs <= seedsMax });
    const one = { name: mutant.name, seed: failed?.seed ?? null, rule: failed?.violation?.rule ?? '' };
    tell(`${one.seed === null ? 'NOT FOUND' : `seed ${one.seed}`}: ${mutant.name}${one.seed === null ? '' : ` (${one.rule})`}`);
    if (shrinks && failed !== null) {
      const { smaller, run, tries } = shrink(failed);
      tell(`  shrunk by ${tries} runs from ${failed.events} events to ${run.events}: --seed ${failed.seed}${flagsOf(smaller)}`);
    }
    found.push(one);
  }
  return found;
}

/** In the order in which they are planted. */
export function inOrder(found: readonly Found[]): Found[] {
  const place = ({ name }: Found): number => mutants.findIndex((mutant) => mutant.name === name);
  return found.toSorted((a, b) => place(a) - place(b));
}

/** A table for docs/simulator.md, as prettier writes it. */
export function tableOf(found: readonly Found[]): string {
  const rows = found.map(({ name, seed, rule }) => {
    const item = mutants.find((mutant) => mutant.name === name)?.item ?? '';
    return [item, name, seed === null ? 'not found' : String(seed), rule];
  });
  const table = [['', 'planted bug', 'seeds', 'the rule that it breaks'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(3, ...table.map((row) => row[column]!.length)));
  const lines = table.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
  return `${[lines[0], `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...lines.slice(1)].join('\n')}\n`;
}

/** The table as the page has it. */
export function tableInPage(): string {
  const page = readFileSync(pageFile, 'utf8');
  return page.slice(page.indexOf(beginMark) + beginMark.length, page.indexOf(endMark)).trim();
}

/** Keeps what was found, and the table of it in the page. */
export function writeRecorded(found: readonly Found[]): void {
  // As prettier writes it.
  writeFileSync(recordedFile, `${JSON.stringify(found, null, 2)}\n`);
  const page = readFileSync(pageFile, 'utf8');
  const begin = page.indexOf(beginMark) + beginMark.length;
  writeFileSync(pageFile, `${page.slice(0, begin)}\n${tableOf(found)}\n${page.slice(page.indexOf(endMark))}`);
}
