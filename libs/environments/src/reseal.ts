import { type SecretValue, type StateTransaction, type VariableCursor, withValues } from '@env-cli/keyspace';
import { equalBytes } from '@env-cli/support';

import type { ResealedValue, ResealBody } from './command.ts';
import type { CommandResult } from './result.ts';

/**
 * Puts values that were sealed anew in the place of what they were made of. It is the same text under another key: nothing that
 * anybody can read changes, so it takes no revision, and is no change in the history.
 *
 * Where the variable holds something else by now (its key and nonce tell), it stays as it is.
 */
export function reseal(transaction: StateTransaction, namespace: string, { values }: ResealBody): CommandResult {
  const { revision } = transaction.progress;
  const byEnvironment = new Map<string, ResealedValue[]>();
  for (const value of values) {
    const others = byEnvironment.get(value.environment);
    if (others === undefined) byEnvironment.set(value.environment, [value]);
    else others.push(value);
  }
  let changed = false;
  for (const [name, resealed] of byEnvironment) {
    const row = transaction.environments.get(namespace, name);
    const live = row?.live ?? null;
    if (row === null || live === null) continue;
    const replaced = new Map<string, SecretValue>();
    for (const one of resealed) {
      const cursor = live.cursorAt(one.variable);
      if (cursor !== null && isMadeOf(one, cursor)) replaced.set(one.variable, { hash: one.hash, value: one.value });
    }
    if (replaced.size === 0) continue;
    transaction.environments.putLive(namespace, name, row.chain, withValues(live, replaced));
    changed = true;
  }
  return { kind: changed ? 'applied' : 'unchanged', revision };
}

/** Whether a variable still holds what was sealed anew. */
function isMadeOf({ keyId, nonce }: ResealedValue, cursor: VariableCursor): boolean {
  const { value, hash } = cursor;
  if (value.kind === 'sealed') return value.keyId === keyId && equalBytes(value.nonce, nonce);
  return hash !== null && keyId === 0 && equalBytes(hash.subarray(0, nonce.length), nonce);
}

/** How many environments values are of. */
export function environmentsOf(values: readonly ResealedValue[]): number {
  return new Set(values.map(({ environment }) => environment)).size;
}
