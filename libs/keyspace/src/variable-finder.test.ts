import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { MemoryTables } from './memory-tables.ts';
import { beginOn, edit, plain } from './testing/edits.ts';
import { VariableFinder } from './variable-finder.ts';

test('each variable is found, and no other, in whatever order they are asked for', () => {
  const names = Array.from({ length: 12 }, (_, place) => `V${place}`);
  fc.assert(
    fc.property(fc.subarray(names), fc.array(fc.constantFrom(...names)), (present, asked) => {
      const transaction = beginOn(new MemoryTables());
      edit(transaction, 'a', (draft) => {
        draft.create();
        for (const name of present) draft.setVariable(plain(name, name));
      });
      const { live } = transaction.environments.get('default', 'a')!;
      const finder = new VariableFinder(live!);
      expect(asked.map((name) => finder.find(name)?.name ?? null)).toEqual(
        asked.map((name) => (present.includes(name) ? name : null)),
      );
    }),
  );
});
