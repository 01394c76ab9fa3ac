import { metaKeys, type ReadTables, type StateTransaction } from '@env-cli/keyspace';
import { unreachable } from '@env-cli/support';

import type { CommandBody } from './command.ts';
import {
  type DataKey,
  dataKeysMax,
  decodeKeyring,
  encodeKeyring,
  type Keyring,
  sealsPerDataKeyMax,
  type WrappedKey,
} from './keyring-row.ts';
import type { MachineCaches } from './machine-caches.ts';
import type { Refusal } from './refusal.ts';
import type { CommandResult } from './result.ts';

type Bodies = Extract<
  CommandBody,
  { readonly kind: 'found-keyring' | 'add-data-key' | 'take-seals' | 'rewrap-keys' | 'mark-resealed' }
>;

/**
 * Carries out what concerns the keys of secrets. Apply sees them wrapped only, and cannot tell a good one from a bad one: whoever
 * proposes them has unwrapped what is there first.
 */
export class KeyringCommands {
  readonly #transaction: StateTransaction;
  readonly #caches: MachineCaches;

  constructor(transaction: StateTransaction, caches: MachineCaches) {
    this.#transaction = transaction;
    this.#caches = caches;
  }

  apply(body: Bodies): CommandResult {
    const { revision } = this.#transaction.progress;
    const before = readKeyring(this.#transaction.tables);
    const after = this.#changed(body, before);
    if (after === null) return { kind: 'unchanged', revision };
    if ('code' in after) return { kind: 'refused', refusal: after };
    this.#caches.seals = true;
    this.#transaction.putMeta('keyring', encodeKeyring(after));
    return { kind: 'applied', revision };
  }

  /** Null: somebody else was first, and the proposer has to look again. */
  #changed(body: Bodies, before: Keyring | null): Keyring | Refusal | null {
    if (body.kind === 'found-keyring') {
      if (before !== null) return null;
      const { masterKey, hashKey, dataKey } = body;
      const first = this.#dataKey(1, dataKey);
      return { version: 1, masterKey: masterKey.slice(), hashKey: keptOf(hashKey), dataKeys: [first], resealedId: 0 };
    }
    if (before === null) return null;
    const { version, dataKeys } = before;
    const newest = dataKeys.at(-1)!;
    switch (body.kind) {
      case 'add-data-key':
        if (body.id !== newest.id + 1) return null;
        if (dataKeys.length >= dataKeysMax) return { code: 'too-many-data-keys', max: dataKeysMax };
        return { ...before, version: version + 1, dataKeys: [...dataKeys, this.#dataKey(body.id, body.key)] };
      case 'take-seals': {
        // Not only the newest: members take to a new key a little later than it is there.
        const of = dataKeys.find(({ id }) => id === body.id);
        if (of === undefined || of.sealsTaken + body.count > sealsPerDataKeyMax) return null;
        const taken = { ...of, sealsTaken: of.sealsTaken + body.count };
        return { ...before, dataKeys: dataKeys.map((key) => (key === of ? taken : key)) };
      }
      case 'rewrap-keys': {
        if (body.version !== version || body.dataKeys.length !== dataKeys.length) return null;
        return {
          ...before,
          version: version + 1,
          masterKey: body.masterKey.slice(),
          hashKey: keptOf(body.hashKey),
          dataKeys: dataKeys.map((key, place) => ({ ...key, ...keptOf(body.dataKeys[place]!) })),
        };
      }
      case 'mark-resealed':
        return body.id <= newest.id && body.id > before.resealedId ? { ...before, resealedId: body.id } : null;
      default:
        return unreachable(body);
    }
  }

  #dataKey(id: number, key: WrappedKey): DataKey {
    return { id, createdAtMs: this.#transaction.progress.peopleTimeMs, sealsTaken: 0, ...keptOf(key) };
  }
}

/** A copy: the arrays of a command are views on the entry, which lives no longer than its transaction. */
function keptOf({ wrapped, check }: WrappedKey): WrappedKey {
  return { wrapped: wrapped.slice(), check: check.slice() };
}

/** The keys of the cluster's secrets; null when nothing was ever sealed. */
export function readKeyring(tables: ReadTables): Keyring | null {
  const bytes = tables.get('meta', metaKeys.keyring);
  return bytes === undefined ? null : decodeKeyring(bytes);
}
