import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';

import type { MirrorDefinition } from '@env-cli/mirroring';
import {
  type AttemptEvent,
  type CloudProvider,
  ClusterTwin,
  defaultOutboxLimits,
  HostTwin,
  OutboxWorker,
  type OutboxSource,
  type ReportSink,
} from '@env-cli/outbox';

import { type Disk, nodeDisk } from '../disk.ts';
import { fileProviderOn } from '../file-provider.ts';
import { fileDefinition } from '../file-target.ts';
import type { FileFormatName } from '../format.ts';
import { manifestFolder } from '../names.ts';
import type { CrashingDisk } from './crashing-disk.ts';

/** HMAC-SHA-256 with a key of the test. */
export function hash(bytes: Uint8Array): string {
  return createHmac('sha256', 'a key').update(bytes).digest('hex').slice(0, 32);
}

/** A worker of one member, with its view of the cluster. */
export interface Process {
  readonly worker: OutboxWorker;
  readonly events: AttemptEvent[];
  readonly alarms: string[];
  /** The cluster is not reached any more: another leads, and this one does not know. */
  readonly cut: () => void;
  /** The process is gone. */
  readonly kill: () => void;
}

/** A folder, a cluster and the members that mirror the one to the other. */
export class FileWorld {
  readonly host = new HostTwin();
  readonly cluster = new ClusterTwin();
  readonly directory: string;
  readonly format: FileFormatName;
  readonly #parent = mkdtempSync(join(tmpdir(), 'env-cli-files-'));
  readonly #workers: OutboxWorker[] = [];
  readonly #diskCalls = new Set<Promise<void>>();

