import { describe, expect, test } from '@jest/globals';

import { threadOf, threadTime, type CpuProfile } from './cpu-profile.ts';
import { busyTicks, processTicks } from './cpu-watch.ts';
import { benchmarkFigures } from './etcd-load.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { median, summary, type Measurement } from './measurement.ts';
import { readBenchOptions } from './options.ts';
import { ratioOf } from './report.ts';
import { figure, textTable } from './text-table.ts';
import { etcdRuns, ourRuns } from './works.ts';

function round(ratePerSecond: number, others: number): Measurement {
  return {
    ratePerSecond,
    p50Ms: 1000 / ratePerSecond,
    p99Ms: 1,
    failures: 1,
    firstFailure: '',
    cpu: { members: 1, clients: 0.5, others },
  };
}

function node(id: number, functionName: string, url = ''): CpuProfile['nodes'][number] {
  return {
    id,
    callFrame: { functionName, url, lineNumber: 0, columnNumber: 0 },
  };
}
describe('a histogram of latencies', () => {
  test('tells percentiles at most 2 % above the truth', () => {
    const histogram = new LatencyHistogram();
    for (let i = 1; i <= 1000; i++) histogram.note(i / 10);
    for (const share of [0.5, 0.9, 0.99, 1]) {
      expect(histogram.percentileMs(share)).toBeGreaterThanOrEqual(share * 100);
      expect(histogram.percentileMs(share)).toBeLessThanOrEqual(share * 102);
    }
  });

  test('adds up with those of other processes', () => {
    const [one, other] = [new LatencyHistogram(), new LatencyHistogram()];
    one.note(1);
    other.note(100);
    const both = new LatencyHistogram(one.counts);
    both.add(other.counts);
    expect(both.total).toBe(2);
    expect(both.percentileMs(0.5)).toBeCloseTo(1, 1);
    expect(both.percentileMs(1)).toBeGreaterThan(99);
  });

  test('has no percentile of nothing, and loses no outlier', () => {
    expect(new LatencyHistogram().percentileMs(0.5)).toBeNaN();
    const outliers = new LatencyHistogram();
    outliers.note(0);
    outliers.note(1e12);
    expect(outliers.total).toBe(2);
  });
});

describe('rounds', () => {
  test('become their median, their spread, and the disturbance of the worst', () => {
    expect(summary([round(100, 0), round(300, 0.4), round(200, 0.1)])).toMatchObject({
      rounds: 3,
      ratePerSecond: 200,
      p50Ms: 5,
      failures: 3,
      spread: 1,
      cpu: { others: 0.4 },
    });
  });

  test('the median of an even number of figures lies between the middle two', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test('latencies and rates are both held against etcd as ours ÷ its own', () => {
    const [fast, slow] = [summary([round(200, 0)]), summary([round(100, 0)])];
    expect(
      ratioOf(
        ourRuns.find((run) => run.compares === 'p50')!,
        slow,
        fast,
      ),
    ).toBe(2);
    expect(
      ratioOf(
        ourRuns.find((run) => run.compares === 'rate')!,
        slow,
        fast,
      ),
    ).toBe(0.5);
    expect(ratioOf(ourRuns[0]!, slow, undefined)).toBeNull();
  });
});

describe('a CPU profile', () => {
  const profile: CpuProfile = {
    startTime: 1000,
    nodes: [node(1, '(idle)'), node(2, 'apply', 'file:///a.js'), node(3, 'apply', 'file:///a.js'), node(4, '(program)')],
    samples: [2, 1, 3, 4, 2],
    timeDeltas: [0, 10, 20, 30, 40],
  };

  test('sums the time until the next sample by function, however it was called', () => {
    const { windowUs, idleUs, functions } = threadTime(profile, { fromUs: 0, toUs: 9999 });
    expect(windowUs).toBe(100);
    expect(idleUs).toBe(20);
    expect(functions.map(({ name, selfUs }) => [name, selfUs])).toEqual([
      ['apply', 40],
      ['(program)', 40],
    ]);
  });

  test('leaves out what lies before and after the window', () => {
    expect(threadTime(profile, { fromUs: 1005, toUs: 1035 })).toMatchObject({ windowUs: 50, idleUs: 20 });
  });

  test('is known by the program that its thread ran', () => {
    expect(threadOf(profile)).toBe('API');
    expect(threadOf({ ...profile, nodes: [node(1, 'run', 'file:///x/consensus.worker.js')] })).toBe('consensus');
    expect(threadOf({ ...profile, nodes: [node(1, 'run', 'file:///x/apply.worker.js')] })).toBe('apply');
  });
});

describe('what other programs print', () => {
  test('/proc/stat: all cores, without idling and waiting', () => {
    expect(busyTicks('cpu  1 2 4 1000 2000 8 16 32 64 0\ncpu0 9 9 9 9 9 9 9 9 9 9\n')).toBe(1 + 2 + 4 + 8 + 16 + 32);
  });

  test('/proc/PID/stat: also of a program whose name looks like fields', () => {
    expect(processTicks(`7 (a b) 1) S ${'0 '.repeat(10)}100 20 3 4 0 0`)).toEqual({ own: 120, ended: 7 });
  });

  test("etcd's benchmark: the rate, and percentiles in milliseconds; anything else is refused", () => {
    const output = '  Requests/sec:\t1520.5\n\n  50% in 0.00063 secs.\n  99% in 1.3e-03 secs.\n  99.9% in 0.448 secs.\n';
    expect(benchmarkFigures(output)).toEqual({ callsPerSecond: 1520.5, p50Ms: 0.63, p99Ms: 1.3 });
    expect(() => benchmarkFigures('dial tcp: refused')).toThrow(/Requests/);
  });
});

describe('a run', () => {
  test('holds each of our loads against one of etcd’s', () => {
    const known = etcdRuns.map((run) => run.id);
    expect(ourRuns.filter((run) => !known.includes(run.against))).toEqual([]);
    expect(new Set(ourRuns.map((run) => run.id)).size).toBe(ourRuns.length);
  });

  test('takes the works that it is told, and refuses what it does not know', () => {
    expect([...readBenchOptions(['--only', 'W1,W3', '--quick']).only]).toEqual(['W1', 'W3']);
    expect(readBenchOptions(['--quick']).rounds).toBe(1);
    expect(() => readBenchOptions(['--only', 'W9'])).toThrow(/W9/);
    expect(() => readBenchOptions(['--rounds', '0'])).toThrow(/--rounds/);
  });

  test('is told as a table whose columns line up', () => {
    expect(
      textTable(
        ['', 'rate'],
        [
          ['W1', figure(12345.6)],
          ['W2 unary', figure(undefined)],
        ],
      ),
    ).toBe(['            rate', '--------  ------', 'W1        12,346', 'W2 unary       –'].join('\n'));
    expect([figure(0.634), figure(12.34), figure(123.4)]).toEqual(['0.63', '12.3', '123']);
  });
});
