import { spawnSync } from 'node:child_process';
import { closeSync, constants as flags, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

/** Calls that change files, as faulty.c knows them. */
const kindBits = { write: 1, sync: 2, rename: 4, unlink: 8, truncate: 16, mkdir: 32 } as const;

export type DiskCall = keyof typeof kindBits;

const actionCodes = { 'kill before': 1, 'kill after': 2, fail: 3, slow: 4 } as const;

/** What happens at a call to the disk. */
export interface DiskFault {
  readonly calls: readonly DiskCall[];
  /** Of the whole path, as fnmatch(3) reads it: `*` stands for slashes too. A rename is known by its new name. */
  readonly pattern: string;
  /** `fail` and `slow` hold from the n-th call on, `kill` at it alone. */
  readonly action: keyof typeof actionCodes;
  /** Nothing counts before a call on such a path has come by. Defaults to none: all that match count. */
  readonly prelude?: string;
  /** Which of the calls that match, from 1. Defaults to 1. */
  readonly number?: number;
  /** Of `fail`. Defaults to EIO. */
  readonly error?: 'EIO' | 'ENOSPC';
  /** Of `slow`. */
  readonly delayMicros?: number;
}

/** Why no process can be made to fail at a call here, or null when one can. */
export function faultyMissing(): string | null {
  if (process.platform !== 'linux') return `the library is preloaded by the linker of Linux, and this is ${process.platform}`;
  if (spawnSync('cc', ['--version']).status !== 0) return 'no C compiler is installed under the name cc';
  return null;
}

const controlBytes = 512;
const patternOffset = 36;
const preludeOffset = 276;

/** One process's disk, which can be made to fail while the process runs. */
export class FaultyDisk {
  readonly #library: string;
  readonly #control: string;

  /** `directory`: exists, and is the library's and the control file's. */
  constructor(directory: string, name: string) {
    this.#library = buildFaulty(directory);
    this.#control = join(directory, `${name}.control`);
    this.disarm();
  }

  /** The environment of the process. */
  get env(): Record<string, string> {
    // Writes that libuv handed to the kernel by io_uring would pass by the C library, and so by the preloaded one.
    return { LD_PRELOAD: this.#library, UV_USE_IO_URING: '0', FAULTY_CONTROL: this.#control };
  }

  arm(fault: DiskFault): void {
    const block = Buffer.alloc(controlBytes);
    const words = [
      0,
      fault.calls.reduce((bits, call) => bits | kindBits[call], 0),
      actionCodes[fault.action],
      fault.number ?? 1,
      constants.errno[fault.error ?? 'EIO'],
      fault.delayMicros ?? 0,
    ];
    words.forEach((word, i) => block.writeUInt32LE(word, i * 4));
    put(block, fault.pattern, patternOffset, preludeOffset);
    put(block, fault.prelude ?? '', preludeOffset, controlBytes);
    this.#write(block);
    // Not before the rest is there: the process looks at this word alone until it is set.
    const armed = Buffer.alloc(4);
    armed.writeUInt32LE(1);
    this.#write(armed);
  }

  disarm(): void {
    this.#write(Buffer.alloc(controlBytes));
  }

  /** Calls that were killed, failed or slowed down since it was armed. */
  get done(): number {
    const file = openSync(this.#control, 'r');
    try {
      const word = Buffer.alloc(4);
      readSync(file, word, 0, 4, 28);
      return word.readUInt32LE();
    } finally {
      closeSync(file);
    }
  }

  /** Into the bytes that are mapped by the process: the file is never made anew. */
  #write(bytes: Buffer): void {
    const file = openSync(this.#control, flags.O_RDWR | flags.O_CREAT, 0o600);
    try {
      writeSync(file, bytes, 0, bytes.length, 0);
    } finally {
      closeSync(file);
    }
  }
}

function put(block: Buffer, text: string, offset: number, end: number): void {
  const bytes = Buffer.from(text);
  // A zero has to stand behind it.
  if (bytes.length >= end - offset)
    throw new RangeError(`a pattern has ${end - offset - 1} bytes at most, and this one ${bytes.length}`);
  block.set(bytes, offset);
}

/** Builds the library into a directory, unless it is there. */
function buildFaulty(directory: string): string {
  const library = join(directory, 'faulty.so');
  if (existsSync(library)) return library;
  const source = join(import.meta.dirname, 'faulty.c');
  const args = ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, source];
  const built = spawnSync('cc', args, { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`cc could not build ${source}:\n${built.stderr}`);
  return library;
}
