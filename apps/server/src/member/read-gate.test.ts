import { beforeEach, describe, expect, test } from '@jest/globals';
import { encodeUtf8 } from '@env-cli/support';
import { MemoryTables } from '@env-cli/keyspace';

import type { ReadNeed } from './member.ts';
import { ReadGate } from './read-gate.ts';

const appliedKey = encodeUtf8('applied');

let nowMs: number;
let tables: MemoryTables;
let asked: number[];
let turns: (() => void)[];
let later: { atMs: number; run: () => void }[];
let snapshots: number;
let gate: ReadGate;

beforeEach(() => {
  nowMs = 1_000;
  tables = new MemoryTables();
  asked = [];
  turns = [];
  later = [];
  snapshots = 0;
  const source = {
    snapshot: <T>(work: (inner: MemoryTables) => T): T => {
      snapshots++;
      return work(tables);
    },
  };
  gate = new ReadGate(source, {
    appliedIndexOf: (inner) => inner.get('meta', appliedKey)?.[0] ?? 0,
    ask: (id) => asked.push(id),
    nextTurn: (run) => turns.push(run),
    after: (ms, run) => later.push({ atMs: nowMs + ms, run }),
    nowMs: () => nowMs,
    leaderWaitMs: 1_000,
  });
});

function apply(index: number): void {
  tables.put('meta', appliedKey, Uint8Array.of(index));
  gate.applied();
}

function turn(): void {
  for (const run of turns.splice(0)) run();
}

function pass(ms: number): void {
  nowMs += ms;
  const due = later.filter((each) => each.atMs <= nowMs);
  later = later.filter((each) => each.atMs > nowMs);
  for (const each of due) each.run();
  gate.sweep(nowMs);
  turn();
}

type Outcome = { readonly settled: boolean; readonly value?: unknown; readonly code?: unknown };

/** Reads, and looks at what has become of it whenever asked. */
function read(
  freshness: ReadNeed['freshness'],
  options: { readonly index?: number; readonly work?: () => unknown } = {},
): () => Promise<Outcome> {
  const { index = 0, work = () => 'read' } = options;
  let outcome: Outcome = { settled: false };
  gate.read({ freshness, appliedIndex: index, deadline: 0 }, nowMs + 5_000, work).then(
    (value) => (outcome = { settled: true, value }),
    (error: unknown) => (outcome = { settled: true, code: (error as { code?: unknown }).code ?? (error as Error).message }),
  );
  return async () => {
    turn();
    await new Promise((resolve) => setImmediate(resolve));
    return outcome;
  };
}

const fresh = { kind: 'fresh-within', maxLagMs: 100 } as const;

test('reads of one turn share one question and one snapshot', async () => {
  const reads = [1, 2, 3].map(() => read({ kind: 'strong' }));
  turn();
  expect(asked).toEqual([1]);
  gate.ready(1, 0);
  expect(await Promise.all(reads.map((look) => look()))).toEqual([1, 2, 3].map(() => ({ settled: true, value: 'read' })));
  expect(snapshots).toBe(1);
});

test('a strong read waits until the state has its index, and an answer to an earlier question does not count', async () => {
  const first = read({ kind: 'strong' });
  turn();
  const second = read({ kind: 'strong' });
  turn();
  gate.ready(1, 5);
  apply(4);
  expect((await first()).settled).toBe(false);
  apply(5);
  expect((await first()).settled).toBe(true);
  expect((await second()).settled).toBe(false);
});

test('a read with a token waits for its index, and is refused at its deadline', async () => {
  const look = read({ kind: 'any' }, { index: 7 });
  expect((await look()).settled).toBe(false);
  pass(5_000);
  expect(await look()).toEqual({ settled: true, code: 'deadline-exceeded' });
  expect(gate.size).toBe(0);
});

test('what the work throws goes to whoever asked, and to nobody else', async () => {
  const broken = read(
    { kind: 'any' },
    {
      work: () => {
        throw new Error('no such thing');
      },
    },
  );
  const whole = read({ kind: 'any' });
  expect(await broken()).toEqual({ settled: true, code: 'no such thing' });
  expect((await whole()).settled).toBe(true);
});

describe('a read that bounds its staleness', () => {
  test('is answered when a probe of its time, or not longer ago than it allows, is satisfied', async () => {
    apply(3);
    const look = read(fresh);
    expect((await look()).settled).toBe(false);
    gate.ready(asked[0]!, 3);
    expect((await look()).settled).toBe(true);
    pass(60);
    expect((await read(fresh)()).settled).toBe(true);
  });

  test('counts from when the probe was sent, not from when it was answered', async () => {
    const look = read(fresh);
    pass(20);
    nowMs += 99;
    gate.ready(asked[0]!, 0);
    expect(await look()).toEqual({ settled: true, code: 'too-stale' });
  });

  test('is not answered by a state that lacks what the leader had', async () => {
    apply(3);
    const look = read(fresh);
    gate.ready(asked[0]!, 9);
    expect((await look()).settled).toBe(false);
    apply(9);
    expect((await look()).settled).toBe(true);
  });

  test('counts the time that its work takes', async () => {
    const look = read(fresh, { work: () => (nowMs += 150) });
    gate.ready(asked[0]!, 0);
    expect(await look()).toEqual({ settled: true, code: 'too-stale' });
  });

  test('is too stale when no leader answers', async () => {
    const look = read(fresh);
    turn();
    pass(1_001);
    expect(await look()).toEqual({ settled: true, code: 'too-stale' });
  });

  test('shares its probes with others, and they end when nobody asks any more', async () => {
    const looks = [read(fresh), read(fresh), read(fresh)];
    gate.ready(asked[0]!, 0);
    for (const look of looks) expect((await look()).settled).toBe(true);
    expect(asked).toHaveLength(1);
    for (let probe = 0; probe < 400; probe++) {
      pass(50);
      gate.ready(asked.at(-1)!, 0);
    }
    const ended = asked.length;
    expect(ended).toBeLessThan(250);
    pass(1_000);
    expect(asked).toHaveLength(ended);
  });
});
