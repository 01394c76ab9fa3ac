import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';

import { describe, expect, test } from '@jest/globals';
import { livesMax, type RememberedDisk, type Standing } from '@env-cli/replica';

import { encodeIdentity, readIdentity } from './identity.ts';
import { encodeRepaired, forgetRepaired, readRepaired, repairedFileName, writeRepaired } from './repaired.ts';
import { encodeSeenDisks, readSeenDisks, seenDisksFileName, writeSeenDisks } from './seen-disks.ts';
import { owner } from './testing/fixture.ts';
import { temporaryDirectory } from './testing/temporary.ts';

const stands = (n: number): Standing => ({ term: n + 2, votedFor: n % 4, entryTerm: n, entryIndex: 100 * n });
const disks: readonly RememberedDisk[] = [
  { diskId: new Uint8Array(16).fill(2), earlier: stands(1), lives: [{ startNonce: 7, claimed: stands(2) }] },
  { diskId: new Uint8Array(16).fill(3), earlier: stands(0), lives: [] },
];

/** Each file of its format, as it was first written. Further formats get further files; what an old one holds never changes. */
const samples = {
  'identity-2-forming.bin': encodeIdentity({ ...owner, clusterId: null }),
  'identity-2-founded.bin': encodeIdentity(owner),
  'seen-disks-1.bin': encodeSeenDisks(disks),
  'repaired-1.bin': encodeRepaired(1_234),
} as const;

function golden(name: string): URL {
  return new URL(`./golden/${name}`, import.meta.url);
}

if (env['GOLDEN'] === 'write') for (const [name, bytes] of Object.entries(samples)) writeFileSync(golden(name), bytes);

describe('small files are written as the version of their format says, byte by byte', () => {
  test.each(Object.entries(samples))('%s', (name, bytes) => {
    expect(Buffer.from(bytes).toString('hex')).toBe(readFileSync(golden(name)).toString('hex'));
  });
});

describe('small files of every format that is read', () => {
  test('an identity, before and after the founding', () => {
    const directory = temporaryDirectory();
    for (const [name, clusterId] of [
      ['identity-2-forming.bin', null],
      ['identity-2-founded.bin', owner.clusterId],
    ] as const) {
      writeFileSync(join(directory, 'identity'), readFileSync(golden(name)));
      expect(readIdentity(directory)).toEqual({ ...owner, clusterId });
    }
  });

  test('the disks that were seen', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, seenDisksFileName), readFileSync(golden('seen-disks-1.bin')));
    expect(readSeenDisks(directory)).toEqual({ disks, problem: null });
  });

  test('that a state came in place of a wrong one', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, repairedFileName), readFileSync(golden('repaired-1.bin')));
    expect(readRepaired(directory)).toBe(1_234);
  });
});

describe('that a state came in place of a wrong one', () => {
  test('is known until it is forgotten, and of a damaged file it is not believed', () => {
    const directory = temporaryDirectory();
    expect(readRepaired(directory)).toBe(0);
    writeRepaired(directory, 77);
    expect(readRepaired(directory)).toBe(77);
    const bytes = encodeRepaired(77);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 0x10;
      for (const damaged of [changed, bytes.subarray(0, at)]) {
        writeFileSync(join(directory, repairedFileName), damaged);
        expect(readRepaired(directory)).toBe(0);
      }
    }
    writeRepaired(directory, 77);
    forgetRepaired(directory);
    expect(readRepaired(directory)).toBe(0);
  });
});

describe('what is remembered of other disks', () => {
  test('is nothing where no file is, and what was written where one is', async () => {
    const directory = temporaryDirectory();
    expect(readSeenDisks(directory)).toEqual({ disks: [], problem: null });
    await writeSeenDisks(directory, disks);
    expect(readSeenDisks(directory).disks).toEqual(disks);
  });

  test('is forgotten, and said to be, when any byte of the file is another, or its end is missing', () => {
    const directory = temporaryDirectory();
    const bytes = Buffer.from(encodeSeenDisks(disks));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes).fill(bytes.readUInt8(at) ^ 0x10, at, at + 1);
      for (const damaged of [changed, bytes.subarray(0, at)]) {
        writeFileSync(join(directory, seenDisksFileName), damaged);
        expect(readSeenDisks(directory)).toEqual({ disks: [], problem: expect.stringContaining('it cannot be read') });
      }
    }
    const tooMany = { ...disks[0]!, lives: Array.from({ length: livesMax + 1 }, () => disks[0]!.lives[0]!) };
    writeFileSync(join(directory, seenDisksFileName), encodeSeenDisks([tooMany]));
    expect(readSeenDisks(directory).problem).toContain(`it counts ${livesMax + 1} where ${livesMax} are the most`);
  });
});
