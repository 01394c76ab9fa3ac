import type { Entry, HardState, Index, MemberId, Term } from '@env-cli/raft';
import { unreachable } from '@env-cli/support';
import { Random } from './random.ts';

/** What is asked of a log, in order. */
export type LogRequest =
  | { readonly kind: 'append'; readonly hardState: HardState | null; readonly entries: readonly Entry[] }
  | { readonly kind: 'reset'; readonly index: Index; readonly term: Term }
  /** Only of what is durable: all requests before it are waited for. */
  | { readonly kind: 'release'; readonly upTo: Index };

/** A log as it must be after some of the requests. */
export interface LogModel {
  readonly hardState: HardState;
  readonly lastIndex: number;
  /** The terms of the entries, by index. What is missing was never there or forgotten by a reset. */
  readonly terms: ReadonlyMap<number, number>;
  /** Entries up to this need not be held any more. */
  readonly released: number;
}

/** The bytes of an entry: a function of its index and term, so that they need not be remembered. */
export function dataOf(index: number, term: number): Uint8Array {
  const random = new Random(index * 1009 + term);
  const data = new Uint8Array(random.chance(0.05) ? 20_000 : random.below(1500));
  for (let i = 0; i < data.length; i++) data[i] = (i * 31 + index * 7 + term) & 0xff;
  return data;
}

/**
 * The requests of one seed, and the log after each of them: `models[k]` is what holds after the first k requests.
 */
export function logStory(
  seed: number,
  count: number,
): { readonly requests: readonly LogRequest[]; readonly models: readonly LogModel[] } {
  const random = new Random(seed);
  const requests: LogRequest[] = [];
  let term = 1;
  let model: LogModel = { hardState: { term: 0 as Term, votedFor: null }, lastIndex: 0, terms: new Map(), released: 0 };
  const models = [model];
  const entriesFrom = (first: number, many: number): Entry[] =>
    Array.from({ length: many }, (_, i) => ({
      index: (first + i) as Index,
      term: term as Term,
      kind: 'command',
      data: dataOf(first + i, term),
    }));
  const voted = (): HardState => ({
    term: term as Term,
    votedFor: random.chance(0.5) ? ((1 + random.below(5)) as MemberId) : null,
  });
  while (requests.length < count) {
    const { lastIndex, released } = model;
    const what = random.below(100);
    let request: LogRequest;
    if (what < 75)
      request = {
        kind: 'append',
        hardState: random.chance(0.05) ? voted() : null,
        entries: entriesFrom(lastIndex + 1, 1 + random.below(4)),
      };
    else if (what < 82) {
      term++;
      request = { kind: 'append', hardState: voted(), entries: [] };
    } else if (what < 92) {
      term++;
      const from = Math.max(released + 1, lastIndex + 1 - random.below(8));
      request = { kind: 'append', hardState: voted(), entries: entriesFrom(from, 1 + random.below(3)) };
    } else if (what < 99) request = { kind: 'release', upTo: Math.max(released, lastIndex - random.below(30)) as Index };
    else request = { kind: 'reset', index: (lastIndex + 1 + random.below(20)) as Index, term: term as Term };
    requests.push(request);
    model = after(model, request);
    models.push(model);
  }
  return { requests, models };
}

function after(model: LogModel, request: LogRequest): LogModel {
  switch (request.kind) {
    case 'append': {
      const first = request.entries[0]?.index ?? model.lastIndex + 1;
      const terms = new Map([...model.terms].filter(([index]) => index < first));
      for (const { index, term } of request.entries) terms.set(index, term);
      return { ...model, hardState: request.hardState ?? model.hardState, terms, lastIndex: first + request.entries.length - 1 };
    }
    case 'reset':
      return { ...model, terms: new Map(), lastIndex: request.index, released: request.index };
    case 'release':
      return { ...model, released: request.upTo };
    default:
      return unreachable(request);
  }
}
