import { expect, test } from '@jest/globals';

import { Child } from './testing/child.ts';
import { differenceAfter, openTestState } from './testing/fixture.ts';
import { temporaryDirectory } from './testing/temporary.ts';

const writer = new URL('testing/writer.worker.ts', import.meta.url);

test('a process that is killed at any moment, again and again, leaves a state that opens at or after the checkpoint that it told of', async () => {
  const directory = temporaryDirectory();
  let told = 0;
  for (const lines of [1, 40, 90, 7, 130]) {
    const child = new Child(writer, [directory]);
    let applied = 0;
    for (let i = 0; i < lines; i++) {
      const [what, index] = (await child.line())!.split(' ');
      if (what === 'checkpointed') told = Number(index);
      if (what === 'applied') applied = Number(index);
    }
    await child.kill();
    // What it said after the last line that was read counts as well.
    for (let line = await child.line(); line !== null; line = await child.line()) {
      if (line.startsWith('checkpointed')) told = Number(line.split(' ')[1]);
    }

    const store = await openTestState(directory);
    expect(store.opened.appliedIndex).toBeGreaterThanOrEqual(told);
    expect(applied === 0 || store.recovered).toBe(true);
    expect(store.snapshot((tables) => differenceAfter(tables, store.opened.appliedIndex))).toBeNull();
    await store.abandon();
  }
  expect(told).toBeGreaterThan(0);
}, 20_000);

test('a disk that takes no more ends the store within a transaction, and what the checkpoint holds comes back', async () => {
  const directory = temporaryDirectory();
  await (await openTestState(directory)).stop();
  // Files of at most 1 MiB: LMDB's write fails in the middle of a commit, as on a full disk (a short write, which LMDB calls EIO).
  const child = new Child(writer, [directory], `trap '' XFSZ; ulimit -f 1024; exec "$@"`);
  const said: string[] = [];
  for (let line = await child.line(); line !== null; line = await child.line()) said.push(line);
  expect(said).toContain('failed io-error');
  expect(said.at(-1)).toMatch(
    /^stopped StoreFailed: A transaction failed at .*data\.mdb: Input\/output error\. The member stops/,
  );
  const told = said.filter((line) => line.startsWith('checkpointed')).at(-1) ?? 'checkpointed 0';

  const store = await openTestState(directory);
  expect(`checkpointed ${store.opened.appliedIndex}`).toBe(told);
  expect(store.snapshot((tables) => differenceAfter(tables, store.opened.appliedIndex))).toBeNull();
  await store.abandon();
}, 20_000);
