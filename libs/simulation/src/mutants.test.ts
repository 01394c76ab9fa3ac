import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, test } from '@jest/globals';

import { recordedIn, tableInPage, tableOf } from './mutant-table.ts';
import { mutants } from './mutants.ts';

test('at least 25 bugs are planted, and the page tells of each within how many seeds it is found', () => {
  const recorded = recordedIn();
  expect(recorded.length).toBeGreaterThanOrEqual(25);
  expect(recorded.map(({ name }) => name)).toEqual(mutants.map(({ name }) => name));
  expect(recorded.filter(({ seed }) => seed === null)).toEqual([]);
  expect(tableInPage()).toBe(tableOf(recorded).trim());
});

/** Ends with 1 when one is not found, and that rejects with what it printed. */
async function plant(...args: readonly string[]): Promise<string> {
  const flags = ['--conditions=@env-cli/source', '--disable-warning=ExperimentalWarning'];
  const all = [...flags, 'libs/simulation/src/main.ts', '--mutants', '--recorded', ...args];
  return (await promisify(execFile)(process.execPath, all)).stdout;
}

test('a run that broke a rule is made smaller, and breaks the same rule still', async () => {
  const stdout = await plant('--name', 'a follower takes the answer', '--shrink');
  const [, before, after, faults] = /from (\d+) events to (\d+): --seed \d+ .*--faults (\S+)/.exec(stdout) ?? [];
  expect(Number(after)).toBeGreaterThan(0);
  expect(Number(after)).toBeLessThanOrEqual(Number(before));
  // Nobody reads a run with all the faults that were drawn.
  expect(faults!.split(',').length).toBeLessThan(5);
}, 300_000);

test('each planted bug is found', async () => {
  const stdout = await plant();
  expect(
    stdout
      .trim()
      .split('\n')
      .filter((line) => /^seed \d+: /.test(line)),
  ).toHaveLength(mutants.length);
}, 300_000);
