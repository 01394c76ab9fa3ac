import { expect, test } from '@jest/globals';
import { open } from 'lmdb';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { pageBytesOf, parseMetaPages } from './meta-pages.ts';
import { temporaryDirectory } from './testing/temporary.ts';

test.each([4_096, 16_384])('the meta pages of this LMDB lie where we read them, with pages of %d bytes', async (pageSize) => {
  const path = temporaryDirectory();
  const root = open<Uint8Array, string>({ path, noSubdir: false, noSync: true, pageSize, encoding: 'binary' });
  for (let round = 1; round <= 5; round++) {
    root.transactionSync(() => {
      for (let i = 0; i < 100; i++) root.putSync(`${round}-${i}`, new Uint8Array(500));
    });
    const { lastTxnId, lastPageNumber } = root.getStats() as { readonly lastTxnId: number; readonly lastPageNumber: number };
    root.resetReadTxn();
    const file = readFileSync(join(path, 'data.mdb'));
    expect(pageBytesOf(file)).toBe(pageSize);
    expect(parseMetaPages(file.subarray(0, 2 * pageSize))).toMatchObject({
      pageBytes: pageSize,
      transaction: lastTxnId,
      pageCount: lastPageNumber + 1,
    });
  }
  await root.close();
});

test('other bytes are no meta pages', async () => {
  const path = temporaryDirectory();
  const root = open<Uint8Array, string>({ path, noSubdir: false, noSync: true, encoding: 'binary' });
  await root.close();
  const file = readFileSync(join(path, 'data.mdb'));
  expect(parseMetaPages(file.subarray(0, 8_192))).not.toBeNull();
  for (const other of [file.subarray(0, 100), file.subarray(0, 4_096), new Uint8Array(8_192), file.subarray(24, 8_216)]) {
    expect(parseMetaPages(other)).toBeNull();
  }
});
