import {
  environmentAt,
  environmentKeyBytes,
  type EnvironmentReader,
  readEnvironmentRow,
  readLive,
  readProgress,
  type ReadTables,
  type Revision,
} from '@env-cli/keyspace';

import { refusalOfRevision } from './position.ts';
import type { Refusal } from './refusal.ts';

/** Which environment, and of when: null is the newest state. */
export interface EnvironmentRequest {
  readonly namespace: string;
  readonly name: string;
  readonly revision: Revision | null;
}

/** An environment; or that there was none at that revision; or why that cannot be told. */
export type EnvironmentAnswer =
  | { readonly kind: 'found'; readonly environment: EnvironmentReader }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Reads one environment. */
export function getEnvironment(tables: ReadTables, request: EnvironmentRequest): EnvironmentAnswer {
  const { namespace, name, revision } = request;
  if (revision === null) return answerOf(readNewest(tables, namespace, name));
  const position = readProgress(tables);
  const refusal = refusalOfRevision(revision, position);
  if (refusal !== null) return { kind: 'refused', refusal };
  return answerOf(readAt(tables, namespace, name, revision, position.floor));
}

/** Which environments of one namespace, and how much of them: one is answered in any case. */
export interface BatchRequest {
  readonly namespace: string;
  readonly names: readonly string[];
  readonly revision: Revision | null;
  /** Bytes of records after which no further one is answered. */
  readonly bytesMax: number;
}

/** Environments in the order of the names, null where there is none. */
export type BatchAnswer =
  | {
      readonly kind: 'answered';
      readonly environments: readonly (EnvironmentReader | null)[];
      /** How many of the names were answered; the rest did not fit. */
      readonly answered: number;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Reads several environments from one state. */
export function batchGet(tables: ReadTables, request: BatchRequest): BatchAnswer {
  const { namespace, names, revision, bytesMax } = request;
  const position = readProgress(tables);
  const refusal = revision === null ? null : refusalOfRevision(revision, position);
  if (refusal !== null) return { kind: 'refused', refusal };
  const environments: (EnvironmentReader | null)[] = [];
  let bytes = 0;
  for (const name of names) {
    if (bytes >= bytesMax) break;
    const environment =
      revision === null ? readNewest(tables, namespace, name) : readAt(tables, namespace, name, revision, position.floor);
    environments.push(environment);
    bytes += environment?.content.length ?? 0;
  }
  return { kind: 'answered', environments, answered: environments.length };
}

function answerOf(environment: EnvironmentReader | null): EnvironmentAnswer {
  return environment === null ? { kind: 'absent' } : { kind: 'found', environment };
}

function readNewest(tables: ReadTables, namespace: string, name: string): EnvironmentReader | null {
  const bytes = tables.get('environments', environmentKeyBytes(namespace, name));
  return bytes === undefined ? null : readLive(namespace, name, bytes);
}

/** The environment at a revision that is known to be readable. */
export function readAt(
  tables: ReadTables,
  namespace: string,
  name: string,
  revision: Revision,
  floor: Revision,
): EnvironmentReader | null {
  const bytes = tables.get('environments', environmentKeyBytes(namespace, name));
  if (bytes === undefined) return null;
  return environmentAt(tables, namespace, name, readEnvironmentRow(namespace, name, bytes), revision, floor);
}
