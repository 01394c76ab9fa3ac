import { rmSync } from 'node:fs';

import { afterEach, describe, expect, test } from '@jest/globals';

import { CrashingDisk } from './testing/crashing-disk.ts';
import { FileWorld } from './testing/file-world.ts';

const worlds: FileWorld[] = [];

function newWorld(format: 'dotenv' | 'json' = 'dotenv'): FileWorld {
  const world = new FileWorld(format);
  worlds.push(world);
  return world;
}

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

describe.each(['dotenv', 'json'] as const)('a folder of %s files', (format) => {
  test('follows what is committed, empty values and empty environments included', async () => {
    const world = newWorld(format);
    world.define({ deleteShareMaxPercent: 100 });
    world.cluster.write('payments/prod', { URL: 'postgres://x?y=z#1', EMPTY: '', LINES: 'a\nb', UNICODE: 'ž🚀' });
    world.cluster.write('payments', { A: '1' });
    world.cluster.write('none', {});
    await world.lead();
    await world.settled();
    expect(world.environments()).toEqual(world.wanted());
    world.cluster.write('payments/prod', { URL: 'changed' });
    world.cluster.remove('payments');
    await world.settled();
    expect(world.environments()).toEqual({ none: {}, 'payments/prod': { URL: 'changed' } });
  });

  test('keeps a foreign file through every operation', async () => {
    const world = newWorld(format);
    const extension = format === 'dotenv' ? '.env' : '.json';
    const theirs = { [`prod${extension}`]: 'theirs', [`a/other${extension}`]: 'theirs', 'a/note.txt': 'theirs' };
    for (const [file, text] of Object.entries(theirs)) world.meddle(file, text);
    world.define({ deleteShareMaxPercent: 100 });
    const { events } = await world.lead();
    world.cluster.write('prod', { A: '1' });
    world.cluster.write('a/ours', { A: '1' });
    await world.settled();
    world.cluster.write('prod', { A: '2' });
    world.cluster.remove('a/ours');
    await world.settled();
    world.cluster.remove('prod');
    await world.settled();
    await world.pass(700_000);
    expect(world.files()).toEqual(theirs);
    const refused = events.filter(({ environment, outcome }) => environment === 'prod' && outcome === 'failed');
    expect(refused.map(({ status }) => status.state)).toEqual(['BLOCKED_BY_POLICY', 'BLOCKED_BY_POLICY']);
  });
});

test('a foreign file that is moved away makes room by itself', async () => {
  const world = newWorld();
  world.meddle('prod.env', 'THEIRS=1\n');
  world.define();
  world.cluster.write('prod', { A: '1' });
  await world.lead();
  await world.settled();
  rmSync(`${world.directory}/prod.env`);
  await world.until(() => world.cluster.heldOf(1).every(({ failed }) => !failed));
  expect(world.environments()).toEqual(world.wanted());
});

test('a source error deletes nothing', async () => {
  const world = newWorld();
  world.define({ deleteShareMaxPercent: 100 });
  world.cluster.write('prod', { A: '1' });
  await world.lead();
  await world.settled();
  const before = world.files();
  world.cluster.unreadable.set('prod', { problem: 'a reference leads nowhere', refusals: [] });
  world.cluster.write('prod', {});
  await world.settled();
  await world.pass(1_500_000);
  expect(world.files()).toEqual(before);
});

