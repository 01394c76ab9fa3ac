import { describe, expect, test } from '@jest/globals';

import { Ending } from './ending.ts';
import { HostTwin } from './host-twin.ts';
import { Pace } from './pace.ts';
import { Paces } from './paces.ts';

const limits = { callMsMax: 1_000, callsPerSecond: 8, callsBurst: 4, deliveriesMax: 1, perMember: false };

/** The moments at which so many callers, who all come now, have their turns. */
async function turnsOf(pace: Pace, host: HostTwin, callers: number): Promise<number[]> {
  const moments: number[] = [];
  const ending = new Ending();
  const begin = host.nowMs();
  for (let i = 0; i < callers; i++) void pace.turn(ending).then(() => moments.push(host.nowMs() - begin));
  await host.until(() => moments.length === callers);
  return moments;
}

describe('calls to one target', () => {
  test('come at once up to the burst, and then evenly, in the order in which they were asked for', async () => {
    const host = new HostTwin();
    expect(await turnsOf(new Pace(limits, host), host, 7)).toEqual([0, 0, 0, 0, 125, 250, 375]);
  });

  test('may come at once again after a rest, but no more than the burst', async () => {
    const host = new HostTwin();
    const pace = new Pace(limits, host);
    await turnsOf(pace, host, 4);
    await host.pass(60_000);
    expect(await turnsOf(pace, host, 5)).toEqual([0, 0, 0, 0, 125]);
  });

  test('halve in rate each time that the target throttles, down to a 32nd, and recover once it is calm', async () => {
    const host = new HostTwin();
    const pace = new Pace(limits, host);
    pace.throttled(0);
    expect(pace.callsPerSecond).toBe(4);
    for (let i = 0; i < 20; i++) pace.throttled(0);
    expect(pace.callsPerSecond).toBe(8 / 32);
    pace.answered();
    expect(pace.callsPerSecond).toBe(8 / 32);
    await host.pass(5_000);
    pace.answered();
    expect(pace.callsPerSecond).toBe(8 / 32 + 8 / 64);
    for (let i = 0; i < 100; i++) pace.answered();
    expect(pace.callsPerSecond).toBe(8);
  });

  test('stop for as long as the target asks, and for a minute at most', async () => {
    const host = new HostTwin();
    const pace = new Pace(limits, host);
    pace.throttled(7_000);
    expect(await turnsOf(pace, host, 1)).toEqual([7_000]);
    pace.throttled(3_600_000);
    expect(await turnsOf(pace, host, 1)).toEqual([60_000]);
  });

  test('are one for all mirrors that draw on the same quota, and apart by meter', () => {
    const paces = new Paces(new HostTwin());
    const limit = { ...limits, callMsMax: 1, deliveriesMax: 1, perMember: false, meters: { write: limits } };
    const [first, second] = [paces.of({ ...limit, quota: 'a' }), paces.of({ ...limit, quota: 'a' })];
    expect(first.get('write')).toBe(second.get('write'));
    expect(first.get('write')).not.toBe(first.get(''));
    expect(paces.of({ ...limit, quota: 'b' }).get('write')).not.toBe(first.get('write'));
    expect(paces.of(limit).get('write')).not.toBe(paces.of(limit).get('write'));
  });

  test('that wait are let go at the end of a reign', async () => {
    const host = new HostTwin();
    const pace = new Pace({ ...limits, callsPerSecond: 0.001 }, host);
    const ending = new Ending();
    const turns = [1, 2, 3, 4, 5, 6].map(() => pace.turn(ending));
    ending.end();
    await Promise.all(turns);
    expect(host.nowMs()).toBe(0);
  });
});
