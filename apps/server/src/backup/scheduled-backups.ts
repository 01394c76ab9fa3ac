import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf } from '@env-cli/support';

import type { Member } from '../member/member.ts';
import type { Log } from '../observability/log.ts';
import type { FigureSource } from '../observability/metrics.ts';
import { backupName, backupsAmong, type Retention, superfluous } from './backup-name.ts';
import { lackOfRoom } from './room.ts';

export interface ScheduleOptions extends Retention {
  /** The folder; made if its parent exists. */
  readonly folder: string;
  /** Milliseconds between two backups of the cluster. */
  readonly intervalMs: number;
  readonly storageBytes: () => number;
  readonly log: Pick<Log, 'error' | 'info'>;
  /** The clock of the machine, and a timer of it. A test gives its own. */
  readonly nowMs: () => number;
  readonly after: (milliseconds: number, run: () => void) => () => void;
}

/** The longest after which a backup that failed is tried again, in milliseconds. */
const retryMsMax = 300_000;

/** How long it is waited for a cluster to begin, in milliseconds. */
const beginningMs = 1_000;

/** The longest that a timer waits: what is due is looked at again then, for clocks are set and folders are shared. */
const lookMsMax = 3_600_000;

/**
 * Takes a backup of the cluster again and again, into a folder, while this member leads.
 *
 * Whether one is due is read from the folder, so that neither a new leader nor a restart takes one too many where members share it. A file has its
 * name only when it was synced, read again and found whole; older ones go only after that.
 */
export class ScheduledBackups implements FigureSource {
  readonly #member: Member;
  readonly #options: ScheduleOptions;
  readonly #clusterId: string;
  readonly #temporaryPrefix: string;
  readonly #endListening: () => void;
  readonly #stop = new AbortController();
  #leads = false;
  #cancel: (() => void) | null = null;
  #running: Promise<void> | null = null;
  #taken = 0;
  #failed = 0;
  #lastTakenMs = 0;
  #lastBytes = 0;

  constructor(member: Member, options: ScheduleOptions) {
    this.#member = member;
    this.#options = options;
    this.#clusterId = hexOf(member.identity.clusterId);
    // Its own: what another member writes into a shared folder is not taken for left behind.
    this.#temporaryPrefix = `.new-env-cli-${this.#clusterId.slice(0, 8)}-member-${member.identity.memberId}-`;
    this.#endListening = member.onLeadership((leading) => {
      this.#leads = leading !== null;
      this.#cancel?.();
      this.#cancel = null;
      if (this.#leads) this.#look();
    });
  }

  figures(): Promise<Record<string, number>> {
    return Promise.resolve({
      'backup_scheduled_total{outcome="taken"}': this.#taken,
      'backup_scheduled_total{outcome="failed"}': this.#failed,
      backup_last_timestamp_seconds: this.#lastTakenMs / 1_000,
      backup_last_bytes: this.#lastBytes,
    });
  }

  /** Ends it; a backup under way is given up. */
  async stop(): Promise<void> {
    this.#endListening();
    this.#leads = false;
    this.#cancel?.();
    this.#stop.abort();
    await this.#running;
  }

  /** Sees whether one is due. */
  #look(): void {
    if (!this.#leads || this.#running !== null) return;
    this.#running = this.#lookNow();
  }

  async #lookNow(): Promise<void> {
    const waitMs = await this.#lookAndTake();
    this.#running = null;
    if (this.#leads) this.#cancel = this.#options.after(Math.min(waitMs, lookMsMax), () => this.#look());
  }

  /** Takes a backup if one is due. Answers how long to wait until the next look. */
  async #lookAndTake(): Promise<number> {
    const { folder, intervalMs, nowMs, log } = this.#options;
    // A new cluster, whose first entry is on its way.
    if (this.#member.view().appliedIndex === 0) return beginningMs;
    try {
      if (!existsSync(folder)) await mkdir(folder, { mode: 0o700 });
      const names = await readdir(folder);
      for (const name of names) if (name.startsWith(this.#temporaryPrefix)) await rm(join(folder, name), { force: true });
      const [newest] = backupsAmong(names, this.#clusterId);
      const waitMs = newest === undefined ? 0 : newest.takenAtMs + intervalMs - nowMs();
      if (waitMs > 0) return waitMs;
      await this.#take();
      return intervalMs;
    } catch (error) {
      if (this.#stop.signal.aborted) return intervalMs;
      this.#failed++;
      const problem = error instanceof Error ? error.message : String(error);
      log.error({ folder, problem }, 'the scheduled backup failed; older ones are kept, and it is tried again');
      return Math.min(intervalMs, retryMsMax);
    }
  }

  async #take(): Promise<void> {
    const { folder, storageBytes, nowMs, log } = this.#options;
    const lack = lackOfRoom(folder, storageBytes());
    if (lack !== null)
      throw new Error(`the folder's disk has ${lack.freeBytes} bytes free, and a backup may need ${lack.neededBytes}`);
    const temporary = join(folder, `${this.#temporaryPrefix}${randomBytes(6).toString('hex')}`);
    try {
      const takenAtMs = nowMs();
      const { revision, bytes } = await this.#member.backUp(temporary, { checked: true, signal: this.#stop.signal });
      const name = backupName(this.#clusterId, takenAtMs, revision);
      await rename(temporary, join(folder, name));
      await syncFolder(folder);
      this.#taken++;
      this.#lastTakenMs = takenAtMs;
      this.#lastBytes = bytes;
      log.info({ file: join(folder, name), revision, bytes }, 'the scheduled backup was taken and checked');
      await this.#tidy();
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async #tidy(): Promise<void> {
    const { folder, nowMs, log } = this.#options;
    const gone = superfluous(backupsAmong(await readdir(folder), this.#clusterId), this.#options, nowMs());
    for (const { name } of gone) await rm(join(folder, name), { force: true });
    if (gone.length > 0) log.info({ folder, files: gone.map(({ name }) => name) }, 'older backups were removed');
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
