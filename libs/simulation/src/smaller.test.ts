import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { pageOf } from './page.ts';
import { Recorder } from './recording.ts';
import { readProgress, sourcesDigest, writeProgress } from './resume.ts';
import { simulate } from './simulate.ts';
import { asDrawn, flagsOf, optionsOf } from './smaller.ts';

/** The faults of a run, as its trace tells them. */
function faultsOf(keepsFault: (number: number) => boolean): string[] {
  const trace: string[] = [];
  simulate({ seed: 7, keepsFault, trace: (text) => trace.push(text) });
  return trace.filter((text) => /^ *[\d.]+ fault \d+: /.test(text));
}

test('a run is made smaller by what is asked, and its flags say it', () => {
  const smaller = { ...asDrawn, members: 2, clients: 1, faultsMs: 500, faults: [1, 3], calm: true, deathless: true };
  const run = simulate({ seed: 7, ...optionsOf(smaller) });
  expect(run.settings.memberCount).toBe(2);
  expect(run.faultNumbers.every((number) => number === 1 || number === 3)).toBe(true);
  expect(run.network.lost).toBe(0);
  expect([...run.deaths.values()].every((count) => count === 0)).toBe(true);
  expect(flagsOf(smaller)).toBe(' --members 2 --clients 1 --faults-ms 500 --faults 1,3 --calm --deathless');
});

test('to leave out a fault changes no other', () => {
  const all = faultsOf(() => true);
  expect(faultsOf((number) => number !== 2)).toEqual(all.filter((text) => !text.includes('fault 2: ')));
});

test('a page holds its run and asks nothing of anybody', () => {
  const recorder = new Recorder();
  const run = simulate({ seed: 7, recorder, ...optionsOf({ ...asDrawn, faultsMs: 1000 }) });
  const page = pageOf(run, recorder);
  const data = /const run = (.*);\n/.exec(page)?.[1] ?? '';
  const parsed = JSON.parse(data) as {
    readonly seed: number;
    readonly members: readonly unknown[];
    readonly messages: readonly unknown[];
  };
  expect(parsed.seed).toBe(7);
  expect(parsed.members).toHaveLength(run.settings.memberCount);
  expect(parsed.messages.length).toBeGreaterThan(100);
  expect(page).not.toMatch(/https?:|src=|href=|url\(|fetch\(|import /);
});

test('a run of seeds goes on where it stopped, unless the sources or its first seed are others', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simulation-'));
  try {
    const file = join(folder, 'progress', 'from-5.json');
    const sources = sourcesDigest();
    expect(readProgress(file, sources, 5)).toBeNull();
    const progress = { sources, firstSeed: 5, nextSeed: 25, runs: 20, events: 1000, virtualMs: 2000, seconds: 3 };
    writeProgress(file, progress);
    expect(readProgress(file, sources, 5)).toEqual(progress);
    expect(readProgress(file, sources, 6)).toBeNull();
    expect(readProgress(file, 'other sources', 5)).toBeNull();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
