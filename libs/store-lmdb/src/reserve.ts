import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { isMissing, removeIfThere, syncDirectory, temporaryPrefix } from './durable-file.ts';

const fileName = 'reserve';
const temporaryName = `${temporaryPrefix}reserve`;
const chunkBytes = 2 ** 20;

/** Free bytes beyond its own size that a reserve leaves to others when it is made. */
const headroomFactor = 2;

/**
 * Room on the disk that is kept for a bad day: on a full disk it is given back, so that the log's last segment, the last
 * checkpoint and the replay of the next start have a place. Without it a full disk could only be repaired by hand.
 */
export class Reserve {
  readonly #path: string;
  readonly #bytes: number;

  constructor(directory: string, bytes: number) {
    this.#path = join(directory, fileName);
    this.#bytes = bytes;
  }

  /** Whether the room is held: all of its blocks, not only its length. */
  get held(): boolean {
    try {
      const { size, blocks } = statSync(this.#path);
      return size >= this.#bytes && blocks * 512 >= this.#bytes;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Makes the reserve if there is none. Answers false when there is too little room for it and as much again. */
  ensure(): boolean {
    if (this.held) return true;
    this.giveBack();
    if (this.freeBytes() < headroomFactor * this.#bytes) return false;
    try {
      this.#write();
      return true;
    } catch (error) {
      removeIfThere(join(dirname(this.#path), temporaryName));
      const { code } = error as { code?: unknown };
      if (code === 'ENOSPC' || code === 'EDQUOT') return false;
      throw error;
    }
  }

  /** Gives the room back. May be called again. */
  giveBack(): void {
    removeIfThere(this.#path);
  }

  /** What is free to this process on the directory's disk. */
  freeBytes(): number {
    const { bavail, bsize } = statfsSync(dirname(this.#path));
    return bavail * bsize;
  }

  #write(): void {
    const temporary = join(dirname(this.#path), temporaryName);
    // Random bytes: a file system that compresses, or that keeps zeros as holes, would reserve nothing.
    const chunk = new Uint8Array(chunkBytes);
    const file = openSync(temporary, 'w', 0o600);
    try {
      for (let at = 0; at < this.#bytes;)
        at += writeSync(file, randomFillSync(chunk), 0, Math.min(chunkBytes, this.#bytes - at), at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, this.#path);
    syncDirectory(dirname(this.#path));
  }
}
