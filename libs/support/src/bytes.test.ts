import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { encodeUtf8 } from './utf8.ts';
import { ByteReader, ByteWriter, compareBytes, integerMax, MalformedBytes } from './bytes.ts';

function spelt(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 0x80n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

describe('what a writer wrote, a reader reads', () => {
  test('for every integer, in all encodings', () => {
    fc.assert(
      fc.property(fc.nat(integerMax), (value) => {
        const reader = new ByteReader(new ByteWriter().u64(value).varint(value).u32OrU64(value).take());
        expect([reader.u64(), reader.varint(), reader.u32OrU64(), reader.remaining]).toEqual([value, value, value, 0]);
      }),
    );
  });

  test('for a number that began as a u32, in four bytes as long as they are enough', () => {
    const ends = [0, 1, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, integerMax];
    const written = ends.map((value) => new ByteWriter().u32OrU64(value).take());
    expect(written.map(({ length }) => length)).toEqual([4, 4, 4, 12, 12, 12]);
    expect(written.map((bytes) => new ByteReader(bytes).u32OrU64())).toEqual(ends);
  });

  test('integers are spelt as LEB128 spells them, at every length', () => {
    const edges = Array.from({ length: 53 }, (_, bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]).flat();
    for (const value of [...edges, integerMax]) expect([...new ByteWriter(1).varint(value).take()]).toEqual(spelt(value));
  });

  test('for names one after the other, whatever was read before', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é'), maxLength: 60 })), (names) => {
        const writer = new ByteWriter();
        for (const name of names) writer.text(name);
        const reader = new ByteReader(writer.take());
        expect(names.map(() => reader.text())).toEqual(names);
      }),
    );
  });

  test('for every text, a leading byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const written = `\uFEFF${text}`;
        expect(new ByteReader(new ByteWriter(1).text(written).take()).text()).toBe(written);
      }),
    );
  });
});

describe('bytes that no writer wrote are refused', () => {
  const cases = [
    ['a length beyond the end', [5, 1], (r: ByteReader) => r.bytes()],
    ['an integer above 2^53 - 1', [0, 0x20, 0, 0, 0, 0, 0, 0], (r: ByteReader) => r.u64()],
    ['a varint with a second spelling of zero', [0x80, 0x00], (r: ByteReader) => r.varint()],
    ['a varint that never ends', Array.from({ length: 12 }, () => 0xff), (r: ByteReader) => r.varint()],
    ['a second spelling of what four bytes hold', [255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 7], (r: ByteReader) => r.u32OrU64()],
    ['text that is not UTF-8', [1, 0xff], (r: ByteReader) => r.text()],
    ['bytes after the end', [1], (r: ByteReader) => r.end()],
  ] as const;
  test.each(cases)('%s', (_why, bytes, read) => {
    expect(() => read(new ByteReader(Uint8Array.from(bytes)))).toThrow(MalformedBytes);
  });
});

test('keys sort by number: big-endian bytes compare as the integers do', () => {
  fc.assert(
    fc.property(fc.nat(integerMax), fc.nat(integerMax), (a, b) => {
      const order = compareBytes(new ByteWriter().u64(a).take(), new ByteWriter().u64(b).take());
      expect(Math.sign(order)).toBe(Math.sign(a - b));
    }),
  );
});

test('what was cut stays as it was, whatever is written afterwards', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.boolean())), (pieces) => {
      const writer = new ByteWriter(32);
      const handed: [Uint8Array, Uint8Array][] = pieces.map(([piece, cuts]) => {
        writer.raw(piece);
        return [piece, cuts ? writer.cut() : writer.take()];
      });
      for (const [piece, got] of handed) expect(got).toEqual(piece);
      expect(writer.length).toBe(0);
    }),
  );
});

test('what was lent is what was written, until the next write', () => {
  const writer = new ByteWriter(4);
  const lent = writer.raw(Uint8Array.of(1, 2, 3)).lend();
  expect([[...lent], writer.length]).toEqual([[1, 2, 3], 0]);
  expect([...writer.u8(9).take()]).toEqual([9]);
});

test('texts are written alike on the short way and on the long one', () => {
  for (const text of ['', 'a', 'é', 'aé', 'a'.repeat(127), `${'a'.repeat(126)}é`, 'a'.repeat(128), 'é'.repeat(127)]) {
    expect(new ByteWriter().text(text).take()).toEqual(new ByteWriter().bytes(encodeUtf8(text)).take());
  }
});
