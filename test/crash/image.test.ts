import { describe, expect, test } from '@jest/globals';
import { Disk, type Image } from './image.ts';
import { Random } from './random.ts';
import type { TraceRecord } from './trace.ts';

const seeds = 300;

/** Every different outcome that crashes after these records have, each as text. */
function outcomes(records: readonly TraceRecord[], show: (image: Image) => string, base?: Image): Set<string> {
  const disk = new Disk(base);
  for (const record of records) disk.play(record);
  const seen = new Set<string>();
  for (let seed = 1; seed <= seeds; seed++) seen.add(show(disk.crash(new Random(seed))));
  return seen;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const content = (path: string) => (image: Image) => {
  const found = image.files.get(path);
  return found === undefined ? 'missing' : new TextDecoder().decode(found);
};
const names = (image: Image) => [...image.directories, ...image.files.keys()].toSorted().join(' ');

const x = 7;
const y = 8;
const top = 1;
const openTop: TraceRecord = { kind: 'open', inode: top, path: '', created: false, truncated: false, directory: true };
const openX: TraceRecord = { kind: 'open', inode: x, path: 'x', created: false, truncated: false, directory: false };
const createY: TraceRecord = { kind: 'open', inode: y, path: 'y', created: true, truncated: false, directory: false };
const write = (inode: number, offset: number, text: string): TraceRecord => ({ kind: 'write', inode, offset, data: bytes(text) });
const settle = (inode: number, offset: number, length: number): TraceRecord => ({ kind: 'settle', inode, offset, length });
const begin = (inode: number, token: string): TraceRecord => ({ kind: 'syncBegin', inode, token });
const end = (inode: number, token: string, failed = false): TraceRecord => ({ kind: 'syncEnd', inode, token, failed });
const base: Image = { directories: [], files: new Map([['x', bytes('old!')]]) };

describe('a crash leaves what was synced, and of the rest anything', () => {
  const cases: readonly (readonly [string, readonly TraceRecord[], (image: Image) => string, readonly string[]])[] = [
    ['nothing written', [openX], content('x'), ['old!']],
    ['written and synced', [openX, write(x, 0, 'new!'), begin(x, 'a'), end(x, 'a')], content('x'), ['new!']],
    ['written with O_DSYNC', [openX, write(x, 0, 'new!'), settle(x, 0, 4)], content('x'), ['new!']],
    [
      'written over by O_DSYNC in part',
      [openX, write(x, 0, 'AB'), settle(x, 0, 2), write(x, 1, 'ZZ'), settle(x, 1, 2)],
      content('x'),
      ['AZZ!'],
    ],
    ['written, sync not ended', [openX, write(x, 0, 'n'), begin(x, 'a')], content('x'), ['old!', 'nld!']],
    ['written, sync failed', [openX, write(x, 0, 'n'), begin(x, 'a'), end(x, 'a', true)], content('x'), ['old!', 'nld!']],
    ['written while a sync ran', [openX, begin(x, 'a'), write(x, 0, 'n'), end(x, 'a')], content('x'), ['old!', 'nld!']],
    ['written and torn', [openX, write(x, 0, 'new')], content('x'), ['old!', 'nld!', 'ned!', 'new!', 'oew!', 'olw!']],
    ['created', [createY], names, ['x', 'x y']],
    ['created, file synced and directory not', [createY, begin(y, 'a'), end(y, 'a')], names, ['x', 'x y']],
    ['created, directory synced', [openTop, createY, begin(top, 'a'), end(top, 'a')], names, ['x y']],
    ['renamed', [openX, { kind: 'rename', from: 'x', to: 'y' }], names, ['x', 'y']],
    [
      'renamed, directory synced',
      [openTop, { kind: 'rename', from: 'x', to: 'y' }, begin(top, 'a'), end(top, 'a')],
      content('y'),
      ['old!'],
    ],
    ['removed', [{ kind: 'unlink', path: 'x' }], content('x'), ['old!', 'missing']],
    ['made longer', [openX, { kind: 'truncate', inode: x, length: 5 }], content('x'), ['old!', 'old!\0']],
    [
      'made shorter, then longer',
      [openX, { kind: 'truncate', inode: x, length: 3 }, { kind: 'truncate', inode: x, length: 4 }, begin(x, 'a'), end(x, 'a')],
      content('x'),
      ['old\0'],
    ],
  ];
  test.each(cases)('%s', (_what, records, show, allowed) => {
    const seen = outcomes(records, show, base);
    // Each outcome comes up with so many seeds, and no other does.
    expect([...seen].toSorted()).toEqual([...allowed].toSorted());
  });

  test('a page of LMDB is torn at its sectors only', () => {
    const before: Image = { directories: [], files: new Map([['data.mdb', new Uint8Array(4096).fill(1)]]) };
    const records: TraceRecord[] = [
      { kind: 'open', inode: x, path: 'data.mdb', created: false, truncated: false, directory: false },
      { kind: 'write', inode: x, offset: 0, data: new Uint8Array(4096).fill(2) },
    ];
    const seen = outcomes(
      records,
      (image) => {
        const page = image.files.get('data.mdb')!;
        let sectors = '';
        for (let at = 0; at < 4096; at += 512) sectors += new Set(page.subarray(at, at + 512)).size === 1 ? page[at] : '?';
        return sectors;
      },
      before,
    );
    expect(seen).toContain('11111111');
    expect(seen).toContain('22222222');
    expect(seen.size).toBeGreaterThan(10);
    for (const sectors of seen) expect(sectors).toMatch(/^[12]{8}$/);
  });

  test('the same seed gives the same image', () => {
    const records = [openX, write(x, 0, 'new'), write(x, 2, 'er')];
    const [one, two] = [new Disk(base), new Disk(base)];
    for (const record of records) {
      one.play(record);
      two.play(record);
    }
    expect(one.crash(new Random(42))).toEqual(two.crash(new Random(42)));
  });
});
