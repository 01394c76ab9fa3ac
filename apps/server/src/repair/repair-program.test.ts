import { describe, expect, test } from '@jest/globals';
import { NotUnderstood } from '@env-cli/environments';
import { StoreFailed } from '@env-cli/store-lmdb';
import { BrokenInvariant } from '@env-cli/support';

import { exitCodes } from '../options/refusal.ts';
import { isOfTheMachine } from './machine-error.ts';
import { refusalOf } from './repair-program.ts';
import { RepairRefused, RepairUnfinished } from './repair-refused.ts';

/** As Node says it. */
const system = (code: string, errno: number): Error =>
  Object.assign(new Error(`${code}: it is so, open '/data/state-000001'`), { code, errno: -errno, syscall: 'open' });
/** As LMDB says it. */
const lmdb = (code: number): Error => Object.assign(new Error('LMDB says so'), { code });

describe('what goes wrong in a repair is refused, with what was wrong, where, and what to do', () => {
  test.each<[string, Error, RegExp]>([
    [
      'a refusal of its own',
      new RepairRefused('/data: it is so. Do that.'),
      /^\/data: it is so\. Do that\. The state is the one that it was$/,
    ],
    [
      'a disk that fails',
      system('EIO', 5),
      /^\/data: EIO: .*'\/data\/state-000001'\. Check the disk and its file system, and repair again/,
    ],
    ['a full disk, outside the state', system('ENOSPC', 28), /Make room: a repair needs it for two copies/],
    [
      'a full disk, in the state',
      new StoreFailed('Building a state', '/data/state-2', system('ENOSPC', 28)),
      /two copies of the state/,
    ],
    [
      'a file of another user',
      new StoreFailed('Opening the state', '/data', system('EACCES', 13)),
      /Run it as the user that the member runs as/,
    ],
    ['a fault of LMDB', new StoreFailed('Opening the state', '/data', lmdb(-30_796)), /^\/data: the disk failed\. Check it/],
    ['a file that is none', system('EISDIR', 21), /EISDIR.* See what is wrong with that file, and repair again/],
    [
      'bytes of a later version',
      new NotUnderstood('level', 9, 3),
      /^\/data: .*install the version that the other members run.*The state is the one that it was$/,
    ],
  ])('%s', (_what, error, words) => {
    const refusal = refusalOf(error, '/data');
    expect(refusal?.message).toMatch(words);
    expect(exitCodes[refusal!.reason].code).toBe(4);
  });

  test('a repair that is not at its end does not say that nothing changed', () => {
    const refusal = refusalOf(new RepairUnfinished('/data: it is so', { cause: system('ENOSPC', 28) }), '/data');
    expect(refusal?.message).toMatch(/^\/data: it is so\. Make room.*, and repair again$/);
  });

  test('but for a fault of this program', () => {
    expect(refusalOf(new BrokenInvariant('it is so'), '/data')).toBeNull();
    expect(refusalOf(new TypeError('it is so'), '/data')).toBeNull();
  });
});

describe('what the system says is about the machine, and not about what was read,', () => {
  test.each<[string, Error, boolean]>([
    ['where a disk fails', system('EIO', 5), true],
    ['where LMDB has it from the system', lmdb(28), true],
    ['where it was the reason for another error', new Error('it cannot be opened', { cause: system('EMFILE', 24) }), true],
    ['but not where a file is gone', system('ENOENT', 2), false],
    ['nor where LMDB finds damage', lmdb(-30_796), false],
  ])('%s', (_where, error, expected) => {
    expect(isOfTheMachine(error)).toBe(expected);
  });
});
