import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';

import { entry, identity, readAll, shown, TemporaryLog, vote } from './testing/temporary-log.ts';
import { decodeBatch, encodeBatch } from './batch.ts';
import { decodeSegmentHeader, encodeSegmentHeader, formatVersion, pageBytes } from './segment-header.ts';

const format1 = () => gunzipSync(readFileSync(join(import.meta.dirname, 'testing/format-1.log.gz')));

test('a log of format 1 is read for ever', async () => {
  using temporary = new TemporaryLog();
  mkdirSync(temporary.directory);
  writeFileSync(join(temporary.directory, '0000000000000001.log'), format1());
  const log = await temporary.open({ createIfEmpty: false });
  expect(log.contents).toEqual({
    hardState: vote(2, null),
    previous: { index: 0, term: 0 },
    lastIndex: 4,
    termRuns: [
      { firstIndex: 1, term: 1 },
      { firstIndex: 4, term: 2 },
    ],
    configurations: [3],
  });
  expect(await readAll(log, 1)).toEqual(
    shown([
      entry(1, 1, '', 'noop'),
      entry(2, 1, 'a command'),
      entry(3, 1, 'members', 'configuration'),
      entry(4, 2, 'x'.repeat(5000)),
    ]),
  );
  await log.close();
});

test('what is written is format 1 to the byte: another layout is another number', () => {
  expect(formatVersion).toBe(1);
  const golden = format1();
  const header = decodeSegmentHeader(golden, 'golden', identity);
  const again = new Uint8Array(golden.length);
  again.set(encodeSegmentHeader(header, identity));
  let batches = 0;
  for (let at = pageBytes; ; batches++) {
    const found = decodeBatch(golden, at, header);
    if (found === null) break;
    at += encodeBatch(found.batch, header, again.subarray(at)).bytes;
  }
  expect(batches).toBe(6);
  expect(Buffer.compare(again, golden)).toBe(0);
});

test('a log of a later format is refused', async () => {
  using temporary = new TemporaryLog();
  mkdirSync(temporary.directory);
  const later = format1();
  later.writeUInt32BE(2, 12);
  writeFileSync(join(temporary.directory, '0000000000000001.log'), later);
  await expect(temporary.open()).rejects.toMatchObject({ code: 'log-format', message: expect.stringMatching(/has format 2/) });
});
