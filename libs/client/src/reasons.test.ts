import { readFileSync } from 'node:fs';

import { describe, expect, test } from '@jest/globals';

import { reasonTable, type Reason } from './reasons.ts';

/** The reasons of the cluster with their statuses: docs/errors.md is made from apps/server/src/errors/rows.ts, and a test of its own keeps it so. */
const ofCluster = new Map(
  [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `([A-Z_]+)` +\| `([A-Z_]+)`/gm)].map(([, reason, status]) => [
    reason!,
    status!,
  ]),
);

/** Those that the client gives itself. */
const ownReasons: readonly Reason[] = [
  'OTHER',
  'CONNECTION_LOST',
  'UNREACHABLE',
  'CERTIFICATE_REFUSED',
  'CANCELLED',
  'CLIENT_CLOSED',
  'CLIENT_OVERLOADED',
  'MALFORMED_ANSWER',
  'VARIABLES_INVALID',
  'NOT_READY',
];

describe('the reasons of the client are a closed set that holds all of the cluster', () => {
  test.each([...ofCluster])('%s, with the status %s', (reason, status) => {
    expect(reasonTable[reason as Reason]).toMatchObject({ code: status });
  });

  test('and no other but its own', () => {
    expect(ofCluster.size).toBeGreaterThan(30);
    const known = Object.keys(reasonTable).filter((reason) => !ofCluster.has(reason));
    expect(known.toSorted()).toEqual(ownReasons.toSorted());
  });

  test('each says what to do next, in one sentence', () => {
    expect(Object.entries(reasonTable).filter(([, { next }]) => !/^[A-Z].*\.$/.test(next))).toEqual([]);
  });
});
