import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { describeWhere } from '../support/capability.ts';
import { History, type Operation, type Seen } from './history.ts';
import { buildPorcupine, checkLinearizable } from './porcupine.ts';

const built = await buildPorcupine();
const program = typeof built === 'string' ? built : '';

/** A write of one value to one environment or several. */
const write = (
  client: number,
  startMicros: number,
  endMicros: number,
  value: string,
  revision: number,
  ...to: string[]
): Operation => ({
  kind: 'write',
  client,
  startMicros,
  endMicros,
  sets: Object.fromEntries((to.length === 0 ? ['a'] : to).map((name) => [name, value])),
  at: {},
  outcome: 'done',
  revision,
});
const open = (client: number, startMicros: number, value: string, ...to: string[]): Operation =>
  ({
    ...write(client, startMicros, startMicros, value, 0, ...to),
    kind: 'write',
    endMicros: null,
    outcome: 'unknown',
  }) as Operation;
const read = (client: number, startMicros: number, endMicros: number, found: Record<string, Seen>): Operation => ({
  kind: 'read',
  client,
  startMicros,
  endMicros,
  found,
});
const at = (operation: Operation, revision: number, outcome: 'done' | 'refused' = 'done'): Operation =>
  ({
    ...operation,
    at: { a: revision },
    outcome,
    revision: outcome === 'done' ? (operation as { revision: number }).revision : 0,
  }) as Operation;
const a = (value: string, revision: number): Record<string, Seen> => ({ a: { value, revision } });

