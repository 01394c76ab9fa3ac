import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry, EntryKind, HardState, Index, MemberId, Term } from '@env-cli/raft';

import { LogFile, type LogFileOpening } from '../log-file.ts';
import type { LogFileError } from '../log-file-error.ts';
import type { LogIdentity } from '../segment-header.ts';

export const identity: LogIdentity = { clusterId: new Uint8Array(16).fill(1), memberId: 7, diskId: new Uint8Array(16).fill(2) };

/** Small, so that a few writes fill several. */
export const segmentBytes = 16 * 1024;

export const index = (value: number) => value as Index;
export const term = (value: number) => value as Term;

export function entry(at: number, ofTerm: number, text = `entry ${at} of term ${ofTerm}`, kind: EntryKind = 'command'): Entry {
  return { index: index(at), term: term(ofTerm), kind, data: new TextEncoder().encode(text) };
}

/** Entries of one term, `bytes` of data each. */
export function entries(from: number, to: number, ofTerm: number, bytes = 20): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, ofTerm, `${from + i}/${ofTerm} `.padEnd(bytes, '.')));
}

export function vote(inTerm: number, votedFor: number | null): HardState {
  return { term: term(inTerm), votedFor: votedFor as MemberId | null };
}

/** An entry as a short text: two lists of them are compared at a glance. */
export function shown(list: readonly Entry[]): string[] {
  return list.map((one) => `${one.index} ${one.term} ${one.kind} ${new TextDecoder().decode(one.data)}`);
}

/** In memory where there is such a place: these tests are not about the disk, and wait for many syncs. */
const scratch = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A directory that goes when the test ends, and the log in it. */
export class TemporaryLog {
  readonly directory = join(mkdtempSync(join(scratch, 'log-file-')), 'log');
  readonly failures: LogFileError[] = [];

  open(opening: Partial<LogFileOpening> = {}): Promise<LogFile> {
    return LogFile.open({
      directory: this.directory,
      identity,
      createIfEmpty: true,
      onFailure: (failure) => this.failures.push(failure),
      ...opening,
      options: { segmentBytes, ...opening.options },
    });
  }

  [Symbol.dispose](): void {
    rmSync(join(this.directory, '..'), { recursive: true });
  }
}

/** Resolves when the write is on disk. */
export function append(log: LogFile, list: readonly Entry[], hardState: HardState | null = null): Promise<void> {
  return new Promise((resolve) => {
    log.append({ hardState, entries: list }, resolve);
  });
}

export function reset(log: LogFile, at: number, ofTerm: number): Promise<void> {
  return new Promise((resolve) => {
    log.reset(index(at), term(ofTerm), resolve);
  });
}

export function read(log: LogFile, from: number, to: number, maxBytes = 2 ** 20): Promise<Entry[]> {
  return new Promise((resolve) => {
    log.read(index(from), index(to), maxBytes, resolve);
  });
}

/** All that a log holds behind its beginning, as texts: however many reads that takes. */
export async function readAll(log: LogFile, from: number): Promise<string[]> {
  const all: Entry[] = [];
  for (;;) {
    const some = await read(log, from + all.length, Number.MAX_SAFE_INTEGER);
    if (some.length === 0) return shown(all);
    all.push(...some);
  }
}
