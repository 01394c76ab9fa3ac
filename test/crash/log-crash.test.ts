import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Disk, writeImage } from './image.ts';
import { whatHolds } from './log-held.ts';
import { logStory } from './log-story.ts';
import { Random } from './random.ts';
import { buildRecorder, describeRecorded, recorded } from './recorder.ts';
import { Scratch } from './scratch.ts';
import { readTrace, type TraceRecord } from './trace.ts';

const requestsEach = 400;
const imagesEach = 60;

describeRecorded('a log that lost its power anywhere holds all that was acknowledged, and nothing that was not asked', () => {
  const scratch = new Scratch();
  let library: string;
  beforeAll(() => {
    library = buildRecorder(scratch.inside('recorder'));
  });
  afterAll(() => scratch[Symbol.dispose]());

  test.each([1, 2, 3, 4, 5])('seed %i', async (seed) => {
    expect(await wrongImages(seed, record(seed))).toEqual([]);
  });

  test('control: a disk that forgets what was synced is found out', async () => {
    const trace = record(6);
    const directories = new Set(trace.map((one) => (one.kind === 'open' && one.directory ? one.inode : 0)));
    const opened = trace.findIndex(({ kind }) => kind === 'mark');
    const without = (forgotten: (inode: number) => boolean) =>
      trace.filter((one, at) => at < opened || one.kind !== 'syncEnd' || !forgotten(one.inode));
    expect(
      await wrongImages(
        6,
        without((inode) => !directories.has(inode)),
      ),
    ).not.toEqual([]);
    expect(
      await wrongImages(
        6,
        without((inode) => directories.has(inode)),
      ),
    ).not.toEqual([]);
  });

  /** Runs the child and answers what it did. */
  function record(seed: number): TraceRecord[] {
    const root = scratch.inside(`root-${seed}`);
    mkdirSync(root);
    const recording = { root, trace: scratch.inside(`${seed}.trace`), marks: scratch.inside(`${seed}.marks`), syncMicros: 200 };
    const child = join(import.meta.dirname, 'log-child.ts');
    const args = ['--conditions=@env-cli/source', child, root, recording.marks, String(seed), String(requestsEach)];
    const { status, stderr } = spawnSync(process.execPath, args, {
      env: recorded(library, recording),
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (status !== 0) throw new Error(`the child ended with ${status}: ${stderr}`);
    return readTrace(recording.trace, root);
  }

  /** Opens images of crashes all over a trace; answers what is wrong with those that are wrong. */
  async function wrongImages(seed: number, trace: readonly TraceRecord[]): Promise<string[]> {
    const { models } = logStory(seed, requestsEach);
    const random = new Random(seed);
    const opened = trace.findIndex(({ kind }) => kind === 'mark');
    const points = new Set(Array.from({ length: imagesEach }, () => opened + random.below(trace.length - opened)));
    const disk = new Disk();
    let asked = 0;
    let stored = 0;
    const wrong: string[] = [];
    for (const [at, one] of trace.entries()) {
      disk.play(one);
      if (one.kind === 'mark') {
        const [what, number] = one.text.split(' ');
        if (what === 'asked') asked = Number(number);
        if (what === 'stored') stored = Number(number);
      }
      if (!points.has(at)) continue;
      const image = scratch.inside(`image-${seed}`);
      writeImage(disk.crash(random), image);
      const found = await whatHolds(image, models, { stored, asked });
      if (found !== null) wrong.push(`crash after record ${at}, ${stored} of ${asked} requests stored: ${found}`);
      rmSync(image, { recursive: true });
    }
    return wrong;
  }
});
