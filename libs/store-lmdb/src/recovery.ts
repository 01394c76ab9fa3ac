import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes } from '@env-cli/support';

import type { Checkpoint } from './checkpoint.ts';
import { isMissing } from './durable-file.ts';
import { dataFileName } from './environment.ts';
import { DataDirectoryRefused, repairBySnapshot } from './refusal.ts';

/**
 * Puts a checkpoint's meta pages back and syncs them, so that the state is the checkpoint's again: its pages are all on
 * disk and none was reused, since it was pinned. Answers whether the file's own were others, that is, whether
 * transactions were undone.
 *
 * A crash meanwhile changes nothing: the next start does it again.
 */
export function restoreMetaPages(stateDirectory: string, checkpoint: Checkpoint): boolean {
  const path = join(stateDirectory, dataFileName);
  const file = openData(path);
  try {
    const wanted = checkpoint.metaPages.bytes;
    const { size } = fstatSync(file);
    if (size < checkpoint.dataBytes || size < wanted.length) {
      const what = `it has ${size} bytes, the checkpoint was made of ${checkpoint.dataBytes}`;
      throw new DataDirectoryRefused('state-damaged', path, what, repairBySnapshot);
    }
    const found = new Uint8Array(wanted.length);
    readSync(file, found, 0, found.length, 0);
    if (equalBytes(found, wanted)) return false;
    for (let at = 0; at < wanted.length;) at += writeSync(file, wanted, at, wanted.length - at, at);
    fdatasyncSync(file);
    return true;
  } finally {
    closeSync(file);
  }
}

function openData(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new DataDirectoryRefused('state-damaged', path, 'the state has lost its file', repairBySnapshot, error);
  }
}
