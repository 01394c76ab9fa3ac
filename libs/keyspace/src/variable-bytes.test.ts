import { describe, expect, test } from '@jest/globals';
import { ByteWriter } from '@env-cli/support';
import * as fc from 'fast-check';

import type { Revision } from './revision.ts';
import { cursorOn, writeVariable } from './variable-bytes.ts';
import { type Variable, variableTypes } from './variable.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const plainValue = fc.record({ kind: fc.constant('plain' as const), bytes: fc.uint8Array({ maxLength: 300 }) });
const sealedValue = fc.record({
  kind: fc.constant('sealed' as const),
  keyId: fc.nat(0xffff_ffff),
  nonce: fixed(12),
  bytes: fc.uint8Array({ maxLength: 300 }),
  plainLengthBytes: fc.nat(1000),
});
const variables: fc.Arbitrary<Variable> = fc
  .record({
    name: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,60}$/),
    value: fc.oneof(plainValue, sealedValue),
    hash: fc.option(fixed(16)),
    type: fc.option(fc.constantFrom(...variableTypes)),
    comment: fc.uint8Array({ maxLength: 40 }),
    changedRevision: fc.nat(2 ** 31).map((revision) => revision as Revision),
  })
  .map((variable) => ({ ...variable, secret: variable.hash !== null }));

function encoded(variable: Variable): Uint8Array {
  const writer = new ByteWriter();
  writeVariable(writer, variable);
  return writer.take();
}

test('a variable that is written is read as it was', () => {
  fc.assert(
    fc.property(variables, (variable) => {
      const cursor = cursorOn(encoded(variable));
      expect(cursor.variable()).toEqual(variable);
      expect(cursor.compareName(variable.name)).toBe(0);
      expect(cursor.compareName(`${variable.name}0`)).toBeLessThan(0);
      const { value } = variable;
      expect(cursor.plainLengthBytes).toBe(value.kind === 'plain' ? value.bytes.length : value.plainLengthBytes);
    }),
  );
});

describe('two variables say the same', () => {
  const base: Variable = {
    name: 'A',
    value: { kind: 'plain', bytes: Uint8Array.of(1) },
    secret: false,
    hash: null,
    type: null,
    comment: new Uint8Array(0),
    changedRevision: 1 as Revision,
  };
  const secret: Variable = { ...base, secret: true, hash: new Uint8Array(16).fill(1) };
  const sealed: Variable = {
    ...secret,
    value: { kind: 'sealed', keyId: 1, nonce: new Uint8Array(12), bytes: Uint8Array.of(7), plainLengthBytes: 1 },
  };
  const cases: [string, Variable, Variable, boolean][] = [
    ['changed at another revision', base, { ...base, changedRevision: 9 as Revision }, true],
    ['another value', base, { ...base, value: { kind: 'plain', bytes: Uint8Array.of(2) } }, false],
    ['another type', base, { ...base, type: 'number' }, false],
    ['another comment', base, { ...base, comment: Uint8Array.of(1) }, false],
    ['a secret and not', base, secret, false],
    [
      'a secret whose hash is equal, sealed anew',
      sealed,
      { ...sealed, value: { ...sealed.value, bytes: Uint8Array.of(8) } },
      true,
    ],
    ['a secret whose hash is equal, sealed by now', secret, sealed, true],
    ['a secret with another hash', secret, { ...secret, hash: new Uint8Array(16) }, false],
  ];
  test.each(cases)('%s', (_why, a, b, same) => {
    expect(cursorOn(encoded(a)).saysTheSame(cursorOn(encoded(b)))).toBe(same);
  });
});
