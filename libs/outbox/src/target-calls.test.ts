import { expect, test } from '@jest/globals';

import { Ending } from './ending.ts';
import { HostTwin } from './host-twin.ts';
import { Paces } from './paces.ts';
import { TargetError } from './provider.ts';
import { TargetCalls } from './target-calls.ts';

const rate = { callsPerSecond: 8, callsBurst: 4 };
const limits = { ...rate, callMsMax: 1_000, deliveriesMax: 1, perMember: false, meters: { read: rate, write: rate } };
const throttled = () => Promise.reject(new TargetError('throttled', 'slow down'));

test('calls go by the rate of their meter, those of one attempt at an environment too', async () => {
  const host = new HostTwin();
  const paces = new Paces(host).of(limits);
  const calls = new TargetCalls(limits, paces, host, new Ending());
  const ratesAfter = async (call: Promise<unknown>) => {
    await expect(call).rejects.toThrow('slow down');
    return Object.fromEntries([...paces].map(([meter, pace]) => [meter, pace.callsPerSecond]));
  };
  expect(await ratesAfter(calls.read(throttled, 'read'))).toEqual({ '': 8, read: 4, write: 8 });
  expect(await ratesAfter(calls.of('prod', 1).read(throttled, 'read'))).toEqual({ '': 8, read: 2, write: 8 });
  expect(await ratesAfter(calls.of('prod', 1).write(throttled, 'write'))).toEqual({ '': 8, read: 2, write: 4 });
  expect(await ratesAfter(calls.of('prod', 1).write(throttled))).toEqual({ '': 4, read: 2, write: 4 });
});