describe('a variable that the format cannot hold', () => {
  const unholdable = `it's "s3cret"`;

  test('keeps the value that the file had, the others are delivered, and the status names it alone', async () => {
    const world = newWorld();
    world.define();
    world.cluster.write('prod', { A: 'old', B: 'of before' });
    const { worker } = await world.lead();
    await world.settled();
    world.cluster.write('prod', { A: 'new', B: unholdable, 'C.D': 's3cret' });
    await world.settled();
    expect(world.environments()).toEqual({ prod: { A: 'new', B: 'of before' } });
    // Whoever reads the file is told, too.
    expect(world.files()['prod.env']).toContain('But not, for no such file can hold their values: B, C.D.\n');
    const status = worker.status(1, 'prod', null)?.status;
    expect(status).toMatchObject({
      state: 'BLOCKED_BY_POLICY',
      others: { state: 'SYNCED' },
      variables: [
        {
          variable: 'B',
          state: 'BLOCKED_BY_POLICY',
          reason: expect.stringMatching(/quotes.*; the file keeps the value that it had$/),
        },
        { variable: 'C.D', state: 'BLOCKED_BY_POLICY', reason: expect.stringMatching(/the file does not hold the variable$/) },
      ],
    });
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: true }]);
    expect(JSON.stringify([status, world.cluster.reports, world.files()['prod.env']])).not.toContain('s3cret');

    // It changes nothing when it is looked at again, and all of it is there once it can be.
    const before = world.files()['prod.env'];
    await world.pass(700_000);
    expect(world.files()['prod.env']).toBe(before);
    world.cluster.write('prod', { A: 'new', B: 'fine', C: '1' });
    await world.settled();
    expect(world.environments()).toEqual(world.wanted());
    expect(worker.status(1, 'prod', null)).toBeNull();
  });

  test('is taken from nowhere else: a new file goes without it, and one that somebody edited hands nothing on', async () => {
    const world = newWorld();
    world.define();
    world.cluster.write('fresh', { A: '1', B: unholdable });
    world.cluster.write('prod', { A: '1', B: 'ours' });
    await world.lead();
    await world.settled();
    expect(world.environments()['fresh']).toEqual({ A: '1' });
    world.meddle('prod.env', `A='1'\nB='theirs'\n`);
    world.cluster.write('prod', { A: '2', B: unholdable });
    await world.settled();
    expect(world.environments()['prod']).toEqual({ A: '2' });
  });

  test('is not imported from a file that somebody edited: what stands there may be its value of before', async () => {
    const world = newWorld();
    world.define({ onDrift: 'import' });
    world.cluster.write('prod', { A: '1', B: 'of before' });
    const { worker } = await world.lead();
    await world.settled();
    world.meddle('prod.env', `A='theirs'\nB='of before'\n`);
    world.cluster.write('prod', { A: '1', B: unholdable });
    await world.settled();
    expect(world.cluster.selected(1).get('prod')).toEqual({ A: 'theirs', B: unholdable });
    expect(world.environments()['prod']).toEqual({ A: 'theirs' });
    expect(worker.status(1, 'prod', null)?.status.variables).toMatchObject([{ variable: 'B', state: 'BLOCKED_BY_POLICY' }]);
  });

  test('is shown by a dry run, which changes nothing', async () => {
    const world = newWorld();
    world.define();
    world.cluster.write('prod', { A: '1', B: 'b' });
    const { worker } = await world.lead();
    await world.settled();
    const before = world.files();
    world.define({ paused: true });
    world.cluster.write('prod', { A: '2', B: unholdable });
    await world.pass(1_000);
    const [planned] = await worker.plan(1, ['prod']);
    expect(planned).toMatchObject({
      items: [{ key: 'prod.env', action: 'update', step: 'write', note: expect.stringContaining('B: the value holds') }],
    });
    expect(world.files()).toEqual(before);
  });
});

test('names that collide in a file system are refused, the second of them, and the others go on', async () => {
  const world = newWorld();
  world.define();
  const { worker } = await world.lead();
  world.cluster.write('a', { A: '1' });
  await world.settled();
  // Its folder would have to stand where the first one's file is.
  world.cluster.write('a.env/b', { B: '1' });
  world.cluster.write('a/b', { C: '1' });
  await world.settled();
  expect(new Set(Object.keys(world.files()))).toEqual(new Set(['a.env', 'a/b.env']));
  expect(worker.status(1, 'a.env/b', null)?.status).toMatchObject({
    state: 'TARGET_ERROR',
    reason: expect.stringContaining('a folder is needed'),
  });
});

test('an unchanged revision makes no write call', async () => {
  const world = newWorld();
  world.define();
  world.cluster.write('prod', { A: '1' });
  const machine = new CrashingDisk();
  await world.leadOn(machine);
  await world.settled();
  const before = machine.done.length;
  world.cluster.write('prod', { A: '1' });
  await world.settled();
  await world.pass(1_500_000);
  expect(machine.done.slice(before)).toEqual([]);
});

