import { readLevelHold } from '@env-cli/keyspace';

import { type Member, MemberUnavailable } from '../member/member.ts';
import type { Log } from '../observability/log.ts';
import type { FigureSource } from '../observability/metrics.ts';
import { ownProposal } from '../writes/own-proposal.ts';
import { readyLevel } from './ready-level.ts';

export interface LevelWatchOptions {
  /** Milliseconds for which all members have to be ready before the level is raised; 0: at the first look. */
  readonly raiseAfterMs: number;
  readonly log: Log;
  /** A monotonic clock, in milliseconds. */
  readonly nowMs: () => number;
  /** Calls `run` every so often until what it answers is called. */
  readonly every: (milliseconds: number, run: () => void) => () => void;
}

/** Milliseconds between two looks of the leader at what the members understand. */
export const lookIntervalMs = 250;

/** The longest that a raise may wait to be proposed; the next look begins another. */
const proposalTimeoutMs = 10_000;

/** Who proposes, in the log. */
const principal = 'feature levels';

/**
 * Raises the cluster's feature level once every member has run a program that understands a higher one for long enough, unless people hold it
 * (docs/decisions/0030-feature-levels.md). The leader alone does: one that begins to lead counts the time anew.
 */
export class LevelWatch implements FigureSource {
  readonly #member: Member;
  readonly #options: LevelWatchOptions;
  readonly #endListening: () => void;
  #endLooking: (() => void) | null = null;
  /** For which level all members are ready, and since when; null: for none that the cluster does not have. */
  #ready: { readonly level: number; readonly sinceMs: number } | null = null;
  #raising = false;

  constructor(member: Member, options: LevelWatchOptions) {
    this.#member = member;
    this.#options = options;
    this.#endListening = member.onLeadership((leading) => this.#lead(leading !== null));
  }

  /** Milliseconds until the level is raised if all stays well and nobody holds it; null while members are not ready, or another one leads. */
  raisesInMs(): number | null {
    if (this.#ready === null) return null;
    return Math.max(0, this.#ready.sinceMs + this.#options.raiseAfterMs - this.#options.nowMs());
  }

  figures(): Promise<Readonly<Record<string, number>>> {
    const { memberId, featureLevel, members } = this.#member.view();
    const own = members.find((member) => member.memberId === memberId)?.featureLevelMax ?? 0;
    return Promise.resolve({ feature_level: featureLevel, feature_level_max: own });
  }

  stop(): void {
    this.#endListening();
    this.#lead(false);
  }

  #lead(leads: boolean): void {
    this.#endLooking?.();
    this.#endLooking = null;
    this.#ready = null;
    if (leads) this.#endLooking = this.#options.every(lookIntervalMs, () => this.#look());
  }

  #look(): void {
    const view = this.#member.view();
    const level = readyLevel(view);
    if (level === view.featureLevel) {
      if (this.#ready !== null && level < this.#ready.level)
        this.#options.log.info(`not every member is ready for feature level ${this.#ready.level} any more: the time begins anew`);
      this.#ready = null;
      return;
    }
    if (this.#ready?.level !== level) {
      this.#ready = { level, sinceMs: this.#options.nowMs() };
      const after = `in ${Math.ceil(this.#options.raiseAfterMs / 1000)} s if that stays so, unless it is held`;
      this.#options.log.info(
        `every member understands feature level ${level}, and the cluster has ${view.featureLevel}: it is raised ${after}`,
      );
    }
    if (this.raisesInMs() !== 0 || this.#raising) return;
    this.#raising = true;
    void this.#raise(level).finally(() => (this.#raising = false));
  }

  async #raise(featureLevel: number): Promise<void> {
    const deadline = performance.now() + proposalTimeoutMs;
    try {
      const need = { freshness: { kind: 'strong' }, appliedIndex: 0, deadline } as const;
      if (await this.#member.read(need, readLevelHold)) return;
      const body = { kind: 'raise-level', featureLevel } as const;
      await this.#member.propose(ownProposal(body, { principal }), deadline);
    } catch (error) {
      // A leader that is none any more, or a member that stops: whoever leads looks too.
      if (!(error instanceof MemberUnavailable)) throw error;
    }
  }
}
