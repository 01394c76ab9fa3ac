import { afterEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { turn } from '@env-cli/outbox';

import { CrashingDisk } from './testing/crashing-disk.ts';
import { FileWorld } from './testing/file-world.ts';

const worlds: FileWorld[] = [];

function newWorld(): FileWorld {
  const world = new FileWorld();
  worlds.push(world);
  return world;
}

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

/** How a story goes on after a crash. */
interface Story {
  readonly title: string;
  /** Everything before the crash. */
  readonly before: (world: FileWorld) => void;
  /** What is under way when it comes. */
  readonly during: (world: FileWorld) => void;
}

const stories: readonly Story[] = [
  { title: 'a first delivery', before: () => {}, during: (world) => world.cluster.write('a/b', { A: '1' }) },
  {
    title: 'a change',
    before: (world) => world.cluster.write('a/b', { A: '1' }),
    during: (world) => world.cluster.write('a/b', { A: '2' }),
  },
  {
    title: 'a withdrawal',
    before: (world) => world.cluster.write('a/b', { A: '1' }),
    during: (world) => world.cluster.remove('a/b'),
  },
];

/** Runs a story to its crash before the n-th change of the disk, and says whether it came to it. */
async function crashIn(world: FileWorld, story: Story, changes: number): Promise<boolean> {
  world.define({ deleteShareMaxPercent: 100, onDrift: 'report' });
  story.before(world);
  const first = await world.lead();
  await world.settled();
  first.worker.leadership(null);
  const disk = new CrashingDisk(changes);
  const second = await world.leadOn(disk);
  story.during(world);
  await world.until(() => disk.crashed || world.cluster.dueOf(1).length === 0);
  second.kill();
  return disk.crashed;
}

describe.each(stories)('a crash before any step of $title', (story) => {
  test('is finished by the next leader, and nothing is left over', async () => {
    let crashes = 0;
    for (let changes = 0, crashed = true; crashed; changes++) {
      const world = newWorld();
      crashed = await crashIn(world, story, changes);
      if (crashed) crashes++;
      const next = await world.lead();
      await world.settled();
      await world.pass(20_000);
      expect(world.environments()).toEqual(world.wanted());
      expect(world.cluster.heldOf(1).every(({ failed }) => !failed)).toBe(true);
      const stamps = world.manifest().filter((name) => name.endsWith('.stamp'));
      expect(stamps).toEqual(world.cluster.selected(1).size === 0 ? [] : ['a+b.env.stamp']);
      expect(world.manifest().filter((name) => name.endsWith('.tmp'))).toEqual([]);
      // One more look costs no write.
      const disk = new CrashingDisk();
      next.kill();
      await world.leadOn(disk);
      await world.pass(20_000);
      expect(disk.done).toEqual([]);
    }
    expect(crashes).toBeGreaterThan(3);
  });

  test('and a stranger who takes the place in between: what is theirs stays', async () => {
    for (let changes = 0, crashed = true; crashed; changes++) {
      const world = newWorld();
      crashed = await crashIn(world, story, changes);
      if (!crashed) break;
      const landed = 'a/b.env' in world.files();
      if (landed) continue;
      world.meddle('a/b.env', 'THEIRS=1\n');
      await world.lead();
      await world.settled();
      await world.pass(700_000);
      expect(world.files()).toEqual({ 'a/b.env': 'THEIRS=1\n' });
    }
  });
});

test('a leader that is paused before any step, deposed, and goes on late: the folder comes to hold the newest', async () => {
  for (let changes = 0, paused = true; paused; changes++) {
    const world = newWorld();
    world.define({ onDrift: 'report' });
    world.cluster.write('a/b', { A: 'first' });
    const first = await world.lead();
    await world.settled();
    first.kill();
    const rest = Promise.withResolvers<void>();
    const machine = new CrashingDisk(changes, rest.promise);
    const old = world.start(machine.disk);
    machine.onCrash = old.cut;
    await world.takeOver(old);
    world.cluster.write('a/b', { A: 'older' });
    await world.host.until(
      () => machine.crashed || world.cluster.dueOf(1).length === 0,
      () => turn(),
    );
    paused = machine.crashed;
    await world.lead();
    world.cluster.write('a/b', { A: 'newest' });
    await world.until(() => world.environments()['a/b']?.['A'] === 'newest');
    rest.resolve();
    await world.host.until(
      () => old.worker.figures().deliveriesInFlight === 0,
      () => turn(),
    );
    await world.pass(20_000);
    expect(world.environments()).toEqual({ 'a/b': { A: 'newest' } });
    expect(world.cluster.heldOf(1).filter(({ failed }) => failed)).toEqual([]);
  }
});

/** What may happen to a folder, its mirror and its members. */
type Happening =
  | { readonly kind: 'write'; readonly environment: string; readonly value: string }
  | { readonly kind: 'remove'; readonly environment: string }
  | { readonly kind: 'foreign'; readonly file: string }
  | { readonly kind: 'edit'; readonly environment: string }
  | { readonly kind: 'crash'; readonly changes: number }
  | { readonly kind: 'depose' }
  | { readonly kind: 'pass'; readonly ms: number };

const environments = ['a', 'a/b', 'a/c', 'b'];
const foreignFiles = ['note.txt', 'a/note.env', 'c.env', 'b.json'];

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      environment: fc.constantFrom(...environments),
      value: fc.string(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), environment: fc.constantFrom(...environments) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('foreign' as const), file: fc.constantFrom(...foreignFiles) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('edit' as const), environment: fc.constantFrom(...environments) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), changes: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'depose' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 1_000, 10_000, 700_000) }) },
);

