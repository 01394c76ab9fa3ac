import { createSecretKey, randomBytes } from 'node:crypto';

import { keyedHash } from '../requests/secrets.ts';
import { openText, sealText } from '../secrets/sealing.ts';

/**
 * What a secret costs in processor time beside a plain variable: `npx node --conditions=@env-cli/source apps/server/src/testing/secret-cost.ts`. Medians of rounds
 * that each take some tenths of a second; no claim about whole calls.
 */
const rounds = 15;
const perRound = 20_000;
const key = createSecretKey(randomBytes(32));
const hashKey = new Uint8Array(randomBytes(32));
const place = { namespace: 'default', environment: 'payments/prod', variable: 'STRIPE_KEY' };

function microseconds(work: () => void): number {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = process.cpuUsage();
    for (let i = 0; i < perRound; i++) work();
    const { user, system } = process.cpuUsage(began);
    times.push((user + system) / perRound);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!;
}

for (const bytes of [32, 1_024, 16_384]) {
  const text = new Uint8Array(randomBytes(bytes));
  const sealed = sealText(key, 1, place, text);
  const figures = {
    hash: microseconds(() => keyedHash(hashKey, text)),
    seal: microseconds(() => sealText(key, 1, place, text)),
    open: microseconds(() => openText(key, place, sealed)),
  };
  const shown = Object.entries(figures).map(([what, us]) => `${what} ${us.toFixed(1)} µs`);
  process.stdout.write(`${String(bytes).padStart(6)} bytes: ${shown.join(', ')}\n`);
}
