import { spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from '@jest/globals';

/** What a recorded process does to `root`; see recorder.c. All paths are absolute; `root` exists, and the others lie outside of it. */
export interface Recording {
  readonly root: string;
  readonly trace: string;
  /** What is written to this file becomes a mark in the trace. */
  readonly marks: string;
  /** How much longer every sync takes, so that more is written while one runs. Defaults to 0. */
  readonly syncMicros?: number;
  /** The number (from 1) of the sync that fails with EIO, and all after it. Defaults to none. */
  readonly failSync?: number;
}

/** Why nothing can be recorded here, or null when it can. */
function recorderMissing(): string | null {
  if (process.platform !== 'linux') return `the recorder is preloaded by the linker of Linux, and this is ${process.platform}`;
  if (spawnSync('cc', ['--version']).status !== 0) return 'no C compiler is installed under the name cc';
  return null;
}

/**
 * `describe` for tests that record a process. Where that is impossible they are reported as skipped, with the reason; on a
 * machine that decides what lands (`CI=true`) they fail instead, for there a proof that was not made must not look like one.
 */
export function describeRecorded(title: string, tests: () => void): void {
  const missing = recorderMissing();
  const run: (title: string, tests: () => void) => void =
    missing === null || process.env['CI'] === 'true' ? describe : describe.skip;
  run(missing === null ? title : `${title} (cannot run here: ${missing})`, tests);
}

/** Builds the recorder into `directory` and returns its path. */
export function buildRecorder(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const library = join(directory, 'recorder.so');
  const source = join(import.meta.dirname, 'recorder.c');
  const built = spawnSync(
    'cc',
    ['-O2', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-shared', '-fPIC', '-o', library, source, '-lpthread'],
    {
      encoding: 'utf8',
    },
  );
  if (built.status !== 0) throw new Error(`cc could not build ${source}:\n${built.stderr}`);
  return library;
}

/** The environment of a process that is recorded. */
export function recorded(library: string, recording: Recording): NodeJS.ProcessEnv {
  return {
    ...process.env,
    LD_PRELOAD: library,
    // Writes that libuv handed to the kernel by io_uring would pass by the C library, and so by the recorder.
    UV_USE_IO_URING: '0',
    CRASH_ROOT: realpathSync(recording.root),
    CRASH_TRACE: recording.trace,
    CRASH_MARKS: recording.marks,
    CRASH_SYNC_US: String(recording.syncMicros ?? 0),
    CRASH_FAIL_SYNC: String(recording.failSync ?? 0),
  };
}
