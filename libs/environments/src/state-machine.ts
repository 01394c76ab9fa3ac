import { readProgress, StateTransaction, type Tables } from '@env-cli/keyspace';

import type { CommittedEntry, EntryOutcome } from './entry.ts';
import { EntryApplier } from './entry-applier.ts';
import { type MachineCaches, readCaches } from './machine-caches.ts';

/**
 * Applies the log to the tables: a function of the state and the entry alone, on every member the same.
 *
 * It remembers things between transactions. If somebody else wrote to the tables since (a snapshot was installed), or the
 * last transaction did not finish, it notices by the applied index and reads them anew.
 */
export class StateMachine {
  #caches: MachineCaches | null = null;
  /** The applied index of the tables that the caches are of. */
  #appliedIndex = -1;

  /** Begins a transaction. Its entries are applied by `apply`, then `finish` writes the rows; nothing is to be read from `tables` between. */
  begin(tables: Tables): MachineTransaction {
    const progress = readProgress(tables);
    if (this.#caches === null || progress.appliedIndex !== this.#appliedIndex) this.#caches = readCaches(tables);
    this.#appliedIndex = -1;
    const transaction = new StateTransaction(tables, progress, this.#caches.sessions);
    return new MachineTransaction(transaction, this.#caches, (appliedIndex) => {
      this.#appliedIndex = appliedIndex;
    });
  }
}

/** What a transaction came to. */
export interface Finished {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly revision: number;
  /** Compaction or a mirror has work left that only further entries move on, be they empty: somebody should propose one. */
  readonly backgroundDue: boolean;
  /** Members came or went, or the feature level rose. */
  readonly clusterChanged: boolean;
}

/** The entries of one transaction. What it writes follows from them alone, wherever transactions begin and end. */
export class MachineTransaction {
  readonly #transaction: StateTransaction;
  readonly #applier: EntryApplier;
  readonly #onFinish: (appliedIndex: number) => void;

  constructor(transaction: StateTransaction, caches: MachineCaches, onFinish: (appliedIndex: number) => void) {
    this.#transaction = transaction;
    this.#applier = new EntryApplier(transaction, caches);
    this.#onFinish = onFinish;
  }

  /** Applies the next entry. Throws `NotUnderstood` when it is of a later version: the transaction is void, and the member stops. */
  apply(entry: CommittedEntry): EntryOutcome {
    return this.#applier.apply(entry);
  }

  /** Writes the rows that the entries changed. */
  finish(): Finished {
    this.#applier.flush();
    this.#transaction.finish();
    const { appliedIndex, appliedTerm, revision } = this.#transaction.progress;
    this.#onFinish(appliedIndex);
    const { clusterChanged } = this.#transaction;
    return { appliedIndex, appliedTerm, revision, backgroundDue: this.#applier.backgroundDue, clusterChanged };
  }
}
