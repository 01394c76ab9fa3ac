import type { Effect, Index, Message, Raft, Status, Term } from '@env-cli/raft';

/** As much of the core as a member of a run needs. */
export type Core = Pick<Raft, 'step' | 'status' | 'termAt'>;

export type EffectCounts = Record<Effect['kind'], number>;

export function noEffects(): EffectCounts {
  return {
    send: 0,
    store: 0,
    reset: 0,
    load: 0,
    apply: 0,
    proposed: 0,
    'proposal-refused': 0,
    'proposals-lost': 0,
    'read-ready': 0,
    'read-refused': 0,
    role: 0,
    'send-snapshot': 0,
    'install-snapshot': 0,
    'discard-snapshot': 0,
    'change-refused': 0,
    'transfer-refused': 0,
    'transfer-ended': 0,
  };
}

/** A core whose effects are counted, and of which is known whether there is anything new to look at. */
export class WatchedCore implements Core {
  readonly #core: Core;
  readonly #counts: EffectCounts;
  /** Whether it took a step since this was last set to false. */
  stepped = true;

  constructor(core: Core, counts: EffectCounts) {
    this.#core = core;
    this.#counts = counts;
  }

  step(message: Message): Effect[] {
    this.stepped = true;
    const effects = this.#core.step(message);
    for (const { kind } of effects) this.#counts[kind]++;
    return effects;
  }

  status(): Status {
    return this.#core.status();
  }

  termAt(index: Index): Term | null {
    return this.#core.termAt(index);
  }
}
