import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

import { type Checkpoint, readCheckpoint, type StateOwner } from './checkpoint.ts';
import { dataFileName, Environment } from './environment.ts';
import { Pin } from './pin.ts';
import { restoreMetaPages } from './recovery.ts';

/** What opening a store made: its parts live and end together. */
export interface StoreParts {
  readonly recovered: boolean;
  readonly environment: Environment;
  /** Pins have an opening of their own: lmdb-js would hand a pin's transaction to the readers of the same one. */
  readonly pins: Environment;
  /** LMDB's file, opened before the first write: Linux reports a failed write-back to those who had it open. */
  readonly file: number;
  readonly pin: Pin;
  readonly checkpoint: Checkpoint;
}

/**
 * Opens a state for its one writer: puts the checkpoint's meta pages back and pins what they lead to before anything can
 * write. Nothing is left open when it throws.
 */
export async function openParts(path: string, owner: StateOwner, mapBytes: number): Promise<StoreParts> {
  const checkpoint = readCheckpoint(path, owner);
  const recovered = restoreMetaPages(path, checkpoint);
  const opened: { file?: number; pins?: Environment; environment?: Environment } = {};
  try {
    const file = (opened.file = openSync(join(path, dataFileName), 'r+'));
    const pins = (opened.pins = new Environment(path, { mapBytes }));
    // Pinned before anything can write: opening all tables writes if one is missing. Those that exist are opened before the
    // pin, for a transaction cannot read tables that were opened after it began.
    pins.openExistingTables();
    const pin = new Pin(pins);
    const environment = (opened.environment = new Environment(path, { mapBytes }));
    void environment.tables;
    return { recovered, environment, pins, file, pin, checkpoint };
  } catch (error) {
    await closeParts(opened);
    throw error;
  }
}

/** Closes what was opened, in the reverse order. */
export async function closeParts(parts: Partial<Pick<StoreParts, 'pin' | 'environment' | 'pins' | 'file'>>): Promise<void> {
  parts.pin?.release();
  await parts.environment?.close();
  await parts.pins?.close();
  if (parts.file !== undefined) closeSync(parts.file);
}
