import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LogFile, type LogFileError } from '@env-cli/log-file';
import { afterAll, describe, expect, test } from '@jest/globals';
import { whatHolds } from './log-held.ts';
import { logOpening } from './log-opening.ts';
import { logStory } from './log-story.ts';
import { entriesOf } from './member-under-test.ts';
import { buildRecorder, describeRecorded, recorded } from './recorder.ts';
import { Scratch } from './scratch.ts';

const requests = 3000;
const child = ['--conditions=@env-cli/source', join(import.meta.dirname, 'log-child.ts')];

/** What a process said last of the requests that it asked, and of those that were acknowledged. */
function said(marks: string): { readonly asked: number; readonly stored: number } {
  const last = (what: string) =>
    Math.max(0, ...marks.split('\n').flatMap((line) => (line.startsWith(`${what} `) ? [Number(line.slice(what.length))] : [])));
  return { asked: last('asked'), stored: last('stored') };
}

describe('the log on real processes', () => {
  const scratch = new Scratch();
  afterAll(() => scratch[Symbol.dispose]());

  test.each([1, 40, 333, 1200])(
    'a process that is killed after %i acknowledgements leaves a log that holds them',
    async (count) => {
      const root = scratch.inside(`killed-${count}`);
      mkdirSync(root);
      // What it says goes to a pipe, which it outlives no write of: all that was said is read.
      const writer = spawn(process.execPath, [...child, root, '-', String(count), String(requests)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let marks = '';
      let acknowledged = 0;
      for await (const line of createInterface({ input: writer.stdout })) {
        marks += `${line}\n`;
        if (line.startsWith('stored ') && ++acknowledged === count) writer.kill('SIGKILL');
      }
      if (writer.signalCode === null) await once(writer, 'exit');
      expect(writer.signalCode).toBe('SIGKILL');
      expect(said(marks).stored).toBeGreaterThanOrEqual(count);
      expect(await whatHolds(root, logStory(count, requests).models, said(marks))).toBeNull();
    },
  );
});

describeRecorded('a sync that fails', () => {
  const scratch = new Scratch();
  afterAll(() => scratch[Symbol.dispose]());

  test.each([12, 30, 170])('is the last one: sync %i', async (failSync) => {
    const root = scratch.inside(`failed-${failSync}`);
    mkdirSync(root);
    const recording = { root, trace: `${root}.trace`, marks: `${root}.marks`, failSync };
    const env = recorded(buildRecorder(scratch.inside('recorder')), recording);
    const { status, stderr } = spawnSync(process.execPath, [...child, root, recording.marks, '5', String(requests)], {
      env,
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /LogFileError: .* failed \(EIO: i\/o error, f(data)?sync\)\. The member stops and acknowledges nothing more\. Check the disk/,
    );
    const marks = readFileSync(recording.marks, 'utf8');
    expect(await whatHolds(root, logStory(5, requests).models, said(marks))).toBeNull();
  });
});

/** Why no small disk can be made here, or null when it can. */
function mountMissing(): string | null {
  if (process.platform !== 'linux') return `a tmpfs is mounted on Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'only root can mount a file system';
  const scratch = new Scratch();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', scratch.path]);
  if (status === 0) spawnSync('umount', [scratch.path]);
  scratch[Symbol.dispose]();
  return status === 0 ? null : 'this root may not mount a file system';
}

const missing = mountMissing();
const describeMounted: (title: string, tests: () => void) => void = missing === null ? describe : describe.skip;

describeMounted(`a disk that is full${missing === null ? '' : ` (cannot run here: ${missing})`}`, () => {
  const scratch = new Scratch();
  afterAll(() => scratch[Symbol.dispose]());

  test.each([
    ['no room for the next segment', 3000, /making room for 65536 bytes of log failed \(ENOSPC/],
    ['no room for a write larger than a segment', 3_000_000, /writing \d+ bytes at byte \d+ failed \(ENOSPC/],
  ])('%s: the member stops, and all is there once there is room', async (_why, bytes, message) => {
    const disk = scratch.inside(`disk-${bytes}`);
    mkdirSync(disk);
    mount(['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    let unmounted: number | null = null;
    try {
      const { acknowledged, failure } = await fill(disk, bytes);
      expect(failure).toMatchObject({ code: 'disk-full', message: expect.stringMatching(message) });
      expect(failure.message).toMatch(/Make room on this disk, then start the member again/);
      mount(['-o', 'remount,size=8m', disk]);
      const log = await LogFile.open({ ...logOpening(disk), createIfEmpty: false, onFailure: rethrow });
      expect(log.contents.lastIndex).toBeGreaterThanOrEqual(acknowledged);
      await log.close();
    } finally {
      // It fails when a file is still open.
      unmounted = spawnSync('umount', [disk]).status;
      if (unmounted !== 0) spawnSync('umount', ['--lazy', disk]);
    }
    expect(unmounted).toBe(0);
  });
});

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

function rethrow(failure: Error): never {
  throw failure;
}

/** Writes small entries, then ever more of these sizes, until the log fails. */
async function fill(disk: string, bytes: number): Promise<{ readonly acknowledged: number; readonly failure: LogFileError }> {
  const { promise: failed, resolve: onFailure } = Promise.withResolvers<LogFileError>();
  const log = await LogFile.open({ ...logOpening(disk), onFailure });
  let acknowledged = 0;
  let failure: LogFileError | null = null;
  for (let index = 1; failure === null; index++) {
    const written = new Promise<null>((resolve) => {
      log.append({ hardState: null, entries: entriesOf(index, index, 1, index < 10 ? 100 : bytes) }, () => resolve(null));
    });
    failure = await Promise.race([written, failed]);
    if (failure === null) acknowledged = index;
  }
  await log.close();
  return { acknowledged, failure };
}
