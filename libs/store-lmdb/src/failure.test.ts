import { describe, expect, test } from '@jest/globals';
import { constants } from 'node:os';

import { StoreFailed } from './failure.ts';

describe('a failure says what and where, and tells a full disk from a broken one', () => {
  const cases: [string, object, string, string][] = [
    [
      'Node on a full disk',
      { code: 'ENOSPC', errno: -28, message: 'ENOSPC: no space left on device, write' },
      'disk-full',
      'ENOSPC: no space left on device, write',
    ],
    ['LMDB on a full disk', { code: 28, message: 'No space left on device' }, 'disk-full', 'ENOSPC: No space left'],
    ['LMDB over a quota', { code: constants.errno.EDQUOT, message: 'Disk quota exceeded' }, 'disk-full', 'EDQUOT: Disk quota'],
    ['LMDB with a map that is too small', { code: -30_792, message: 'MDB_MAP_FULL' }, 'map-full', 'MDB_MAP_FULL'],
    ['a failed fsync', { code: 'EIO', errno: -5, message: 'EIO: i/o error, fdatasync' }, 'io-error', 'EIO: i/o error'],
    ['LMDB on a broken disk', { code: 5, message: 'Input/output error' }, 'io-error', 'Input/output error'],
  ];
  test.each(cases)('%s', (_who, cause, code, reason) => {
    const failure = new StoreFailed('A transaction', '/', cause);
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(`A transaction failed at /: ${reason}`);
    expect(failure.message).toContain('The member stops');
    expect(failure.message).toContain('start the member again.');
  });
});
