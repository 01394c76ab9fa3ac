import type { CommittedRun } from './counter-machine.ts';

/** What a member may not forget, put together from the marks that it left in its trace. */
export class Acknowledged {
  #promises: Promises;

  /** Begins with what was promised before. */
  constructor(promises: Promises = noPromises) {
    this.#promises = promises;
  }

  take(mark: string): void {
    const [what, ...rest] = mark.split(' ');
    const [first = 0, second = 0, third = 0] = rest.map(Number);
    const promises = this.#promises;
    switch (what) {
      case 'ready':
        this.#promises = { ...promises, ready: true };
        break;
      case 'commit': {
        // What was chosen and not acknowledged may be lost with its leader; others take its place.
        const before = promises.committed
          .filter(({ from }) => from < first)
          .map((run) => ({ ...run, to: Math.min(run.to, first - 1) }));
        this.#promises = { ...promises, committed: [...before, { from: first, to: second, term: third }] };
        break;
      }
      case 'applied':
        this.#promises = { ...promises, applied: first };
        break;
      case 'voted':
        this.#promises = { ...promises, vote: { term: first, votedFor: second } };
        break;
      default:
        throw new Error(`a mark that nobody makes: ${mark}`);
    }
  }

  /** As of now, for the process that looks at an image. */
  get now(): Promises {
    return this.#promises;
  }
}

/** What an image must hold, at least. */
export interface Promises {
  /** Whether the member has said that it is one: before, an empty directory is no loss. */
  readonly ready: boolean;
  /** Which entries were chosen, whether they were acknowledged or not. */
  readonly committed: readonly CommittedRun[];
  /** The last index that was acknowledged as applied. */
  readonly applied: number;
  /** 0 stands for no vote. */
  readonly vote: { readonly term: number; readonly votedFor: number };
}

const noPromises: Promises = { ready: false, committed: [], applied: 0, vote: { term: 0, votedFor: 0 } };