describeWhere(
  'porcupine finds what no linearizable cluster would answer',
  'missing' in Object(built) ? (built as { missing: string }).missing : null,
  () => {
    let directory: string;
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'env-cli-history-'));
    });
    afterAll(() => rmSync(directory, { recursive: true, force: true }));
    const check = (operations: readonly Operation[]) => {
      const history = new History();
      for (const operation of operations) history.add(operation);
      return checkLinearizable(program, history, directory);
    };

    const legal: [string, Operation[]][] = [
      [
        'operations one after another',
        [write(0, 0, 1, 'v1', 1), read(1, 2, 3, a('v1', 1)), write(0, 4, 5, 'v2', 2), read(1, 6, 7, a('v2', 2))],
      ],
      [
        'a read beside a write may see it or not',
        [write(0, 0, 1, 'v1', 1), write(0, 2, 9, 'v2', 2), read(1, 3, 4, a('v1', 1)), read(2, 5, 6, a('v2', 2))],
      ],
      ['a write without an answer that never happened', [write(0, 0, 1, 'v1', 1), open(1, 2, 'v2'), read(0, 5, 6, a('v1', 1))]],
      [
        'a write without an answer that happens late',
        [
          write(0, 0, 1, 'v1', 1),
          open(1, 2, 'v2'),
          read(0, 5, 6, a('v1', 1)),
          read(0, 7, 8, a('v2', 2)),
          write(0, 9, 10, 'v3', 3),
        ],
      ],
      [
        'conditions that hold and that do not',
        [write(0, 0, 1, 'v1', 1), at(write(0, 2, 3, 'v2', 2), 1), at(write(1, 4, 5, 'v3', 0), 1, 'refused')],
      ],
      [
        'a condition on the revision of a write without an answer',
        [write(0, 0, 1, 'v1', 1), open(1, 2, 'v2'), at(write(0, 3, 4, 'v3', 3), 2), read(0, 5, 6, a('v3', 3))],
      ],
      [
        'an environment that does not exist yet',
        [read(0, 0, 1, { a: null }), at(write(0, 2, 3, 'v1', 1), 0), read(0, 4, 5, a('v1', 1))],
      ],
      [
        'environments that are written together',
        [write(0, 0, 1, 'v1', 1, 'a', 'b'), read(1, 2, 3, { a: { value: 'v1', revision: 1 }, b: { value: 'v1', revision: 1 } })],
      ],
    ];
    test.each(legal)('and passes %s', async (_why, operations) => {
      expect(await check(operations)).toMatchObject({ verdict: 'ok', operations: operations.length });
    });

    const illegal: [string, string, Operation[]][] = [
      ['a stale read', 'a', [write(0, 0, 1, 'v1', 1), write(0, 2, 3, 'v2', 2), read(1, 4, 5, a('v1', 1))]],
      [
        'a read that goes back',
        'a',
        [write(0, 0, 1, 'v1', 1), write(0, 2, 9, 'v2', 2), read(1, 3, 4, a('v2', 2)), read(2, 5, 6, a('v1', 1))],
      ],
      ['a write that is lost', 'a', [write(0, 0, 1, 'v1', 1), read(1, 2, 3, { a: null })]],
      ['a write that happened twice', 'a', [write(0, 0, 1, 'v1', 1), write(1, 2, 3, 'v2', 2), read(0, 4, 5, a('v1', 3))]],
      [
        'a write without an answer that happened twice',
        'a',
        [
          open(0, 0, 'v1'),
          write(1, 2, 3, 'v2', 2),
          read(1, 4, 5, a('v1', 3)),
          write(1, 6, 7, 'v3', 4),
          read(1, 8, 9, a('v1', 5)),
        ],
      ],
      ['a write that was told not to have been done', 'a', [write(0, 0, 1, 'v1', 1), read(1, 2, 3, a('v2', 2))]],
      ['revisions against the clock', 'a', [write(0, 0, 1, 'v1', 2), write(1, 2, 3, 'v2', 1)]],
      ['a condition that did not hold', 'a', [write(0, 0, 1, 'v1', 1), write(0, 2, 3, 'v2', 2), at(write(1, 4, 5, 'v3', 3), 1)]],
      ['a refusal although the condition held', 'a', [write(0, 0, 1, 'v1', 1), at(write(1, 2, 3, 'v2', 0), 1, 'refused')]],
      [
        'half of a write',
        'all environments together',
        [
          write(0, 0, 1, 'v1', 1, 'a', 'b'),
          write(0, 2, 9, 'v2', 2, 'a', 'b'),
          read(1, 3, 4, { a: { value: 'v2', revision: 2 }, b: { value: 'v1', revision: 1 } }),
        ],
      ],
      [
        'revisions of two environments against the clock',
        'all environments together',
        [write(0, 0, 1, 'v1', 2, 'a'), write(1, 2, 3, 'v2', 1, 'b')],
      ],
    ];
    test.each(illegal)('%s', async (_why, where, operations) => {
      const answer = await check(operations);
      expect(answer).toMatchObject({ verdict: 'illegal', where });
      expect(answer.place).toMatch(/operations have an order; none has a place for: client \d, /);
      expect(readFileSync(join(directory, 'history.html'), 'utf8')).toContain('<html');
      rmSync(join(directory, 'history.html'));
    });

    test('and of a write without an answer what the cluster kept of it must agree with what was read', async () => {
      const history = new History();
      const operations = [
        write(0, 0, 1, 'v1', 1),
        open(1, 2, 'v2'),
        open(2, 2, 'v3'),
        read(0, 5, 6, a('v2', 2)),
        write(0, 7, 8, 'v4', 4),
      ];
      for (const operation of operations) history.add(operation);
      const kept = (revision: number) => history.resolved((_environment, value) => (value === 'v2' ? revision : null));
      expect(await checkLinearizable(program, kept(2), directory)).toMatchObject({ verdict: 'ok', operations: 4, open: 1 });
      expect(await checkLinearizable(program, kept(3), directory)).toMatchObject({ verdict: 'illegal', where: 'a' });
      rmSync(join(directory, 'history.html'));
    });

    test('a history that says something else is refused, and not passed', async () => {
      const history = new History();
      history.add({ ...write(0, 0, 1, 'v1', 1), outcome: 'perhaps' } as unknown as Operation);
      await expect(checkLinearizable(program, history, directory)).rejects.toThrow(/line 1: neither a read/);
      expect(existsSync(join(directory, 'history.html'))).toBe(false);
    });
  },
);
