import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Environment } from './environment.ts';
import { opened, sealed } from './seal.ts';

/** What a cache keeps of an environment. */
export interface Cached {
  readonly clusterId: string;
  readonly epoch: number;
  /** The addresses that led to the cluster. */
  readonly addresses: readonly string[];
  readonly environment: Environment;
  /** When the cluster last confirmed it: milliseconds since 1970 by this machine's clock. */
  readonly confirmedMs: number;
}

/** Whom a file must be about. */
export interface CacheBinding {
  readonly namespace: string;
  readonly environment: string;
  readonly view: 'masked' | 'full';
}

export type Loaded = { readonly kind: 'loaded'; readonly cached: Cached } | { readonly kind: 'refused'; readonly why: string };

/** A file that is larger is none of ours: an environment has at most 2 MiB of values, and JSON writes a byte as six at worst. */
const fileBytesMax = 32 * 1024 * 1024;
/** How old what a write that was cut short left behind must be to be removed, in milliseconds. */
const leftoverMs = 10 * 60_000;

/**
 * The last state of one environment in a file: sealed, of mode 0600, and replaced as a whole.
 *
 * Writes follow each other; of those that wait only the newest is done. Nothing here rejects: what went wrong is `problem`.
 */
export class LiveCache {
  readonly path: string;
  readonly #directory: string;
  readonly #name: string;
  readonly #key: Uint8Array;
  readonly #binding: string;
  #next: (() => Promise<void>) | null = null;
  #working: Promise<void> | null = null;
  #problem: string | null = null;
  #confirmedMs: number | null = null;

  constructor(directory: string, key: Uint8Array, binding: CacheBinding) {
    this.#binding = JSON.stringify(['live cache 1', binding.namespace, binding.environment, binding.view]);
    // A hash: a name of an environment has slashes, and may be nobody's business.
    this.#name = `${createHash('sha256').update(this.#binding).digest('hex').slice(0, 32)}.live`;
    this.#directory = directory;
    this.path = join(directory, this.#name);
    this.#key = key;
  }

  /** Why the file was not used, or could not be written; null: all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  /** When the cluster last confirmed what the file holds, in milliseconds since 1970; null: it holds nothing that this client could use. */
  get confirmedMs(): number | null {
    return this.#confirmedMs;
  }

  /** Says why what was loaded is not used after all. */
  refuse(why: string): void {
    this.#problem = why;
    this.#confirmedMs = null;
  }

  /** Reads the file. `accepts`: why what it holds must not be used; null: it may. */
  async load(accepts: (cached: Cached) => string | null): Promise<Cached | null> {
    const loaded = await this.#read();
    const why = loaded.kind === 'refused' ? loaded.why : accepts(loaded.cached);
    if (loaded.kind === 'refused' || why !== null) {
      this.refuse(`the cache ${this.path} was not used: ${why}`);
      return null;
    }
    this.#problem = null;
    this.#confirmedMs = loaded.cached.confirmedMs;
    return loaded.cached;
  }

  /** Writes a state, unless the file holds a later one of the same cluster: another process may follow the same environment. */
  save(cached: Cached): void {
    this.#then(async () => {
      const held = await this.#read();
      if (held.kind === 'loaded' && isLater(held.cached, cached)) return;
      await this.#write(sealed(JSON.stringify(cached), this.#key, this.#binding));
      this.#confirmedMs = cached.confirmedMs;
    });
  }

  /** Removes the file: the environment was deleted, and must not come back with it. */
  remove(): void {
    this.#then(async () => {
      await rm(this.path, { force: true });
      this.#confirmedMs = null;
    });
  }

  /** Resolves once all that was asked for is on disk, or has failed. */
  async settled(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  #then(work: () => Promise<void>): void {
    this.#next = work;
    this.#working ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let work = this.#next; work !== null; work = this.#next) {
      this.#next = null;
      try {
        await work();
        this.#problem = null;
      } catch (error) {
        const { code = 'unknown' } = error as NodeJS.ErrnoException;
        this.#problem = `the cache ${this.path} could not be written (${code})`;
      }
    }
    this.#working = null;
  }

  async #read(): Promise<Loaded> {
    let bytes: Buffer;
    try {
      const file = await open(this.path, 'r');
      try {
        const { size } = await file.stat();
        if (size > fileBytesMax) return { kind: 'refused', why: `it has ${size} bytes, and at most ${fileBytesMax} are read` };
        bytes = await file.readFile();
      } finally {
        await file.close();
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return { kind: 'refused', why: code === 'ENOENT' ? 'there is none yet' : `it cannot be read (${code})` };
    }
    const content = opened(bytes, this.#key, this.#binding);
    // What was sealed was written by this client: it is not looked at any further.
    return content.kind === 'refused' ? content : { kind: 'loaded', cached: JSON.parse(content.text) as Cached };
  }

  /** A reader sees the whole old file or the whole new one, also after a power loss. */
  async #write(bytes: Buffer): Promise<void> {
    await this.#makeDirectory();
    const temporary = join(this.#directory, `${this.#name}.${randomBytes(8).toString('hex')}.tmp`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await this.#syncDirectory();
  }

  async #makeDirectory(): Promise<void> {
    try {
      await mkdir(this.#directory, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await this.#sweep();
    }
  }

  /** Removes what processes that were killed while they wrote have left. */
  async #sweep(): Promise<void> {
    const names = await readdir(this.#directory);
    for (const name of names.filter((each) => each.startsWith(this.#name) && each.endsWith('.tmp'))) {
      const path = join(this.#directory, name);
      // Another process may finish or sweep it meanwhile.
      const found = await stat(path).catch(() => null);
      if (found !== null && Date.now() - found.mtimeMs > leftoverMs) await rm(path, { force: true });
    }
  }

  async #syncDirectory(): Promise<void> {
    // Windows opens no folders.
    if (process.platform === 'win32') return;
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

function isLater(held: Cached, cached: Cached): boolean {
  if (held.clusterId !== cached.clusterId) return false;
  if (held.epoch !== cached.epoch) return held.epoch > cached.epoch;
  return held.environment.modifyRevision > cached.environment.modifyRevision;
}
