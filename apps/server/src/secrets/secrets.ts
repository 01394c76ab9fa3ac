import { readKeyring } from '@env-cli/environments';
import { type ReadTables, readClusterIdentity, type VariableCursor, type VariableValue } from '@env-cli/keyspace';

import { Refused } from '../errors/refused.ts';

/** Which variable a value is of. What is sealed for one place opens at no other. */
export interface SecretPlace {
  readonly namespace: string;
  readonly environment: string;
  readonly variable: string;
}

/** The texts of secrets on their way in and out. All of it happens on the API thread; behind it there are sealed bytes only. */
export interface Secrets {
  /** Whether secrets leave this member sealed. */
  readonly seals: boolean;

  /** The key of the hashes of secrets (32 bytes). Throws {@link Refused} where this member cannot have it. */
  hashKeyIn(tables: ReadTables): Uint8Array;

  /**
   * Makes sure that `count` secrets can be sealed at once. Null: they can, and nobody has to wait. Rejects with `MemberUnavailable` when the
   * cluster gives none, and with {@link Refused}.
   */
  ready(count: number): Promise<void> | null;

  /** A secret's text as it is proposed. Throws {@link Refused}. */
  seal(place: SecretPlace, text: Uint8Array): VariableValue;

  /** The text of the secret on which a cursor stands. Throws {@link Refused}. */
  open(place: SecretPlace, cursor: VariableCursor): Uint8Array;
}

/** Secrets of a cluster that seals none: they lie on its disks as they are. Somebody asked for it by `--plain-secrets`. */
export const plainSecrets: Secrets = {
  seals: false,
  hashKeyIn: clusterHashKey,
  ready: () => null,
  seal: (_place, bytes) => ({ kind: 'plain', bytes }),
  open: (place, cursor) => {
    if (cursor.sealed) throw locked(place);
    return cursor.valueBytes;
  },
};

/** A member without a master key: it takes and shows no secrets. */
export const lockedSecrets: Secrets = {
  seals: false,
  hashKeyIn: clusterHashKey,
  ready: () => null,
  seal: (place) => {
    throw locked(place);
  },
  open: (place) => {
    throw locked(place);
  },
};

/** The key of a cluster that seals nothing. Where it does, hashes by this one would compare with nothing, and refuse what should be. */
function clusterHashKey(tables: ReadTables): Uint8Array {
  if (readKeyring(tables) !== null) throw new Refused({ code: 'secrets-locked', environment: '', variable: '' });
  const identity = readClusterIdentity(tables);
  if (identity === null) throw new Refused({ code: 'not-bootstrapped' });
  return identity.hashKey;
}

function locked({ environment, variable }: SecretPlace): Refused {
  return new Refused({ code: 'secrets-locked', environment, variable });
}
