import { describe, expect, test } from '@jest/globals';

import { HostTwin } from './host-twin.ts';
import { KeyPace } from './key-pace.ts';
import { Paces } from './paces.ts';

const rate = { writesBurst: 3, intervalMs: 600_000 };

/** Writes a key as often as it may be now. Answers how often that was. */
function writeAll(pace: KeyPace, key: string): number {
  let writes = 0;
  for (; pace.waitMs(key) === 0; writes++) pace.written(key);
  return writes;
}

describe('one key of a target', () => {
  test('may be written at once up to the burst, and then once an interval', async () => {
    const host = new HostTwin();
    const pace = new KeyPace(rate, host);
    expect(writeAll(pace, 'a')).toBe(3);
    expect(pace.waitMs('a')).toBe(600_000);
    await host.pass(599_999);
    expect(pace.waitMs('a')).toBe(1);
    await host.pass(1);
    expect(writeAll(pace, 'a')).toBe(1);
    expect(pace.waitMs('a')).toBe(600_000);
  });

  test('regains one write an interval, and no more than the burst', async () => {
    const host = new HostTwin();
    const pace = new KeyPace(rate, host);
    writeAll(pace, 'a');
    await host.pass(1_200_000);
    expect(writeAll(pace, 'a')).toBe(2);
    await host.pass(86_400_000);
    expect(writeAll(pace, 'a')).toBe(3);
  });

  test('is no matter of another', () => {
    const pace = new KeyPace(rate, new HostTwin());
    writeAll(pace, 'a');
    expect(pace.waitMs('b')).toBe(0);
  });

  test('that was written without asking waits for longer', () => {
    const pace = new KeyPace(rate, new HostTwin());
    for (let i = 0; i < 5; i++) pace.written('a');
    expect(pace.waitMs('a')).toBe(1_800_000);
  });

  test('is forgotten as the one that was written longest ago, when more are remembered than there may be', () => {
    const pace = new KeyPace({ writesBurst: 1, intervalMs: 600_000 }, new HostTwin());
    for (const key of ['a', 'b']) pace.written(key);
    for (let i = 2; i < 100_000; i++) pace.written(`other ${i}`);
    pace.written('a');
    expect([pace.waitMs('a') > 0, pace.waitMs('b') > 0]).toEqual([true, true]);
    pace.written('one more');
    expect([pace.waitMs('a') > 0, pace.waitMs('b') > 0]).toEqual([true, false]);
  });

  test('is remembered while its mirror is opened anew with the same rate, and until the mirror goes', () => {
    const paces = new Paces(new HostTwin());
    const pace = paces.ofKeys(1, rate);
    expect(paces.ofKeys(1, { ...rate })).toBe(pace);
    expect(paces.ofKeys(2, rate)).not.toBe(pace);
    paces.keepKeysOf(new Set([1]));
    expect(paces.ofKeys(1, rate)).toBe(pace);
    expect(paces.ofKeys(1, { ...rate, intervalMs: 1_000 })).not.toBe(pace);
    paces.keepKeysOf(new Set());
    expect(paces.ofKeys(1, { ...rate, intervalMs: 1_000 })).not.toBe(pace);
  });
});
