import {
  encodeClusterIdentity,
  encodeLevelHold,
  encodeRoster,
  type MemberIdentity,
  readLevelHold,
  type StateTransaction,
} from '@env-cli/keyspace';
import { assert, equalBytes, unreachable } from '@env-cli/support';

import type { CommandBody } from './command.ts';
import { featureLevelMax } from './levels.ts';
import type { Limits } from './limits.ts';
import { encodeLimitsRow } from './limits-codec.ts';
import { NotUnderstood } from './not-understood.ts';
import { refusalOfRevision } from './position.ts';
import type { CommandResult } from './result.ts';
import type { MachineCaches } from './machine-caches.ts';

type Bodies = Extract<
  CommandBody,
  { readonly kind: 'compact' | 'raise-level' | 'hold-level' | 'set-limits' | 'set-quota' | 'bootstrap' | 'restore' }
>;

/** Carries out what concerns the cluster as a whole. */
export class ClusterCommands {
  readonly #transaction: StateTransaction;
  readonly #caches: MachineCaches;

  constructor(transaction: StateTransaction, caches: MachineCaches) {
    this.#transaction = transaction;
    this.#caches = caches;
  }

  apply(body: Bodies): CommandResult {
    const { progress } = this.#transaction;
    const { revision } = progress;
    switch (body.kind) {
      case 'compact': {
        if (body.revision <= progress.floor) return { kind: 'unchanged', revision };
        const refusal = refusalOfRevision(body.revision, progress);
        if (refusal !== null) return { kind: 'refused', refusal };
        progress.floor = body.revision;
        return { kind: 'applied', revision };
      }
      case 'raise-level':
        return this.#raiseLevel(body.featureLevel);
      case 'hold-level': {
        if (readLevelHold(this.#transaction.tables) === body.held) return { kind: 'unchanged', revision };
        this.#transaction.putMeta('levelHold', encodeLevelHold(body.held));
        return { kind: 'applied', revision };
      }
      case 'set-limits':
        return this.#setLimits(body.limits);
      case 'set-quota': {
        const { limits } = this.#caches;
        if (limits.quotaBytes === body.quotaBytes) return { kind: 'unchanged', revision };
        return this.#setLimits({ ...limits, quotaBytes: body.quotaBytes });
      }
      case 'bootstrap':
        return this.#bootstrap(body);
      case 'restore':
        return this.#restore(body);
      default:
        return unreachable(body);
    }
  }

  #setLimits(limits: Limits): CommandResult {
    this.#caches.limits = limits;
    this.#transaction.putMeta('limits', encodeLimitsRow(limits));
    return { kind: 'applied', revision: this.#transaction.progress.revision };
  }

  #raiseLevel(featureLevel: number): CommandResult {
    const { revision } = this.#transaction.progress;
    const { identity } = this.#caches;
    assert(identity !== null, 'a level is raised in a cluster that is bootstrapped');
    if (featureLevel <= identity.featureLevel) return { kind: 'unchanged', revision };
    if (featureLevel > featureLevelMax) throw new NotUnderstood('level', featureLevel, featureLevelMax);
    this.#caches.identity = { ...identity, featureLevel };
    this.#transaction.putMeta('cluster', encodeClusterIdentity(this.#caches.identity));
    return { kind: 'applied', revision };
  }

  #bootstrap(body: Extract<Bodies, { readonly kind: 'bootstrap' }>): CommandResult {
    if (this.#caches.identity !== null) return { kind: 'refused', refusal: { code: 'already-bootstrapped' } };
    const { clusterId, members, hashKey, featureLevel, limits } = body;
    if (featureLevel > featureLevelMax) throw new NotUnderstood('level', featureLevel, featureLevelMax);
    // The arrays are views on the entry, which lives no longer than its transaction.
    this.#caches.identity = { clusterId: clusterId.slice(), epoch: 1, featureLevel, hashKey: hashKey.slice() };
    this.#caches.limits = limits;
    this.#transaction.putMeta('cluster', encodeClusterIdentity(this.#caches.identity));
    this.#transaction.putMeta('members', rosterOf(members));
    this.#transaction.putMeta('limits', encodeLimitsRow(limits));
    return { kind: 'applied', revision: this.#transaction.progress.revision };
  }

  /** The rows of the backup are here already (`restored-state.ts`); this is what only the members together know of. */
  #restore({ clusterId, epoch, members }: Extract<Bodies, { readonly kind: 'restore' }>): CommandResult {
    const { identity } = this.#caches;
    const { progress } = this.#transaction;
    if (identity === null || progress.appliedIndex > 0) return { kind: 'refused', refusal: { code: 'already-bootstrapped' } };
    assert(equalBytes(identity.clusterId, clusterId), 'members are restored from one backup: its cluster is theirs');
    assert(epoch > identity.epoch, 'a restore raises the epoch');
    this.#caches.identity = { ...identity, epoch };
    this.#transaction.putMeta('cluster', encodeClusterIdentity(this.#caches.identity));
    this.#transaction.putMeta('members', rosterOf(members));
    return { kind: 'applied', revision: progress.revision };
  }
}

/** The row `members` of a cluster that begins. */
function rosterOf(members: readonly MemberIdentity[]): Uint8Array {
  return encodeRoster({ members, memberIdLast: Math.max(...members.map(({ memberId }) => memberId)), replacements: new Map() });
}
