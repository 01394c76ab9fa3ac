import { rmSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import { positionOf, StateMachine } from '@env-cli/environments';
import { readClusterIdentity, readMembership, readRoster, type ReadTables, type Tables } from '@env-cli/keyspace';
import { type AppliedBatch, ApplyLoop, type MachineTransaction } from '@env-cli/replica';
import {
  DataDirectoryRefused,
  installSnapshot,
  newSpoolPath,
  openState,
  spool,
  type Store,
  type StoreOptions,
} from '@env-cli/store-lmdb';

import { roomMarginBytes } from '../backup/room.ts';
import { entriesOf, flattenResults } from './flat.ts';
import { LoopDelay } from './loop-delay.ts';
import type { KnownCluster } from './neighbours.ts';
import { positionOfTables } from './position-of-tables.ts';
import { processMs } from './process-clock.ts';
import { Scrubber } from './scrubber.ts';
import type { ApplyStart, ApplyToApi, ApplyToConsensus, ConsensusToApply, StateReport } from './thread-messages.ts';
import { Turns } from './turns.ts';
import type { ThreadHost, ThreadService } from './worker-main.ts';

/** Milliseconds between two looks whether a checkpoint is due, when nothing is applied. */
const idleMs = 250;

/**
 * Milliseconds by which the consensus thread may learn later what was applied: nobody waits for it there, and each word
 * wakes a thread. Its window of entries that are handed out (16 MiB) is far larger than what is applied in so long.
 */
const wordMs = 10;

/** The thread that owns the state: committed entries in, results out, checkpoints, snapshots. */
export class ApplyThread implements ThreadService<StateReport> {
  readonly #start: ApplyStart;
  readonly #host: ThreadHost;
  readonly #turns = new Turns(() => this.#turn());
  readonly #delay = new LoopDelay('apply');
  readonly #timer: NodeJS.Timeout;
  readonly #loop: ApplyLoop;
  readonly #storeOptions: StoreOptions;
  readonly #scrubber: Scrubber;
  #store: Store;
  #machine = new StateMachine();
  #transactions = 0;
  #transactSeconds = 0;
  #installing: string | null = null;
  /** Pending while the old state is closed and the one that was installed is not open yet: meanwhile there is none. */
  #switching: Promise<void> = Promise.resolve();
  #halted = false;
  #appliedIndex = 0;
  /** Members, or the feature level, are others than the consensus thread was told. */
  #clusterChanged = false;
  /** Set while the consensus thread does not know of all that is applied. */
  #word: NodeJS.Timeout | null = null;

  private constructor(start: ApplyStart, host: ThreadHost, storeOptions: StoreOptions, store: Store) {
    this.#start = start;
    this.#host = host;
    this.#storeOptions = storeOptions;
    this.#store = store;
    this.#loop = new ApplyLoop(
      { memberId: start.memberId, startNonce: start.startNonce, appliedIndex: store.opened.appliedIndex },
      {
        store: {
          transact: (work) => {
            const beganMs = processMs();
            this.#store.transact((tables) => work(this.#scrubber.watched(tables)));
            this.#transactions++;
            this.#transactSeconds += (processMs() - beganMs) / 1000;
          },
          checkpointDue: (nowMs) => this.#store.checkpointDue(nowMs),
          checkpoint: (nowMs, done) => this.#store.checkpoint(nowMs, done),
        },
        machine: { begin: (tables) => this.#begin(tables) },
        observer: {
          applied: (batch) => this.#applied(batch),
          checkpointed: (index) => {
            this.#tellApplied();
            this.#toConsensus({ kind: 'checkpointed', index });
          },
          backgroundDue: () => this.#toConsensus({ kind: 'background-due' }),
        },
        clock: { monotonicMs: processMs, wallMs: () => Date.now() },
        wake: this.#turns.request,
      },
    );
    this.#scrubber = new Scrubber(start.scrubIntervalMs, {
      snapshot: (work) => this.#store.snapshot(work),
      nowMs: processMs,
      after: (milliseconds, run) => {
        const timer = setTimeout(() => this.#guarded(run), milliseconds);
        return () => clearTimeout(timer);
      },
      scrubbed: (scrubbed) => this.#toApi({ kind: 'scrubbed', scrubbed, index: this.#loop.appliedIndex }),
    });
    start.consensus.on('message', (message: ConsensusToApply) => this.#take(message));
    this.#timer = setInterval(this.#turns.request, idleMs);
  }

  static async open(start: ApplyStart, host: ThreadHost): Promise<ApplyThread> {
    const options: StoreOptions = {
      owner: { clusterId: start.clusterId, memberId: start.memberId },
      readPosition: positionOfTables,
      onFailure: (failure) => host.fail(failure),
      ...(start.mapBytes === null ? {} : { mapBytes: start.mapBytes }),
    };
    const thread = new ApplyThread(start, host, options, await openState(start.dataDir, options));
    host.atEnd(() => thread.#abandon());
    return thread;
  }

  get report(): StateReport {
    return this.#store.snapshot((tables) => reportOf(this.#store.path, tables));
  }

  metrics(): Record<string, number> {
    return {
      apply_transactions_total: this.#transactions,
      apply_transactions_seconds_total: this.#transactSeconds,
      store_checkpoint_index: this.#store.checkpointed.appliedIndex,
      ...this.#delay.take(),
    };
  }

  async close(): Promise<void> {
    await this.#switching;
    while (!this.#loop.idle) this.#loop.turn();
    this.#tellApplied();
    this.#halt();
    await this.#store.stop();
    for (const port of [this.#start.consensus, this.#start.api]) port.close();
  }

  #take(message: ConsensusToApply): void {
    switch (message.kind) {
      case 'entries':
        return this.#loop.apply(entriesOf(message.entries));
      case 'spool':
        void this.#spool();
        return;
      case 'install':
        this.#installing = message.path;
        return this.#turns.request();
    }
  }

  #begin(tables: Tables): MachineTransaction {
    const transaction = this.#machine.begin(tables);
    return {
      apply: (entry) => transaction.apply(entry),
      finish: () => {
        const finished = transaction.finish();
        this.#clusterChanged ||= finished.clusterChanged;
        return finished;
      },
    };
  }

  #turn(): void {
    if (!this.#guarded(() => this.#loop.turn())) return;
    if (this.#clusterChanged) {
      this.#clusterChanged = false;
      this.#toConsensus({ kind: 'cluster-changed', ...this.#store.snapshot(knownCluster) });
    }
    if (this.#installing === null || !this.#loop.idle) return;
    const path = this.#installing;
    this.#installing = null;
    void this.#install(path);
  }

  /** Does something with the state; the member stops when that fails. Answers whether it was done. */
  #guarded(work: () => void): boolean {
    if (this.#halted) return false;
    try {
      work();
      return true;
    } catch (error) {
      this.#host.fail(error);
      return false;
    }
  }

  #applied({ index, term, revision, results, hashes }: AppliedBatch): void {
    const flat = flattenResults(results);
    const toApi: ApplyToApi = { kind: 'applied', index, term, revision, results: flat, hashes };
    // The API thread first: somebody waits there.
    post(this.#start.api, toApi, flat === null ? [] : [flat.counters, flat.indexes, flat.kinds, flat.revisions]);
    this.#appliedIndex = index;
    this.#word ??= setTimeout(() => this.#tellApplied(), wordMs);
  }

  #tellApplied(): void {
    if (this.#word === null) return;
    clearTimeout(this.#word);
    this.#word = null;
    this.#toConsensus({ kind: 'applied', index: this.#appliedIndex });
  }

  async #spool(): Promise<void> {
    await this.#switching;
    if (this.#halted) return;
    const pin = this.#store.pin();
    const path = newSpoolPath(this.#start.dataDir);
    try {
      const position = positionOfTables(pin.tables);
      await spool(path, pin.tables, { clusterId: this.#start.clusterId, position, backup: null }, roomMarginBytes);
      this.#toConsensus({ kind: 'spooled', path, index: position.appliedIndex, term: position.appliedTerm });
    } catch (error) {
      // A disk too full for a second copy of the state is no reason to stop: the other member asks again.
      rmSync(path, { force: true });
      this.#toConsensus({ kind: 'spool-failed', problem: (error as Error).message });
    } finally {
      pin.release();
    }
  }

  async #install(path: string): Promise<void> {
    try {
      await installSnapshot(this.#start.dataDir, path, this.#storeOptions);
    } catch (error) {
      if (!(error instanceof DataDirectoryRefused)) return this.#host.fail(error);
      this.#toConsensus({ kind: 'install-refused', problem: error.message });
      return undefined;
    }
    // The next start opens it.
    if (!this.#halted) this.#switching = this.#switch();
    return undefined;
  }

  /** Goes over to the state that was installed. Never rejects. */
  async #switch(): Promise<void> {
    try {
      this.#scrubber.replaced();
      await this.#store.abandon();
      this.#store = await openState(this.#start.dataDir, this.#storeOptions);
      this.#machine = new StateMachine();
      this.#tellApplied();
      const state = this.report;
      this.#loop.replaced(state.appliedIndex);
      this.#toApi({ kind: 'state-replaced', state });
      this.#toConsensus({ kind: 'installed', state });
    } catch (error) {
      this.#host.fail(error);
    }
  }

  /** Nothing is done any more, and nothing told. */
  #halt(): void {
    this.#halted = true;
    clearInterval(this.#timer);
    this.#scrubber.close();
    if (this.#word !== null) clearTimeout(this.#word);
    this.#word = null;
    this.#delay.close();
  }

  async #abandon(): Promise<void> {
    this.#halt();
    // Not within the call that failed: it may stand in the middle of a transaction.
    await new Promise((resolve) => setImmediate(resolve));
    await this.#store.abandon();
  }

  #toApi(message: ApplyToApi): void {
    this.#start.api.postMessage(message);
  }

  #toConsensus(message: ApplyToConsensus): void {
    this.#start.consensus.postMessage(message);
  }
}

function reportOf(path: string, tables: ReadTables): StateReport {
  const { appliedIndex, appliedTerm, revision, epoch } = positionOf(tables);
  return {
    path,
    appliedIndex,
    appliedTerm,
    revision,
    membership: readMembership(tables),
    epoch,
    ...knownCluster(tables),
  };
}

function knownCluster(tables: ReadTables): KnownCluster {
  return { ...readRoster(tables), featureLevel: readClusterIdentity(tables)?.featureLevel ?? 0 };
}

function post(port: MessagePort, message: object, arrays: readonly ArrayBufferView[]): void {
  port.postMessage(
    message,
    arrays.map((array) => array.buffer as ArrayBuffer),
  );
}
