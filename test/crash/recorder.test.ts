import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { Disk, type Image, readImage } from './image.ts';
import { buildRecorder, describeRecorded, recorded } from './recorder.ts';
import { readTrace, type TraceRecord } from './trace.ts';

/** Names with a digest of what they hold: the difference of two is then short enough to be read. */
function sortedEntries({ directories, files }: Image): string[] {
  const digests = [...files].map(([path, bytes]) => `${path} ${createHash('sha256').update(bytes).digest('hex')}`);
  return [...directories, ...digests].toSorted();
}

describeRecorded('the recorder sees everything that a process does to its files', () => {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'recorder-')));
  afterAll(() => rmSync(scratch, { recursive: true }));

  function record(
    name: string,
    failSync = 0,
  ): { readonly status: number | null; readonly root: string; readonly trace: TraceRecord[] } {
    const root = join(scratch, name);
    mkdirSync(root);
    const recording = { root, trace: join(scratch, `${name}.trace`), marks: join(scratch, `${name}.marks`), failSync };
    const child = join(import.meta.dirname, 'busy-child.ts');
    const env = recorded(buildRecorder(scratch), recording);
    const { status, stderr } = spawnSync(process.execPath, [child, root, recording.marks], {
      env,
      encoding: 'utf8',
      timeout: 30_000,
    });
    if (status !== 0 && failSync === 0) throw new Error(stderr);
    return { status, root, trace: readTrace(recording.trace, root) };
  }

  test('the trace, played to an empty disk, gives the very files', () => {
    const { root, trace } = record('whole');
    const disk = new Disk();
    for (const entry of trace) disk.play(entry);
    const [played, real] = [disk.current(), readImage(root)];
    // LMDB's table of locks is changed through a map, which nothing records; LMDB makes it anew after a crash.
    for (const files of [played.files, real.files]) files.delete('state/lock.mdb');
    expect(sortedEntries(played)).toEqual(sortedEntries(real));
    expect(trace.filter(({ kind }) => kind === 'mapped')).toHaveLength(1);
    expect(trace.filter(({ kind }) => kind === 'settle')).toHaveLength(1);
    expect(trace.filter((entry) => entry.kind === 'mark')).toEqual([{ kind: 'mark', text: 'halfway' }]);
  });

  test('a sync can be made to fail, and promises nothing then', () => {
    const { status, trace } = record('failing', 2);
    expect(status).not.toBe(0);
    expect(trace.filter(({ kind }) => kind === 'syncEnd')).toMatchObject([{ failed: false }, { failed: true }]);
  });
});
