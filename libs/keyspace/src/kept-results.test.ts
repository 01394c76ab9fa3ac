import { expect, test } from '@jest/globals';
import { ByteReader, ByteWriter } from '@env-cli/support';
import * as fc from 'fast-check';

import { KeptResults } from './kept-results.ts';
import type { Revision } from './revision.ts';

test('results are those of a map, whatever order they come in, and their bytes follow from them alone', () => {
  const step = fc.record({ sequence: fc.integer({ min: 1, max: 60 }), drop: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const results = new KeptResults();
      const naive = new Map<number, number>();
      let below = 0;
      for (const { sequence, drop } of steps) {
        if (drop) {
          below = Math.max(below, Math.floor(sequence / 2));
          results.dropBelow(below);
          for (const kept of naive.keys()) if (kept < below) naive.delete(kept);
        } else if (sequence >= below && !naive.has(sequence)) {
          results.add(sequence, { code: sequence % 7, revision: (sequence * 3) as Revision });
          naive.set(sequence, sequence * 3);
        }
      }
      expect(results.size).toBe(naive.size);
      for (let sequence = 1; sequence <= 60; sequence++) {
        const kept = naive.get(sequence);
        expect(results.get(sequence)?.revision).toBe(kept);
      }
      const bytes = new ByteWriter();
      results.encode(bytes);
      const encoded = bytes.take();
      const again = new ByteWriter();
      KeptResults.decode(new ByteReader(encoded)).encode(again);
      expect(again.take()).toEqual(encoded);
    }),
  );
});
