import { readFileSync, writeFileSync } from 'node:fs';
import { env } from 'node:process';
import { describe, expect, test } from '@jest/globals';
import { MemoryTables, readProgress, type Revision, StateTransaction } from '@env-cli/keyspace';
import { encodeUtf8, hexOf } from '@env-cli/support';

import type { MirrorDefinition } from './definition.ts';
import { targetsOverlap } from './definition-codec.ts';
import { DeliveryRows, readDelivery } from './delivery-rows.ts';
import { decodeMirror, encodeMirror, type MirrorRow, withPhases } from './mirror-row.ts';
import { OutboxRows, readOutbox, readOutboxRow } from './outbox-rows.ts';

const at = (revision: number): Revision => revision as Revision;

const definition: MirrorDefinition = {
  name: 'files',
  prefix: 'shop/',
  labels: [
    { kind: 'in', key: 'tier', values: ['prod', 'test'] },
    { kind: 'has-not', key: 'legacy' },
  ],
  provider: 'file',
  targetKey: 'file/srv/envs',
  options: [{ key: 'directory', value: '/srv/envs' }],
  layout: 'per-variable',
  onLeave: 'leave',
  onDrift: 'report',
  deleteShareMaxPercent: 50,
  paused: true,
};
const mirror: MirrorRow = {
  id: 70000,
  namespace: 'default',
  definition,
  createRevision: at(3),
  modifyRevision: at(300),
  modifyTimeMs: 1_700_000_000_000,
  deleting: true,
  pendingCount: 1000,
  failedCount: 2,
  phases: ['select', 'withdraw-pending'],
  phaseAfter: 'shop/a',
};
const delivered = {
  revision: at(300),
  timeMs: 1_700_000_000_000,
  contentHash: new Uint8Array(32).fill(4),
  remoteVersion: encodeUtf8('v7'),
  detail: Uint8Array.of(1, 2),
};
const failed = { revision: at(301), timeMs: 1_700_000_000_500, status: 'TARGET_ERROR', detail: Uint8Array.of(3) };

/** The rows as a transaction writes them. */
function written() {
  const tables = new MemoryTables();
  const transaction = new StateTransaction(tables, readProgress(tables), new Map());
  const outbox = new OutboxRows(transaction.outbox);
  outbox.put(70000, 'a/b', { kind: 'deliver', revision: at(299), timeMs: 1_700_000_000_000, index: 900 });
  outbox.put(70000, 'a/b', { kind: 'withdraw', revision: at(300), timeMs: 1_700_000_000_900, index: 1000 });
  new DeliveryRows(transaction.deliveries).put(70000, 'a/b', { delivered, failed });
  transaction.finish();
  return tables;
}

const tables = written();
const rowOf = (table: 'outbox' | 'deliveries') => tables.range(table, { limit: 1 }).at(0)!;
const samples: Record<string, Uint8Array> = {
  'mirror row 1 (mirror-row.ts)': encodeMirror(mirror),
  'outbox key (mirror-keys.ts)': rowOf('outbox').key,
  'outbox row 1 (outbox-rows.ts)': rowOf('outbox').value,
  'delivery row 1 (delivery-rows.ts)': rowOf('deliveries').value,
};
const file = new URL('./golden/rows-1.hex', import.meta.url);
const text = Object.entries(samples)
  .map(([name, bytes]) => `${name}\n${hexOf(bytes)}\n`)
  .join('\n');
if (env['GOLDEN'] === 'write') writeFileSync(file, text);

test('rows are written as the version of their format says, byte by byte', () => {
  // Disks hold such rows. If this fails, a format has changed: raise its number in the file that is named, go on reading the old
  // one, keep this golden file as a test of that, and write a further one with GOLDEN=write.
  expect(text).toBe(readFileSync(file, 'utf8'));
});

describe('what is written is read', () => {
  test('a mirror', () => {
    expect(decodeMirror('default', encodeMirror(mirror))).toEqual(mirror);
  });

  test('an outbox row, which keeps since when something is due', () => {
    const row = { kind: 'withdraw', revision: 300, firstRevision: 299, sinceMs: 1_700_000_000_000, enqueuedIndex: 1000 };
    expect(readOutboxRow(tables, 70000, 'a/b')).toEqual(row);
    expect(readOutbox(tables, 70000, '', 10)).toEqual([{ environment: 'a/b', ...row }]);
    expect(readOutbox(tables, 70000, 'a/b', 10)).toEqual([]);
    expect(readOutbox(tables, 70001, '', 10)).toEqual([]);
  });

  test('a delivery', () => {
    expect(readDelivery(tables, 70000, 'a/b')).toEqual({ delivered, failed });
    expect(readDelivery(tables, 70000, 'a')).toBeNull();
  });
});

describe('what is asked of a mirror joins what is under way', () => {
  const cases: [string, MirrorRow['phases'], MirrorRow['phases'], MirrorRow['phases'], string][] = [
    ['nothing is asked', ['select'], [], ['select'], 'shop/a'],
    ['a later phase', ['select'], ['retry'], ['select', 'retry'], 'shop/a'],
    ['an earlier phase', ['retry'], ['select'], ['select', 'retry'], ''],
    ['the one that is under way', ['select', 'retry'], ['select'], ['select', 'retry'], ''],
    ['the first', [], ['retry'], ['retry'], ''],
  ];
  test.each(cases)('%s', (_why, phases, asked, expected, after) => {
    expect(withPhases({ ...mirror, phases }, asked)).toMatchObject({ phases: expected, phaseAfter: after });
  });
});

describe('two targets overlap', () => {
  test.each([
    ['file/srv', 'file/srv', true],
    ['file/srv', 'file/srv/a', true],
    ['file/srv/a/b', 'file/srv', true],
    ['file/srv', 'file/srv2', false],
    ['file/srv/a', 'file/srv/b', false],
  ])('%s and %s: %s', (a, b, overlap) => {
    expect(targetsOverlap(a, b)).toBe(overlap);
  });
});
