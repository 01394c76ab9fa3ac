import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { featureLevelMax, positionOf } from '@env-cli/environments';
import { Cluster } from '@env-cli/wire';

import type { MemberView } from '../member/member.ts';
import { type Peer, peer } from '../testing/peer.ts';
import { type CallFailed, Serving, TestClient } from '../testing/serving.ts';
import { TwinMember } from '../testing/twin-member.ts';
import { LevelWatch, lookIntervalMs } from './level-watch.ts';
import { readyLevel, unreadyFor, unreadyText } from './ready-level.ts';

const raiseAfterMs = 10 * lookIntervalMs;

let leader: TwinMember;
let watch: LevelWatch;
let serving: Serving;
let client: TestClient;
let nowMs: number;
/** What the leader looks at its members by; null while it does not. */
let look: (() => void) | null;
const logged: string[] = [];

/** What the leader sees with these others. */
const view = (...others: Peer[]): MemberView => {
  leader.others = others;
  return leader.view();
};
const levelNow = (): number => positionOf(leader.tables).featureLevel;

/** Lets time pass, with the looks that fall into it; then what was begun ends. */
async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= lookIntervalMs) {
    nowMs += lookIntervalMs;
    look?.();
    // A proposal takes a read and one turn of the twin.
    for (let turns = 0; turns < 4; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function failureOf(call: Promise<unknown>): Promise<CallFailed> {
  return call.then(
    () => Promise.reject(new Error('it was answered')),
    (error: CallFailed) => error,
  );
}

beforeEach(async () => {
  leader = TwinMember.alone({}, 1);
  nowMs = 0;
  look = null;
  logged.length = 0;
  const log = (message: string): void => void logged.push(message);
  watch = new LevelWatch(leader, {
    raiseAfterMs,
    log: { info: log as never } as never,
    nowMs: () => nowMs,
    every: (_milliseconds, run) => {
      look = run;
      return () => (look = null);
    },
  });
  serving = await Serving.of(leader, { levelRaisesInMs: () => watch.raisesInMs() });
  client = new TestClient(serving.address);
});
afterEach(async () => {
  watch.stop();
  client.close();
  await serving.close();
  assert.deepEqual(serving.faults, []);
});

describe('who is ready for a feature level', () => {
  const cases = [
    // why                                         the others                                             ready  in the way
    ['all run a program that understands it', [peer(2), peer(3)], featureLevelMax, []],
    ['a voter runs an earlier one', [peer(2), peer(3, { featureLevelMax: 1 })], 1, [3]],
    ['a learner runs an earlier one', [peer(2), peer(3, { featureLevelMax: 1, voter: false })], 1, [3]],
    ['a member is away, whatever it said before', [peer(2, { connected: false }), peer(3)], 1, [2]],
    ['a member was never heard of', [peer(2, { featureLevelMax: null })], 1, [2]],
    ['some run a later program yet', [peer(2, { featureLevelMax: 9 })], featureLevelMax, []],
  ] as const;
  test.each(cases)('%s', (_why, others, ready, unready) => {
    const seen = view(...others);
    expect(readyLevel(seen)).toBe(ready);
    expect(unreadyFor(featureLevelMax, seen).map(({ memberId }) => memberId)).toEqual(unready);
  });

  test('is told with what to do about each', () => {
    const unready = unreadyFor(
      2,
      view(peer(2, { connected: false }), peer(3, { featureLevelMax: 1 }), peer(4, { featureLevelMax: null })),
    );
    expect(unreadyText(2, unready)).toBe(
      'member 2 is away: start it, or remove it; member 3 runs a program that understands 1, not 2: upgrade it; ' +
        'member 4 has not said yet what it understands: wait a moment',
    );
  });
});

describe('the leader raises the level by itself', () => {
  test('once every member was ready for long enough, and not before', async () => {
    leader.others = [peer(2), peer(3)];
    leader.tellLeadership({ term: 1 });
    await pass(raiseAfterMs);
    expect(levelNow()).toBe(1);
    expect(watch.raisesInMs()).toBe(lookIntervalMs);
    await pass(lookIntervalMs);
    expect(levelNow()).toBe(featureLevelMax);
    expect(await watch.figures()).toEqual({ feature_level: featureLevelMax, feature_level_max: featureLevelMax });
  });

  test('and counts anew from when a member was away, or when another leads', async () => {
    leader.others = [peer(2), peer(3)];
    leader.tellLeadership({ term: 1 });
    await pass(raiseAfterMs);
    leader.others = [peer(2), peer(3, { connected: false })];
    await pass(lookIntervalMs);
    expect(watch.raisesInMs()).toBeNull();
    leader.others = [peer(2), peer(3)];
    await pass(raiseAfterMs);
    leader.tellLeadership(null);
    leader.tellLeadership({ term: 3 });
    await pass(raiseAfterMs);
    expect(levelNow()).toBe(1);
    await pass(lookIntervalMs);
    expect(levelNow()).toBe(featureLevelMax);
    expect(logged.filter((line) => line.includes('any more'))).toHaveLength(1);
  });

  test('never while one of them runs an earlier program', async () => {
    leader.others = [peer(2, { featureLevelMax: 1 })];
    leader.tellLeadership({ term: 1 });
    await pass(3 * raiseAfterMs);
    expect(levelNow()).toBe(1);
    expect(watch.raisesInMs()).toBeNull();
  });
});

describe('people', () => {
  test('see the level, who understands what, and when it rises', async () => {
    leader.others = [peer(2), peer(3)];
    leader.tellLeadership({ term: 1 });
    await pass(lookIntervalMs);
    const { featureLevel } = await client.call(Cluster, 'level', {});
    expect(featureLevel).toMatchObject({
      level: 1,
      readyLevel: featureLevelMax,
      levelMax: featureLevelMax,
      held: false,
      missing: '',
    });
    expect(Number(featureLevel?.raisesIn?.seconds)).toBe(Math.floor(raiseAfterMs / 1000));
    expect(featureLevel?.members.map((member) => member.featureLevelMax)).toEqual([
      featureLevelMax,
      featureLevelMax,
      featureLevelMax,
    ]);
    expect(await client.call(Cluster, 'status', {})).toMatchObject({ featureLevel: 1, featureLevelMax });
  });

  test('raise it at once; while a member is not ready that is refused, and tells which and what to do', async () => {
    leader.others = [peer(2, { connected: false }), peer(3, { featureLevelMax: 1 })];
    const failure = await failureOf(client.call(Cluster, 'raiseLevel', {}));
    expect(failure).toMatchObject({
      reason: 'MEMBERS_NOT_READY',
      code: 'FAILED_PRECONDITION',
      facts: { asked: '2', level: '1', members: '2,3' },
    });
    expect(failure.message).toContain(
      'member 2 is away: start it, or remove it; member 3 runs a program that understands 1, not 2: upgrade it',
    );
    expect(await failureOf(client.call(Cluster, 'raiseLevel', { level: -1 }))).toMatchObject({ reason: 'INVALID_FIELD' });
    leader.others = [];
    const above = await failureOf(client.call(Cluster, 'raiseLevel', { level: featureLevelMax + 1 }));
    expect(above).toMatchObject({ reason: 'MEMBERS_NOT_READY', facts: { members: '1' } });
    expect(levelNow()).toBe(1);
    const { featureLevel } = await client.call(Cluster, 'raiseLevel', {});
    expect(featureLevel).toMatchObject({ level: featureLevelMax, missing: '' });
    // The first answer may have been lost.
    expect((await client.call(Cluster, 'raiseLevel', { level: 1 })).featureLevel).toMatchObject({ level: featureLevelMax });
  });

  test('hold it: then it does not rise by itself until they let go', async () => {
    await client.call(Cluster, 'raiseLevel', {});
    expect((await client.call(Cluster, 'holdLevel', { held: true })).featureLevel).toMatchObject({ held: true });
    // The program of a later version, of which this one's state machine knows nothing yet.
    const later = featureLevelMax + 1;
    leader.featureLevelMax = later;
    leader.others = [peer(2, { featureLevelMax: later })];
    const proposed: unknown[] = [];
    leader.tamper = (proposal) => {
      proposed.push(proposal.body);
      return { ...proposal, body: proposal.body.kind === 'raise-level' ? { kind: 'mark-hashes' } : proposal.body };
    };
    leader.tellLeadership({ term: 1 });
    await pass(3 * raiseAfterMs);
    expect(proposed).toEqual([]);
    const { featureLevel } = await client.call(Cluster, 'level', {});
    expect(featureLevel).toMatchObject({ held: true, readyLevel: later });
    expect(featureLevel?.raisesIn).toBeUndefined();
    expect((await client.call(Cluster, 'holdLevel', { held: false })).featureLevel).toMatchObject({ held: false });
    await pass(lookIntervalMs);
    expect(proposed).toContainEqual({ kind: 'raise-level', featureLevel: later });
  });

  test('cannot hold it in a cluster that does not know yet what that is', async () => {
    const failure = await failureOf(client.call(Cluster, 'holdLevel', { held: true }));
    expect(failure).toMatchObject({ reason: 'FEATURE_LEVEL_TOO_LOW', facts: { needed: '2', level: '1' } });
    expect(failure.message).toContain('upgrade every member, and raise the level');
  });
});
