import type { Index } from './entry.ts';
import type { Progress } from './progress.ts';

/** When a learner counts as caught up. */
export interface CatchUpLimits {
  readonly electionTicks: number;
  readonly promotionTicks: number;
}

/**
 * A joining learner's way to its vote, as its leader sees it tick by tick (thesis §4.2.1).
 *
 * Its log is brought up in rounds: each brings what the leader's log had when the round began. A learner that needs less than an election timeout
 * for a round would hold the cluster up for no longer than an election does. It has to be so, and to answer, for `promotionTicks` without a break.
 */
export class CatchUp {
  readonly #limits: CatchUpLimits;
  #roundEnd: Index;
  #roundTicks = 0;
  #caughtUp = false;
  #answeredRound = 0;
  #matchIndex = 0 as Index;
  #silentTicks = 0;
  #healthyTicks = 0;

  /** `lastIndex` is the leader's. */
  constructor(lastIndex: Index, limits: CatchUpLimits) {
    this.#roundEnd = lastIndex;
    this.#limits = limits;
  }

  /** A tick has passed. Whether the learner is ripe to vote. */
  tick({ matchIndex, answeredRound }: Pick<Progress, 'matchIndex' | 'answeredRound'>, lastIndex: Index): boolean {
    const { electionTicks, promotionTicks } = this.#limits;
    const isHeard = matchIndex > this.#matchIndex || answeredRound > this.#answeredRound;
    this.#silentTicks = isHeard ? 0 : this.#silentTicks + 1;
    this.#matchIndex = matchIndex;
    this.#answeredRound = answeredRound;
    this.#roundTicks++;
    if (this.#roundTicks > electionTicks) this.#caughtUp = false;
    if (matchIndex >= this.#roundEnd) {
      this.#caughtUp = this.#roundTicks <= electionTicks;
      this.#roundEnd = lastIndex;
      this.#roundTicks = 0;
    }
    this.#healthyTicks = this.#caughtUp && this.#silentTicks < electionTicks ? this.#healthyTicks + 1 : 0;
    return this.#healthyTicks >= promotionTicks;
  }
}
