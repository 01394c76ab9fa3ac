import { Worker } from 'node:worker_threads';
import type { BackupMark } from '@env-cli/snapshot-file';

import { threadProgram } from './entry-point.ts';

/** What the thread that copies is given. */
export interface BackupOrder {
  /** The directory of the state. */
  readonly statePath: string;
  /** The file to make. */
  readonly path: string;
  readonly mapBytes: number | null;
  readonly mark: BackupMark;
  /** Whether the file is synced, read again and checked in full. */
  readonly checked: boolean;
}

/** A backup that stands in a file. */
export interface BackupCopied {
  readonly epoch: number;
  readonly revision: number;
  /** The log index up to which it has seen everything. */
  readonly appliedIndex: number;
  readonly bytes: number;
}

type Said = { readonly copied: BackupCopied } | { readonly problem: string };

/** A copy of the state on its way into a file, on a thread of its own. */
export class BackupCopy {
  readonly #worker: Worker;
  readonly #ended = Promise.withResolvers<void>();
  readonly #copied = Promise.withResolvers<BackupCopied>();

  constructor(order: BackupOrder) {
    this.#worker = new Worker(threadProgram('backup-worker'), { workerData: order, name: 'backup-worker' });
    this.#worker.on('message', (said: Said) => {
      if ('copied' in said) this.#copied.resolve(said.copied);
      else this.#copied.reject(new Error(said.problem));
    });
    this.#worker.on('error', (error) => this.#copied.reject(error));
    this.#worker.on('exit', () => {
      this.#copied.reject(new Error('the thread that copied the state ended early'));
      this.#ended.resolve();
    });
    this.#copied.promise.catch(() => undefined);
  }

  /** Resolves once the file is whole, and its thread has let go of the state. Rejects with a reason for people. */
  async copied(): Promise<BackupCopied> {
    await this.#ended.promise;
    return this.#copied.promise;
  }

  /** Ends it early. Resolves once its thread has let go of the state: only then may the store be closed. */
  async stop(): Promise<void> {
    this.#worker.postMessage('stop');
    await this.#ended.promise;
  }
}
