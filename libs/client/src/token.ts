import { revisionOf } from './revision.ts';

/** What an answer's header says of freshness. */
interface Seen {
  readonly revision: bigint;
  readonly token: string;
}

/**
 * The newest token that a client has seen.
 *
 * A token is opaque, but stands beside the revision of its state: a higher revision is a later state. At the same revision a
 * state may still be later than another (mirrors and sessions move no revision). There the token of a change is taken, and
 * that of a read if the read began after the kept token came.
 */
export class TokenKeeper {
  #token: string;
  #revision = -1;
  #generation = 0;

  /** `token`: the one to begin with; empty: none. */
  constructor(token = '') {
    this.#token = token;
  }

  /** The newest token; empty when there is none yet. */
  get token(): string {
    return this.#token;
  }

  /** A moment, to be given to {@link TokenKeeper.saw} with the answer of what begins now. */
  get generation(): number {
    return this.#generation;
  }

  /** Takes note of an answer. `began`: the generation when the read was sent; null for a change. */
  saw(seen: Seen, began: number | null): void {
    const revision = revisionOf(seen.revision);
    if (seen.token === '' || seen.token === this.#token || revision < this.#revision) return;
    if (revision === this.#revision && began !== null && began < this.#generation) return;
    this.#token = seen.token;
    this.#revision = revision;
    this.#generation++;
  }

  /** Forgets a token that the cluster no longer takes. Of no effect once another has come. */
  drop(token: string): void {
    if (token !== this.#token) return;
    this.#token = '';
    this.#revision = -1;
    this.#generation++;
  }
}
