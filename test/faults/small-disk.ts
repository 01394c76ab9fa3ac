import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why no small disk can be made here, or null when one can. */
export function smallDiskMissing(): string | null {
  if (process.platform !== 'linux') return `a tmpfs is mounted on Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'only root can mount a file system';
  const place = mkdtempSync(join(tmpdir(), 'env-cli-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place]);
  if (status === 0) spawnSync('umount', [place]);
  rmSync(place, { recursive: true });
  return status === 0 ? null : 'this root may not mount a file system';
}

/** A file system of its own at a directory, in memory, of a size that can be raised. */
export class SmallDisk {
  readonly #path: string;

  constructor(path: string, sizeMiB: number) {
    this.#path = path;
    mount(['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=0700`, 'tmpfs', path]);
  }

  grow(sizeMiB: number): void {
    mount(['-o', `remount,size=${sizeMiB}m`, this.#path]);
  }

  /** Throws when a file is still open; it is gone all the same. */
  unmount(): void {
    const { status, stderr } = spawnSync('umount', [this.#path], { encoding: 'utf8' });
    if (status === 0) return;
    spawnSync('umount', ['--lazy', this.#path]);
    throw new Error(`umount: ${stderr}`);
  }
}

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`);
}
