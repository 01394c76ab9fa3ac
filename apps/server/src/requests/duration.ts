import type { Duration } from '@bufbuild/protobuf/wkt';

import { invalid } from '../errors/refused.ts';

/** No wait is longer: a day. */
const durationMsMax = 86_400_000;

/** A duration of a request in milliseconds, rounded up; refuses what is negative or no duration. */
export function milliseconds({ seconds, nanos }: Duration, field: string): number {
  if (seconds < 0n || nanos < 0 || nanos >= 1_000_000_000) throw invalid(field, 'must be a duration of 0 or more');
  return seconds > BigInt(durationMsMax / 1_000)
    ? durationMsMax
    : Math.min(durationMsMax, Number(seconds) * 1_000 + Math.ceil(nanos / 1_000_000));
}