describe('whatever happens', () => {
  test('the folder comes to equal what is committed, and no foreign file is ever touched', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 25 }), async (happenings) => {
        const world = newWorld();
        world.define({ deleteShareMaxPercent: 100 });
        const theirs: Record<string, string> = {};
        let leader = await world.lead();
        for (const [i, happens] of happenings.entries()) {
          switch (happens.kind) {
            case 'write':
              world.cluster.write(happens.environment, { V: happens.value.replaceAll(/['\\\r\0]/g, '') });
              break;
            case 'remove':
              world.cluster.remove(happens.environment);
              break;
            case 'foreign':
              theirs[happens.file] = `FOREIGN=${i}\n`;
              world.meddle(happens.file, `FOREIGN=${i}\n`);
              break;
            case 'edit':
              // Only what is known to have been delivered: anything else would be a foreign file in the place of ours.
              if (world.cluster.heldOf(1).some(({ environment }) => environment === happens.environment))
                world.meddle(`${happens.environment}.env`, `EDITED=${i}\n`);
              break;
            case 'crash': {
              leader.kill();
              const doomed = await world.leadOn(new CrashingDisk(happens.changes));
              await world.pass(2_000);
              doomed.kill();
              leader = await world.lead();
              break;
            }
            case 'depose':
              // It does not know, and goes on with what it has.
              leader.cut();
              leader = await world.lead();
              break;
            case 'pass':
              await world.pass(happens.ms);
              break;
          }
        }
        await world.settled();
        // A scan finds what was edited, a look back what came late.
        await world.pass(1_500_000);
        await world.settled();
        const { ['c.env']: _theirs, ['a/note.env']: _note, ...mirrored } = world.files();
        expect(world.files()).toMatchObject(theirs);
        const ours = Object.keys(mirrored)
          .filter((file) => file.endsWith('.env'))
          .toSorted();
        expect(ours).toEqual(
          Object.keys(world.wanted())
            .map((environment) => `${environment}.env`)
            .toSorted(),
        );
        expect(world.environments()).toMatchObject(world.wanted());
      }),
      { numRuns: 15 },
    );
  }, 60_000);
});
