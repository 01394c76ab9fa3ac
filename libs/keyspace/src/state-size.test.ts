import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

import { MemoryTables } from './memory-tables.ts';
import { metaKeys, readProgress } from './meta.ts';
import { sizeUnknown } from './progress.ts';
import { countSize } from './state-size.ts';
import { StateTransaction } from './state-transaction.ts';
import { parseGolden } from './testing/golden.ts';

const golden = parseGolden(readFileSync(new URL('./golden/rows-1.hex', import.meta.url), 'utf8'));

test('the size of a state that was written without one is counted from its rows, once', () => {
  const tables = new MemoryTables();
  tables.put('meta', metaKeys.progress, golden['progress row 1 (progress.ts)']!);
  const rows = {
    environments: golden['environment row 1, live (environment-row.ts)']!,
    changes: golden['change row 1, updated (change-row.ts)']!,
    sessions: golden['session row 1 (session-row.ts)']!,
  };
  const key = new Uint8Array([97, 0, 98]);
  tables.put('environments', key, rows.environments);
  tables.put('changes', key, rows.changes);
  tables.put('sessions', key, rows.sessions);
  expect(readProgress(tables).stateBytes).toBe(sizeUnknown);

  new StateTransaction(tables, readProgress(tables), new Map()).finish();
  const { stateBytes } = readProgress(tables);
  expect(stateBytes).toBe(countSize(tables));
  const chainAtMost = 64;
  const whole = 2 * key.length + rows.environments.length + rows.changes.length;
  expect(stateBytes).toBeLessThan(whole);
  expect(stateBytes).toBeGreaterThan(whole - chainAtMost);
});
