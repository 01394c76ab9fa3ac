import { conformanceCases } from '@env-cli/outbox/conformance';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { emulatorOrSkip, RunningEmulator } from '../../../../test/support/aws-emulators.ts';
import { type AwsPlaceUnderTest, realAws, storeUnderTest } from './testing/aws-stores.ts';

const real = realAws();

/** What runs where there are no credentials: each store on the emulator that is right about it. */
const runs = [
  ['aws-ssm', 'per-variable', 'moto'],
  ['aws-ssm', 'blob', 'moto'],
  // moto still reads the new value after a stage was moved back.
  ['aws-secrets-manager', 'per-variable', 'ministack'],
  ['aws-secrets-manager', 'blob', 'ministack'],
] as const;

describe.each(runs)('what every provider keeps, by %s, %s', (store, layout, emulated) => {
  const found = real === null ? emulatorOrSkip(emulated) : null;
  const against = real === null ? `the emulator ${emulated}` : `AWS itself, account ${real.account}, ${real.region}`;
  const timeoutMs = real === null ? 60_000 : 3_600_000;
  let emulator: RunningEmulator | null = null;
  let place: AwsPlaceUnderTest;

  beforeAll(async () => {
    if (found !== null) emulator = await RunningEmulator.start(found);
    place = real ?? { account: emulator?.account ?? '', region: 'eu-west-1', endpoint: emulator?.endpoint ?? null };
  }, 60_000);
  afterAll(async () => emulator?.stop());

  (real === null && found === null ? describe.skip : describe)(`against ${against}`, () => {
    test.each(conformanceCases)(
      '$title',
      async ({ run }) => {
        const target = storeUnderTest(store, layout, place);
        try {
          await expect(run(target)).resolves.toBeUndefined();
        } finally {
          await target.close();
        }
      },
      timeoutMs,
    );
  });
});
