import { expect, test } from '@jest/globals';

import { RateLimit } from './rate-limit.ts';
import { decodePart } from './snapshot-bytes.ts';
import { SnapshotPump } from './snapshot-pump.ts';

const source = { size: 3_000_000, readAt: (_offset: number, maxBytes: number) => Promise.resolve(new Uint8Array(maxBytes)) };

test.each([
  ['half a mebibyte', 64 * 1024 * 1024, 512 * 1024],
  ['what goes out in a second, where that is less', 64 * 1024, 64 * 1024],
])('a chunk is %s', async (_what, bytesPerSecondMax, chunkBytes) => {
  const first = await new Promise<Uint8Array>((resolve, reject) => {
    const stream = {
      open: true,
      write(bytes: Uint8Array) {
        this.open = false;
        resolve(bytes);
      },
    };
    new SnapshotPump({ stream, source, rate: new RateLimit(bytesPerSecondMax, () => 0), onProblem: reject }).taken(0);
  });
  const part = decodePart(first);
  expect(part).toMatchObject({ kind: 'chunk', offset: 0 });
  expect(part.kind === 'chunk' && part.bytes.length).toBe(chunkBytes);
});
