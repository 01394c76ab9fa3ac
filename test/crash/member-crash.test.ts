import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Acknowledged, type Promises } from './acknowledged.ts';
import { Disk, readImage, writeImage } from './image.ts';
import { Random } from './random.ts';
import { buildRecorder, describeRecorded, recorded } from './recorder.ts';
import { Scratch } from './scratch.ts';
import { Starter } from './starter.ts';
import type { Way } from './state-under-test.ts';
import { readTrace, type TraceRecord } from './trace.ts';

/** A member that was cut off from its power at one point, and what it had promised by then. */
interface Crash {
  readonly name: string;
  readonly path: string;
  readonly promises: Promises;
}

interface Load {
  readonly way: Way;
  readonly seed: number;
  readonly images: number;
  /** Of so many of them the start is recorded, and cut off once more. */
  readonly again: number;
}

const writesEach = 300;

/** So many say enough: a state that is broken may take its time to show it. */
const wrongMax = 8;

describeRecorded('log, state and checkpoint together survive a power loss at any moment', () => {
  const scratch = new Scratch();
  let library: string;
  beforeAll(() => {
    library = buildRecorder(scratch.inside('recorder'));
  });
  afterAll(() => scratch[Symbol.dispose]());

  test.each([1, 2, 3, 4, 5])(
    'nothing that was acknowledged is lost and every state opens, seed %i',
    async (seed) => {
      const { wrong, first, second } = await cutOff({ way: 'checkpoint', seed, images: 110, again: 20 });
      expect(wrong).toEqual([]);
      expect({ first, second }).toEqual({ first: 110, second: 20 });
    },
    120_000,
  );

  test('control: LMDB that syncs every commit survives too', async () => {
    const { wrong } = await cutOff({ way: 'full-sync', seed: 11, images: 60, again: 0 });
    expect(wrong).toEqual([]);
  }, 120_000);

  test('control: LMDB without syncs, synced now and then, is found out', async () => {
    const { wrong } = await cutOff({ way: 'plain-sync', seed: 12, images: 60, again: 0 });
    expect(wrong.length).toBeGreaterThan(5);
  }, 120_000);

  /** Runs a member under load, cuts it off at many points and starts it from what is left. */
  async function cutOff({ way, seed, images, again }: Load): Promise<{ wrong: string[]; first: number; second: number }> {
    const { root, trace } = recordLoad(way, seed);
    const random = new Random(seed);
    const from = way === 'checkpoint' ? 0 : trace.findIndex((one) => one.kind === 'mark' && one.text === 'ready');
    const points = Array.from({ length: images }, () => from + random.below(trace.length - from));
    const twice = new Set(Array.from({ length: again }, (_, i) => Math.floor((i * images) / again)));
    const onceMore: Crash[] = [];
    await using starts = new Starts(way);
    let first = 0;
    const acknowledged = new Acknowledged();
    for (const { disk, at } of stops(new Disk(), trace, points, (mark) => acknowledged.take(mark))) {
      const path = join(`${root}.${twice.has(first) ? 'again' : 'once'}`, String(first));
      const crash: Crash = { name: `cut off at record ${at}`, path, promises: acknowledged.now };
      writeImage(disk.crash(random), path);
      if (twice.has(first)) onceMore.push(crash);
      else await starts.begin(crash);
      first++;
      if (starts.wrong.length >= wrongMax) break;
    }
    const second =
      starts.wrong.length > 0 || onceMore.length === 0 ? 0 : await cutOffAgain(`${root}.again`, onceMore, random, starts);
    await starts.settle();
    return { wrong: starts.wrong, first, second };
  }

  /** Records starts from images, cuts each of them off as well, and starts once more from what is left of that. */
  async function cutOffAgain(root: string, crashes: readonly Crash[], random: Random, starts: Starts): Promise<number> {
    const before = readImage(root);
    const recording = { root, trace: `${root}.trace`, marks: `${root}.marks`, syncMicros: 300 };
    {
      await using recordedStarts = new Starts('checkpoint', { library, recording });
      for (const crash of crashes) await recordedStarts.begin(crash);
      await recordedStarts.settle();
      starts.wrong.push(...recordedStarts.wrong);
    }

    const trace = readTrace(recording.trace, root);
    const begins = trace.flatMap((one, at) => (one.kind === 'mark' && one.text.startsWith('image ') ? [at] : []));
    // Most of them before the start is through with what was left behind: that is what it is about.
    const points = begins.map((begin, i) => begin + Math.floor(random.next() ** 2 * ((begins[i + 1] ?? trace.length) - begin)));
    let acknowledged = new Acknowledged();
    let second = 0;
    const onMark = (mark: string): void => {
      const begun = crashes.find(({ path }) => mark === `image ${path}`);
      if (begun === undefined) acknowledged.take(mark);
      else acknowledged = new Acknowledged(begun.promises);
    };
    for (const { disk, at } of stops(new Disk(before), trace, points, onMark)) {
      const { name, path } = crashes[second]!;
      const left = `${root}.second/${second}`;
      writeImage(disk.crash(random, relative(root, path)), left);
      await starts.begin({ name: `${name}, and its start at record ${at}`, path: left, promises: acknowledged.now });
      second++;
    }
    return second;
  }

  function recordLoad(way: Way, seed: number): { readonly root: string; readonly trace: TraceRecord[] } {
    const root = scratch.inside(`root-${way}-${seed}`);
    mkdirSync(root, { mode: 0o700 });
    const recording = { root, trace: `${root}.trace`, marks: `${root}.marks`, syncMicros: 300 };
    const program = join(import.meta.dirname, 'member-child.ts');
    const args = [
      '--conditions=@env-cli/source',
      program,
      way,
      root,
      recording.marks,
      String(seed),
      String(writesEach),
      `${root}.donor`,
    ];
    const { status, stderr } = spawnSync(process.execPath, args, {
      env: recorded(library, recording),
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (status !== 0) throw new Error(`the member under load ended with ${status}: ${stderr}`);
    return { root, trace: readTrace(recording.trace, root) };
  }
});

/** Starts members from images in two processes at a time. An image is gone when its start was looked at, unless it is recorded. */
class Starts {
  readonly #way: Way;
  readonly #starters: Starter[];
  readonly #kept: boolean;
  /** What was wrong, with the crash that it came of. */
  readonly wrong: string[] = [];
  readonly #busy = new Map<Starter, Promise<void>>();

  constructor(way: Way, recording: ConstructorParameters<typeof Starter>[0] = null) {
    this.#way = way;
    this.#kept = recording !== null;
    // What is recorded has one order.
    this.#starters = recording === null ? [new Starter(), new Starter()] : [new Starter(recording)];
  }

  /** Resolves when one process has time for a further image. */
  async begin(crash: Crash): Promise<void> {
    const free = () => this.#starters.find((one) => !this.#busy.has(one));
    if (free() === undefined) await Promise.race(this.#busy.values());
    const starter = free()!;
    this.#busy.set(starter, this.#start(starter, crash));
  }

  /** Resolves when all that were begun were looked at. */
  async settle(): Promise<void> {
    await Promise.all(this.#busy.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle();
    for (const starter of this.#starters) await starter.close();
  }

  async #start(starter: Starter, { name, path, promises }: Crash): Promise<void> {
    const found = await starter.wrongWith({ way: this.#way, path, promises });
    if (found !== null) this.wrong.push(`${name}: ${found}`);
    if (!this.#kept) rmSync(path, { recursive: true });
    this.#busy.delete(starter);
  }
}

/** Plays a trace to a disk, and stops behind each of the records of these numbers, in their order. */
function* stops(
  disk: Disk,
  trace: readonly TraceRecord[],
  points: readonly number[],
  onMark: (mark: string) => void,
): Generator<{ readonly disk: Disk; readonly at: number }> {
  const ascending = points.toSorted((a, b) => a - b);
  let next = 0;
  for (const [at, one] of trace.entries()) {
    disk.play(one);
    if (one.kind === 'mark') onMark(one.text);
    for (; ascending[next] === at; next++) yield { disk, at };
  }
}
