import { existsSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { alarmToStopFor, StateMachine } from '@env-cli/environments';
import { readClusterIdentity } from '@env-cli/keyspace';
import { LogFile } from '@env-cli/log-file';
import type { Entry, Index } from '@env-cli/raft';
import { type BackupFacts, checkBackup } from '@env-cli/snapshot-file';
import {
  DataDirectory,
  DataDirectoryRefused,
  openState,
  readRepaired,
  spool,
  type Store,
  syncDirectory,
  syncFile,
} from '@env-cli/store-lmdb';
import { assert } from '@env-cli/support';

import { explained } from '../integrity/alarm-text.ts';
import { positionOfTables } from '../member/position-of-tables.ts';
import { softwareVersion } from '../version.ts';

export interface RecoverOptions {
  /** The data directory of a member that does not run. */
  readonly dataDir: string;
  /** The backup that is made. Nothing is there yet. */
  readonly to: string;
  readonly mapBytes?: number;
}

export interface Recovered {
  readonly backup: BackupFacts;
  readonly memberId: number;
  /** The last entry that the backup holds: that of the log. */
  readonly last: { readonly index: number; readonly term: number };
  /** Entries that the state did not hold yet. */
  readonly replayed: number;
}

/** What was wrong with a recovery, where, and what to do next. */
export class RecoveryRefused extends Error {
  override readonly name = 'RecoveryRefused';
}

/** Bytes of entries that are read and applied at once. */
const replayBytesMax = 4 * 1024 * 1024;

/**
 * Makes a backup of what one member's disk holds: its state, and all of its log, when the majority of a cluster's disks is lost.
 *
 * Which entries at the log's end were committed is not known here. All are taken: whatever was acknowledged, and reached this disk, is kept, and a
 * write that was not acknowledged may have happened. What only the lost disks had is lost. The directory stays what it was to its member: what is
 * applied on the way is behind its checkpoint, and a start goes back to that.
 *
 * Throws {@link RecoveryRefused}, `DataDirectoryRefused`, `LogFileError`, `StoreFailed`, `BackupRefused`, `NotUnderstood`; no backup is left then.
 */
export async function recoverBackup({ dataDir, to, mapBytes }: RecoverOptions): Promise<Recovered> {
  if (!existsSync(dataDir))
    throw new RecoveryRefused(`${dataDir}: there is no such directory. Name the data directory of a member`);
  const path = resolve(to);
  if (existsSync(path)) throw new RecoveryRefused(`${to}: it exists already, and is not overwritten. Name a new file`);
  if (!existsSync(dirname(path)))
    throw new RecoveryRefused(`${to}: there is no directory ${dirname(path)}. Make it, or name a file in another one`);
  const directory = DataDirectory.open(dataDir, { bootstrapped: true, reserveBytes: 0 });
  try {
    const { identity } = directory;
    if (identity === null || identity.clusterId === null) {
      const what = 'no cluster was founded with it yet, so there is nothing to recover';
      throw new DataDirectoryRefused(
        'identity-missing',
        dataDir,
        what,
        'Name the data directory of a member that has taken part.',
      );
    }
    const { clusterId, memberId, diskId } = identity;
    const failure = Promise.withResolvers<never>();
    // Whoever waits for it is told; nobody may be waiting when the disk fails.
    failure.promise.catch(() => undefined);
    const log = await LogFile.open({
      directory: join(directory.path, 'log'),
      identity: { clusterId, memberId, diskId },
      onFailure: failure.reject,
      createIfEmpty: false,
    });
    const closings = [() => log.close()];
    try {
      const owner = { clusterId, memberId };
      const store = await openState(directory.path, {
        owner,
        readPosition: positionOfTables,
        ...(mapBytes === undefined ? {} : { mapBytes }),
      });
      closings.unshift(() => store.abandon());
      const replayed = await Promise.race([replay(log, store), failure.promise]);
      refuseAccused(dataDir, store, memberId);
      const backup = await copied(path, store, { clusterId, memberId });
      return { backup, memberId, last: lastOf(store), replayed };
    } finally {
      for (const close of closings) await close();
    }
  } finally {
    directory.close();
  }
}

/** Applies what the log holds behind the state. Answers how many entries that were. */
async function replay(log: LogFile, store: Store): Promise<number> {
  const machine = new StateMachine();
  const from = store.opened.appliedIndex + 1;
  const { lastIndex, previous } = log.contents;
  if (previous.index >= from) {
    throw new RecoveryRefused(
      `${store.path}: the log begins behind index ${previous.index}, and the state ends at ${from - 1}: what lies between is not here. Recover from another member's directory`,
    );
  }
  for (let next = from; next <= lastIndex;) {
    const entries = await new Promise<Entry[]>((done) => log.read(next as Index, (lastIndex + 1) as Index, replayBytesMax, done));
    assert(entries.length > 0, 'what a log says that it holds can be read');
    store.transact((tables) => {
      const transaction = machine.begin(tables);
      for (const entry of entries) transaction.apply(entry);
      transaction.finish();
    });
    next += entries.length;
  }
  return Math.max(0, lastIndex - from + 1);
}

function refuseAccused(dataDir: string, store: Store, memberId: number): void {
  const alarm = store.snapshot((tables) => alarmToStopFor(tables, memberId, readRepaired(dataDir)));
  if (alarm === null) return;
  throw new RecoveryRefused(`${dataDir}: ${explained(alarm)}. Recover from another member's directory`);
}

/** After the replay that is the end of the log, or of a snapshot that the log was not reset for yet. */
function lastOf(store: Store): { readonly index: number; readonly term: number } {
  const { appliedIndex, appliedTerm } = store.snapshot(positionOfTables);
  return { index: appliedIndex, term: appliedTerm };
}

/** Copies the state into a backup, which is read again before it gets its name. */
async function copied(
  path: string,
  store: Store,
  { clusterId, memberId }: { readonly clusterId: Uint8Array; readonly memberId: number },
): Promise<BackupFacts> {
  const temporary = join(dirname(path), `.${basename(path)}.part`);
  rmSync(temporary, { force: true });
  const pin = store.pin();
  try {
    if (readClusterIdentity(pin.tables) === null)
      throw new RecoveryRefused(
        `${store.path}: neither the state nor the log holds a cluster. Recover from another member's directory`,
      );
    const backup = { takenAtMs: Date.now(), memberId, version: softwareVersion };
    await spool(temporary, pin.tables, { clusterId, position: positionOfTables(pin.tables), backup });
    await syncFile(temporary);
    const facts = await checkBackup(temporary);
    renameSync(temporary, path);
    syncDirectory(dirname(path));
    return facts;
  } finally {
    pin.release();
    rmSync(temporary, { force: true });
  }
}
