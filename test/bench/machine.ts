import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';

import { median } from './measurement.ts';

/** What figures depend on besides the programs. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
}

export function machine(): Machine {
  const all = cpus();
  return {
    cores: all.length,
    cpu: all[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

/** How noisy the machine is at a moment. */
export interface Noise {
  readonly at: string;
  /** Processes that wanted a core, over the last minute. */
  readonly load: number;
  /** Writing 512 B and fdatasync, in microseconds: into a file that has its length already, and at the end of one that grows. */
  readonly preallocatedUs: SyncLatency;
  readonly growingUs: SyncLatency;
}

export interface SyncLatency {
  readonly p50: number;
  readonly p99: number;
}

const syncsCount = 200;
const blockBytes = 512;

/** Looks at the machine, and at the disk that holds `directory`. */
export function noise(directory: string): Noise {
  const file = join(directory, 'fdatasync');
  const block = Buffer.alloc(blockBytes, 7);
  const measure = (lengthBytes: number): SyncLatency => {
    const fd = openSync(file, 'w');
    try {
      if (lengthBytes > 0) {
        ftruncateSync(fd, 0);
        for (let at = 0; at < lengthBytes; at += blockBytes) writeSync(fd, block, 0, blockBytes, at);
        fsyncSync(fd);
      }
      const tookUs = Array.from({ length: syncsCount }, (_, i) => {
        const beganMs = performance.now();
        writeSync(fd, block, 0, blockBytes, i * blockBytes);
        fdatasyncSync(fd);
        return (performance.now() - beganMs) * 1000;
      });
      const sorted = tookUs.toSorted((a, b) => a - b);
      return { p50: Math.round(median(tookUs)), p99: Math.round(sorted[Math.floor(syncsCount * 0.99)]!) };
    } finally {
      closeSync(fd);
      rmSync(file);
    }
  };
  const preallocatedUs = measure(syncsCount * blockBytes);
  return { at: new Date().toISOString(), load: loadavg()[0]!, preallocatedUs, growingUs: measure(0) };
}
