import { describe, expect, test } from '@jest/globals';

import { brake, deletesOf } from './brake.ts';
import type { PlanItem } from './plan.ts';

const found = { key: 'K', stamps: [], landed: true, valueHash: 'h', version: '' };
const common = { key: 'K', variables: [], found, valueBytes: 0, hold: null };
const deletion: PlanItem = { ...common, action: 'orphan', step: { kind: 'delete', key: 'K', found } };
const writing: PlanItem = { ...common, action: 'unchanged', step: null };

describe('no more than a share of the target goes without a word from a person', () => {
  const cases = [
    // why                                                            deletes owned waiting lately max  held
    ['half of it is half of it', 5, 10, 0, 0, 50, false],
    ['more than half', 6, 10, 0, 0, 50, true],
    ['many small withdrawals count together', 1, 10, 5, 0, 50, true],
    ['what went within the hour counts', 1, 5, 0, 5, 50, true],
    ['the last key of a target may go alone', 1, 1, 0, 0, 50, false],
    ['but not the last two at once', 2, 2, 0, 0, 50, true],
    ['at 100 percent the brake is off', 10, 10, 90, 90, 100, false],
    ['at 0 percent nothing goes', 1, 1000, 0, 0, 0, true],
    ['a count of the target that lags does not make the share smaller', 3, 0, 0, 0, 50, true],
  ] as const;
  test.each(cases)('%s', (_why, deletes, ownedKeys, waitingKeys, deletedLatelyKeys, shareMaxPercent, held) => {
    const items = [writing, ...Array.from({ length: deletes }, () => deletion)];
    const braked = brake(items, { ownedKeys, waitingKeys, deletedLatelyKeys, shareMaxPercent });
    expect(deletesOf(braked)).toBe(held ? 0 : deletes);
    expect(braked.filter(({ hold }) => hold?.state === 'BLOCKED_BY_POLICY')).toHaveLength(held ? deletes : 0);
  });
});
