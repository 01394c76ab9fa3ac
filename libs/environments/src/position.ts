import { readClusterIdentity, readProgress, type ReadTables, type Revision, type RevisionGap } from '@env-cli/keyspace';

import type { Refusal } from './refusal.ts';

/** Where a snapshot of the state stands: what tokens, headers and status are made of. */
export interface Position {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** The newest revision. */
  readonly revision: Revision;
  /** The oldest revision that can be read. */
  readonly floor: Revision;
  /** Revisions between the two that cannot be read: those that restores passed over. */
  readonly gaps: readonly RevisionGap[];
  /** The cluster's time for people, milliseconds since 1970. Never goes back. */
  readonly peopleTimeMs: number;
  /** What the state takes, by the count of the quota; 0 until an older version's state was counted. */
  readonly stateBytes: number;
  /** The time by which sessions expire: milliseconds since the cluster began, without its pauses. */
  readonly clusterTimeMs: number;
  /** 16 bytes, or null before `bootstrap` was applied. */
  readonly clusterId: Uint8Array | null;
  /** 0 before `bootstrap` was applied. */
  readonly epoch: number;
  /** 0 before `bootstrap` was applied. */
  readonly featureLevel: number;
}

/** Where the state stands that `tables` show. */
export function positionOf(tables: ReadTables): Position {
  const { appliedIndex, appliedTerm, revision, floor, gaps, peopleTimeMs, clusterTimeMs, stateBytes } = readProgress(tables);
  const identity = readClusterIdentity(tables);
  return {
    appliedIndex,
    appliedTerm,
    revision,
    floor,
    gaps,
    peopleTimeMs,
    clusterTimeMs,
    stateBytes: Math.max(stateBytes, 0),
    clusterId: identity?.clusterId ?? null,
    epoch: identity?.epoch ?? 0,
    featureLevel: identity?.featureLevel ?? 0,
  };
}

/** Why a revision cannot be read, or null when it can. */
export function refusalOfRevision(
  asked: Revision,
  { revision, floor, gaps }: Pick<Position, 'revision' | 'floor' | 'gaps'>,
): Refusal | null {
  if (asked < floor) return { code: 'compacted', asked, oldest: floor };
  if (asked > revision) return { code: 'future-revision', asked, newest: revision };
  const gap = gaps.find(({ below, above }) => asked > below && asked < above);
  return gap === undefined ? null : { code: 'compacted', asked, oldest: gap.above };
}
