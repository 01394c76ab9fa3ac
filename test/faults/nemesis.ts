import { setTimeout as pause } from 'node:timers/promises';

import { type FaultKind, isNetworkFault, kindsOf, makeFault } from './faults.ts';
import type { Trial } from './trial.ts';

/** The longest that nothing is troubled between two faults, in milliseconds. */
const calmMsMax = 800;

/** Makes faults one after another, or two at once, until told to stop. All choices are drawn from the trial's seed. */
export class Nemesis {
  /** How many faults there were of each kind. */
  readonly made = new Map<FaultKind, number>();
  readonly #trial: Trial;
  readonly #say: (line: string) => void;

  constructor(trial: Trial, say: (line: string) => void) {
    this.#trial = trial;
    this.#say = say;
  }

  /** Each kind once, in an order that is drawn, so that none is missed. */
  async each(): Promise<void> {
    for (const kind of shuffled(kindsOf(this.#trial), this.#trial)) await this.#make([kind]);
  }

  /** Single faults, and now and then one of the network together with another. */
  async until(isOver: () => boolean): Promise<void> {
    const kinds = kindsOf(this.#trial);
    while (!isOver()) {
      const { random } = this.#trial;
      const one = random.pick(kinds);
      const other = random.pick(kinds);
      // Where all members are dead nobody tells who leads, and there is nobody to part.
      const canPair = one !== 'kill all' && other !== 'kill all' && isNetworkFault(one) !== isNetworkFault(other);
      const both = random.fraction() < 0.4 && canPair;
      await this.#make(both ? [one, other] : [one]);
    }
  }

  async #make(kinds: readonly FaultKind[]): Promise<void> {
    const told = await Promise.allSettled(kinds.map((kind) => makeFault(this.#trial, kind)));
    kinds.forEach((kind, i) => {
      const outcome = told[i]!;
      if (outcome.status === 'rejected') throw outcome.reason;
      this.#say(`${kind}: ${outcome.value}`);
      this.made.set(kind, (this.made.get(kind) ?? 0) + 1);
    });
    await this.#trial.mend();
    await pause(this.#trial.random.span(0, calmMsMax));
  }
}

function shuffled<T>(list: readonly T[], { random }: Trial): T[] {
  return list
    .map((one) => ({ one, key: random.fraction() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ one }) => one);
}
