import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How far a long run has come. */
export interface Progress {
  /** Of all that decides what a seed means: with other sources the same seed is another run. */
  readonly sources: string;
  readonly firstSeed: number;
  /** The seed that comes next. */
  readonly nextSeed: number;
  readonly runs: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly seconds: number;
}

const libs = fileURLToPath(new URL('../../', import.meta.url));
const ranIn = ['support', 'raft', 'keyspace', 'mirroring', 'environments', 'replica', 'simulation'];

/** A short name of the sources that run. */
export function sourcesDigest(): string {
  const hash = createHash('sha256');
  for (const lib of ranIn) {
    const folder = join(libs, lib, 'src');
    for (const file of readdirSync(folder).toSorted())
      if (file.endsWith('.ts') && !file.endsWith('.test.ts'))
        hash.update(`${lib}/${file}\0`).update(readFileSync(join(folder, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** What an earlier call has left; null when there is nothing to go on with. */
export function readProgress(file: string, sources: string, firstSeed: number): Progress | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const progress = JSON.parse(text) as Progress;
  return progress.sources === sources && progress.firstSeed === firstSeed ? progress : null;
}

/** Whole or not at all: whoever stops this program loses no more than what ran since. */
export function writeProgress(file: string, progress: Progress): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(progress)}\n`);
  renameSync(`${file}.new`, file);
}
