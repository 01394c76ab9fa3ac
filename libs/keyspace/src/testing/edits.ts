import { encodeUtf8 } from '@env-cli/support';

import type { EnvironmentDraft } from '../environment-draft.ts';
import { MemoryTables } from '../memory-tables.ts';
import { readProgress } from '../meta.ts';
import type { Revision } from '../revision.ts';
import { StateTransaction } from '../state-transaction.ts';

const none = new Uint8Array(0);

/** Begins a transaction as the state machine does. */
export function beginOn(tables: MemoryTables): StateTransaction {
  return new StateTransaction(tables, readProgress(tables), new Map());
}

/** A plain variable without type and comment. */
export function plain(name: string, value: string) {
  return {
    name,
    value: { kind: 'plain', bytes: encodeUtf8(value) },
    secret: false,
    hash: null,
    type: null,
    comment: none,
  } as const;
}

/** Commits one edit of one environment. Answers the revision, or null when it changed nothing. */
export function edit(transaction: StateTransaction, name: string, change: (draft: EnvironmentDraft) => void): Revision | null {
  const revision = (transaction.progress.revision + 1) as Revision;
  const draft = transaction.draft('default', name, {
    revision,
    timeMs: revision * 1000,
    principal: `user-${revision}`,
    reason: none,
  });
  change(draft);
  const net = draft.net();
  if (net === null) return null;
  transaction.commit([{ draft, net }]);
  return revision;
}

/** Tables that count what is read of them. */
export class CountingTables extends MemoryTables {
  reads = 0;

  override get(...args: Parameters<MemoryTables['get']>): Uint8Array | undefined {
    this.reads++;
    return super.get(...args);
  }

  override range(...args: Parameters<MemoryTables['range']>): ReturnType<MemoryTables['range']> {
    const rows = super.range(...args);
    this.reads += rows.length;
    return rows;
  }
}