  constructor(format: FileFormatName = 'dotenv') {
    this.format = format;
    this.directory = join(this.#parent, 'envs');
  }

  /** Defines the mirror. */
  define(over: Partial<MirrorDefinition> = {}): void {
    this.cluster.define(1, { ...fileDefinition(this.directory, this.format), ...over });
  }

  /** A provider on the folder by itself, for mirror `default/files` of cluster `c1`. */
  provider(disk: Disk = nodeDisk): CloudProvider {
    const definition = fileDefinition(this.directory, this.format);
    return fileProviderOn(disk, definition, { owner: { clusterId: 'c1', mirror: 'default/files' }, hash });
  }

  /** A worker on a machine that will crash, as {@link lead}. */
  async leadOn(machine: CrashingDisk): Promise<Process> {
    const process = this.start(this.#waitedFor(machine.disk));
    machine.onCrash = process.kill;
    return this.takeOver(process);
  }

  /** A worker that leads in a new term, with its wait for the old leader over. */
  lead(): Promise<Process> {
    return this.takeOver(this.start(this.#waitedFor(nodeDisk)));
  }

  /** Makes a worker lead in a new term, until its wait for the old leader is over. */
  async takeOver(process: Process): Promise<Process> {
    this.cluster.term++;
    process.worker.leadership({ term: this.cluster.term });
    await this.host.pass(3_100);
    return process;
  }

  /** A worker that does not lead yet. Time does not stand still for the work of its disk. */
  start(disk: Disk): Process {
    const cut = new AbortController();
    const events: AttemptEvent[] = [];
    const alarms: string[] = [];
    const worker = new OutboxWorker({
      cluster: { clusterId: 'c1', epoch: 1 },
      source: reachedUntil(this.cluster, cut.signal),
      reports: reachedUntil(this.cluster, cut.signal),
      imports: this.cluster,
      open: (definition, context) => fileProviderOn(disk, definition, context),
      hash,
      host: this.host,
      observer: { attempted: (event) => events.push(event), alarm: ({ reason }) => alarms.push(reason), trouble: () => {} },
      limits: defaultOutboxLimits,
    });
    this.cluster.onChange(() => worker.changed());
    this.#workers.push(worker);
    const kill = () => {
      cut.abort();
      worker.leadership(null);
    };
    return { worker, events, alarms, cut: () => cut.abort(), kill };
  }

  /** Until something holds; time stands still while files are being written. */
  until(holds: () => boolean): Promise<void> {
    return this.host.until(holds, () => this.working());
  }

  /** Until nothing is due any more. */
  settled(): Promise<void> {
    return this.until(() => this.cluster.dueOf(1).length === 0);
  }

  /** So much time, and everything that begins in it is finished. */
  async pass(ms: number): Promise<void> {
    let over = false;
    this.host.after(ms, () => (over = true));
    await this.until(() => over);
  }

  /** Somebody else writes a file. */
  meddle(file: string, text: string): void {
    mkdirSync(dirname(join(this.directory, file)), { recursive: true });
    writeFileSync(join(this.directory, file), text);
  }

  /** All files but the manifest's, by their path in the folder. */
  files(): Record<string, string> {
    return Object.fromEntries(this.#paths('').map((path) => [path, readFileSync(join(this.directory, path), 'utf8')]));
  }

  /** The mirrored files, as a reader of such files understands them, by environment. */
  environments(): Record<string, Record<string, string>> {
    const extension = this.format === 'dotenv' ? '.env' : '.json';
    const read = (text: string) => (this.format === 'dotenv' ? parseEnv(text) : JSON.parse(text));
    const mirrored = Object.entries(this.files()).filter(([path]) => path.endsWith(extension));
    return Object.fromEntries(mirrored.map(([path, text]) => [path.slice(0, -extension.length), { ...read(text) }]));
  }

  /** What the cluster says the folder should hold. */
  wanted(): Record<string, Record<string, string>> {
    return Object.fromEntries([...this.cluster.selected(1)].map(([name, variables]) => [name, { ...variables }]));
  }

  /** Names in the manifest's folder. */
  manifest(): string[] {
    return listed(join(this.directory, manifestFolder));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers.map((worker) => worker.stop(0)), this.host.pass(0)]);
    rmSync(this.#parent, { recursive: true });
  }

  /** What a disk is doing; null: nothing. Settles when any of it is done. */
  working(): Promise<unknown> | null {
    return this.#diskCalls.size === 0 ? null : Promise.race(this.#diskCalls);
  }

  /** The disk, with time standing still while it works. */
  #waitedFor(disk: Disk): Disk {
    const wait = <T>(call: Promise<T>): Promise<T> => {
      const end = call.then(
        () => void this.#diskCalls.delete(end),
        () => void this.#diskCalls.delete(end),
      );
      this.#diskCalls.add(end);
      return call;
    };
    return {
      look: (path) => wait(disk.look(path)),
      read: (path, bytesMax) => wait(disk.read(path, bytesMax)),
      list: (path) => wait(disk.list(path)),
      create: (path, bytes) => wait(disk.create(path, bytes)),
      makeFolder: (path) => wait(disk.makeFolder(path)),
      makeRoot: (path) => wait(disk.makeRoot(path)),
      realPath: (path) => wait(disk.realPath(path)),
      rename: (from, to) => wait(disk.rename(from, to)),
      link: (from, to) => wait(disk.link(from, to)),
      unlink: (path) => wait(disk.unlink(path)),
      removeFolder: (path) => wait(disk.removeFolder(path)),
      syncFolder: (path) => wait(disk.syncFolder(path)),
    };
  }

  #paths(folder: string): string[] {
    return listed(join(this.directory, folder)).flatMap((name) => {
      const path = join(folder, name);
      if (path === manifestFolder) return [];
      return statSync(join(this.directory, path)).isDirectory() ? this.#paths(path) : [path];
    });
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}

function reachedUntil(cluster: ClusterTwin, cut: AbortSignal): OutboxSource & ReportSink {
  const reach = <T>(call: () => Promise<T>) => (cut.aborted ? Promise.reject(new Error('no leader')) : call());
  return {
    mirrors: () => reach(() => cluster.mirrors()),
    due: (...query) => reach(() => cluster.due(...query)),
    held: (...query) => reach(() => cluster.held(...query)),
    snapshot: (...query) => reach(() => cluster.snapshot(...query)),
    propose: (...reports) => reach(() => cluster.propose(...reports)),
  };
}