test('a burst with a kill in the middle is finished by the next leader, each file written once', async () => {
  const world = newWorld();
  world.define();
  for (let i = 0; i < 44; i++) world.cluster.write(`e${i}`, { A: `${i}` });
  const first = new CrashingDisk(150);
  await world.leadOn(first);
  await world.until(() => first.crashed);
  const second = new CrashingDisk();
  await world.leadOn(second);
  await world.settled();
  expect(world.environments()).toEqual(world.wanted());
  const named = [...first.done, ...second.done].filter((step) => /^(link|rename) .*\.env$/.test(step));
  expect(named.map((step) => step.split(' ')[2])).toHaveLength(new Set(named.map((step) => step.split(' ')[2])).size);
  expect(named).toHaveLength(44);
});

test('most of a mirror does not vanish at once without a word', async () => {
  const world = newWorld();
  world.define();
  for (let i = 0; i < 6; i++) world.cluster.write(`e${i}`, { A: '1' });
  const { alarms } = await world.lead();
  await world.settled();
  world.define({ prefix: 'e5' });
  await world.pass(3_000_000);
  expect(Object.keys(world.files())).toHaveLength(6);
  expect(alarms[0]).toContain('5 of 6 keys');
  world.define({ prefix: 'e5', deleteShareMaxPercent: 100 });
  await world.settled();
  expect(Object.keys(world.files())).toEqual(['e5.env']);
});

test('what was edited is written again, or reported and left, as the mirror says', async () => {
  const overwriting = newWorld();
  const reporting = newWorld();
  for (const [world, onDrift] of [
    [overwriting, 'overwrite'],
    [reporting, 'report'],
  ] as const) {
    world.define({ onDrift });
    world.cluster.write('prod', { A: '1' });
    await world.lead();
    await world.settled();
    world.meddle('prod.env', 'A=edited\n');
    await world.pass(1_500_000);
  }
  expect(overwriting.environments()).toEqual({ prod: { A: '1' } });
  expect(reporting.environments()).toEqual({ prod: { A: 'edited' } });
  expect(reporting.cluster.heldOf(1)).toMatchObject([{ failed: true }]);
});

test('a leader on another machine fills its own folder, and withdraws what it missed', async () => {
  const world = newWorld();
  world.define();
  world.cluster.write('kept', { A: '1' });
  world.cluster.write('gone', { A: '1' });
  const first = await world.lead();
  await world.settled();
  first.kill();
  // As this folder stood when another machine began to lead: `gone` is there, `kept` and the cluster's word of `gone` are not.
  rmSync(`${world.directory}/kept.env`);
  rmSync(`${world.directory}/.env-cli-manifest/kept.env.stamp`);
  world.cluster.forget(1, 'gone');
  await world.lead();
  await world.pass(20_000);
  expect(world.environments()).toEqual({ kept: { A: '1' } });
});

test('a dry run names every key and changes nothing', async () => {
  const world = newWorld();
  world.meddle('theirs.env', 'X=1\n');
  world.define();
  world.cluster.write('prod', { A: 's3cret' });
  world.cluster.write('theirs', { A: 's3cret' });
  const machine = new CrashingDisk();
  const { worker } = await world.leadOn(machine);
  await world.settled();
  world.define({ paused: true });
  await world.pass(1_000);
  world.cluster.write('prod', { A: 's3cret 2' });
  world.cluster.write('new', { A: 's3cret 3' });
  const before = machine.done.length;
  const planned = await worker.plan(1, ['new', 'prod', 'theirs']);
  expect(planned.flatMap(({ items }) => items.map(({ key, action, step }) => [key, action, step]))).toEqual([
    ['new.env', 'create', 'write'],
    ['prod.env', 'update', 'write'],
    ['theirs.env', 'foreign', null],
  ]);
  expect(machine.done).toHaveLength(before);
  expect(JSON.stringify(planned)).not.toContain('s3cret');
});
