import { cpSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

import {
  append,
  entries,
  entry,
  identity,
  index,
  read,
  readAll,
  reset,
  segmentBytes,
  shown,
  TemporaryLog,
  term,
  vote,
} from './testing/temporary-log.ts';
import { nodeFiles } from './file-io.ts';
import { LogFile } from './log-file.ts';

const ignore = () => undefined;

/** The files of the segments, oldest first. */
function segmentNames(temporary: TemporaryLog): string[] {
  const names = readdirSync(temporary.directory).filter((name) => name.endsWith('.log'));
  return names.toSorted();
}

describe('what was acknowledged is there when the log is opened again', () => {
  test('an empty log begins at its beginning', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    expect(log.contents).toEqual({
      hardState: vote(0, null),
      previous: { index: 0, term: 0 },
      lastIndex: 0,
      termRuns: [],
      configurations: [],
    });
    await log.close();
    const again = await temporary.open({ createIfEmpty: false });
    expect(again.contents).toEqual(log.contents);
    await again.close();
  });

  test('entries of every kind, term and vote', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    const written = [entry(1, 1, '', 'noop'), entry(2, 1, 'a command'), entry(3, 2, 'members', 'configuration')];
    await append(log, written, vote(2, 3));
    await append(log, [], vote(3, null));
    await log.close();

    const again = await temporary.open({ createIfEmpty: false });
    expect(again.contents).toEqual({
      hardState: vote(3, null),
      previous: { index: 0, term: 0 },
      lastIndex: 3,
      termRuns: [
        { firstIndex: 1, term: 1 },
        { firstIndex: 3, term: 2 },
      ],
      configurations: [3],
    });
    expect(await readAll(again, 1)).toEqual(shown(written));
    await again.close();
  });

  test('the largest numbers there are', async () => {
    using temporary = new TemporaryLog();
    const most = Number.MAX_SAFE_INTEGER;
    const log = await temporary.open();
    await reset(log, most - 1, most - 1);
    await append(log, [entry(most, most)], vote(most, 2 ** 32 - 1));
    await log.close();
    const again = await temporary.open();
    expect(again.contents).toMatchObject({
      hardState: vote(most, 2 ** 32 - 1),
      previous: { index: most - 1, term: most - 1 },
      lastIndex: most,
    });
    await again.close();
  });

  test('over many segments, whose files are all of the same length', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    const written = entries(1, 30, 1, 3000);
    for (const one of written) await append(log, [one]);
    await log.close();
    const files = readdirSync(temporary.directory).toSorted();
    expect(files.length).toBeGreaterThan(10);
    expect(new Set(files.map((file) => statSync(join(temporary.directory, file)).size))).toEqual(new Set([segmentBytes]));

    const again = await temporary.open();
    expect(again.contents.lastIndex).toBe(30);
    expect(await readAll(again, 1)).toEqual(shown(written));
    await again.close();
  });

  test('a write larger than a segment', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    const large = entry(2, 1, 'x'.repeat(5 * segmentBytes));
    await append(log, [entry(1, 1)]);
    await append(log, [large, entry(3, 1)]);
    await append(log, [entry(4, 1)]);
    await log.close();
    const again = await temporary.open();
    expect(await readAll(again, 1)).toEqual(shown([entry(1, 1), large, entry(3, 1), entry(4, 1)]));
    await again.close();
  });
});

describe('later entries with a lower index count instead (raft.pdf §5.3)', () => {
  const cases = [
    // why                                      writes                                                                                   held
    ['the last ones replaced', [entries(1, 4, 1), entries(3, 3, 2)], [...entries(1, 2, 1), ...entries(3, 3, 2)]],
    ['all of them replaced', [entries(1, 4, 1), entries(1, 2, 3)], entries(1, 2, 3)],
    ['replaced twice', [entries(1, 6, 1), entries(4, 6, 2), entries(2, 3, 3)], [...entries(1, 1, 1), ...entries(2, 3, 3)]],
    ['replaced by as many', [entries(1, 2, 1), entries(2, 2, 2), entries(3, 3, 2)], [...entries(1, 1, 1), ...entries(2, 3, 2)]],
    ['replaced and behind them', [entries(1, 3, 1), entries(3, 8, 2)], [...entries(1, 2, 1), ...entries(3, 8, 2)]],
  ] as const;
  for (const [way, together] of [
    ['each with its own sync', false],
    ['all with one sync', true],
  ] as const) {
    test.each(cases)(`%s, ${way}`, async (_why, writes, held) => {
      using temporary = new TemporaryLog();
      const log = await temporary.open();
      const stored = [];
      for (const list of writes) {
        const one = append(log, list);
        stored.push(one);
        if (!together) await one;
      }
      await Promise.all(stored);
      expect(await readAll(log, 1)).toEqual(shown(held));
      await log.close();
      const again = await temporary.open();
      expect(again.contents.lastIndex).toBe(held.length);
      expect(await readAll(again, 1)).toEqual(shown(held));
      await again.close();
    });
  }
});

describe('many writes share one sync, and each is answered in turn', () => {
  test('what is asked for while a sync runs goes out with the next', async () => {
    using temporary = new TemporaryLog();
    const gates: (() => void)[] = [];
    let began: () => void = ignore;
    const held = { ...nodeFiles };
    let hold = false;
    let syncs = 0;
    // Batches alone, and not the segment that is made ahead meanwhile.
    let batches = -1;
    held.writeNow = (file, bytes, position) => {
      batches = file;
      nodeFiles.writeNow(file, bytes, position);
    };
    held.datasync = async (file) => {
      if (hold && file === batches) {
        syncs++;
        await new Promise<void>((resolve) => {
          gates.push(resolve);
          began();
        });
      }
      return nodeFiles.datasync(file);
    };
    const nextSync = () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      began = resolve;
      return promise;
    };
    const log = await temporary.open({ io: held });
    await append(log, [entry(1, 1)]);
    hold = true;
    const answers: number[] = [];
    const waiting = nextSync();
    log.append({ hardState: null, entries: [entry(2, 1)] }, () => answers.push(2));
    expect(answers).toEqual([]);
    await waiting;
    for (let i = 3; i <= 9; i++)
      log.append({ hardState: i === 5 ? vote(1, 4) : null, entries: [entry(i, 1)] }, () => answers.push(i));
    expect(answers).toEqual([]);
    const second = nextSync();
    gates.shift()!();
    await second;
    expect(answers).toEqual([2]);
    hold = false;
    gates.shift()!();
    await append(log, [entry(10, 1)]);
    expect(answers).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    expect(syncs).toBe(2);
    await log.close();
  });

  test('up to the limit of a batch', async () => {
    using temporary = new TemporaryLog();
    const syncs: number[] = [];
    const log = await temporary.open({ options: { batchBytesMax: 8000, onSync: (_ms, bytes) => syncs.push(bytes) } });
    await Promise.all(entries(1, 10, 1, 3000).map((one) => append(log, [one])));
    // Two go together, and take two pages with what a batch needs for itself.
    expect(syncs).toEqual([8192, 8192, 8192, 8192, 8192]);
    await log.close();
  });
});

describe('reading answers a range, bounded in bytes', () => {
  test.each([
    // from  to  bytes  last
    [1, 100, 2 ** 20, 12],
    [4, 9, 2 ** 20, 8],
    [4, 9, 2000, 5],
    [4, 9, 1, 4],
    [12, 13, 1, 12],
  ])('from %i to %i, %i bytes: up to %i', async (from, to, maxBytes, last) => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    // In one batch, and in several.
    await append(log, entries(1, 6, 1, 1000));
    for (const one of entries(7, 12, 1, 1000)) await append(log, [one]);
    const found = [];
    // A read ends at the end of a segment, too: asking again goes on.
    let left = maxBytes;
    for (let next = from; ;) {
      const some = await read(log, next, to, left);
      found.push(...some);
      next += some.length;
      left -= some.length * 1000;
      if (some.length === 0 || left <= 0) break;
    }
    expect(found.map((one) => one.index)).toEqual(Array.from({ length: last - from + 1 }, (_, i) => from + i));
    await log.close();
  });

  test.each([
    ['before the first', 10, 20],
    ['behind the last', 14, 20],
    ['an empty range', 12, 12],
  ])('nothing for what is not held: %s', async (_why, from, to) => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    await reset(log, 10, 3);
    await append(log, entries(11, 13, 3));
    expect(await read(log, from, to)).toEqual([]);
    await log.close();
  });

  test('a read sees the writes that were asked for before it', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    const stored = append(log, entries(1, 3, 1));
    expect(shown(await read(log, 1, 4))).toEqual(shown(entries(1, 3, 1)));
    await stored;
    await log.close();
  });

  test('what has rotted since the start is not answered: the member stops', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    await append(log, entries(1, 3, 1));
    const path = join(temporary.directory, '0000000000000001.log');
    const handle = await nodeFiles.open(path, 'existing');
    await nodeFiles.write(handle, Uint8Array.of(0xff), 2 * 4096 + 100);
    await nodeFiles.close(handle);
    const failed = new Promise<void>((resolve) => {
      temporary.failures.push = (failure) => {
        expect(failure).toMatchObject({ code: 'log-damaged', path });
        resolve();
        return 1;
      };
    });
    log.read(index(1), index(4), 1000, () => {
      throw new Error('rotten entries were answered');
    });
    await failed;
    await log.close();
  });
});

describe('letting go', () => {
  test('whole segments go, oldest first; what is left begins behind them', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    for (const one of entries(1, 30, 1, 3000)) await append(log, [one], vote(1, 2));
    log.release(index(19));
    // A segment has three batches of one page, the first of all has one without an entry: the seventh holds 18 to 20.
    expect(await read(log, 17, 31)).toEqual([]);
    expect((await read(log, 18, 31)).length).toBeGreaterThan(0);
    await log.close();
    expect(segmentNames(temporary)[0]).toBe('0000000000000007.log');

    const again = await temporary.open();
    expect(again.contents).toMatchObject({ previous: { index: 17, term: 1 }, lastIndex: 30, hardState: vote(1, 2) });
    expect(again.contents.termRuns).toEqual([{ firstIndex: 18, term: 1 }]);
    expect(await readAll(again, 18)).toEqual(shown(entries(18, 30, 1, 3000)));
    await again.close();
  });

  test('the segment in use stays, and appending goes on', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    await append(log, entries(1, 2, 1));
    log.release(index(2));
    await append(log, entries(3, 3, 1));
    expect(await readAll(log, 1)).toEqual(shown([...entries(1, 2, 1), ...entries(3, 3, 1)]));
    await log.close();
  });

  test('a file that is done with becomes the next segment, and its old bytes are nothing', async () => {
    using temporary = new TemporaryLog();
    const made: string[] = [];
    const io = { ...nodeFiles };
    io.open = (path, how) => {
      if (how === 'create') made.push(path);
      return nodeFiles.open(path, how);
    };
    const log = await temporary.open({ io });
    for (const one of entries(1, 90, 1, 3000)) {
      await append(log, [one]);
      if (one.index > 3) log.release(index(one.index - 3));
      await read(log, one.index, one.index + 1);
    }
    await log.close();
    // Thirty segments were filled, by fewer files.
    expect(made.length).toBeLessThan(15);
    const again = await temporary.open();
    expect(again.contents.lastIndex).toBe(90);
    const first = again.contents.previous.index + 1;
    expect(await readAll(again, first)).toEqual(shown(entries(first, 90, 1, 3000)));
    await again.close();
  });

  test('entries that were replaced by lower ones do not keep a segment, and the term before the first is known', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    for (const one of entries(1, 9, 1, 3000)) await append(log, [one]);
    await append(log, entries(5, 5, 2, 3000));
    for (const one of entries(6, 12, 2, 3000)) await append(log, [one]);
    // The fourth segment holds 9 of term 1, then 5 and 6 of term 2: of what stands before it only 1 to 4 counts.
    log.release(index(5));
    await read(log, 12, 13);
    await log.close();
    const again = await temporary.open();
    const { previous } = again.contents;
    expect(previous).toEqual({ index: 4, term: 1 });
    expect(await readAll(again, 5)).toEqual(shown([...entries(5, 5, 2, 3000), ...entries(6, 12, 2, 3000)]));
    await again.close();
  });
});

describe('after a snapshot the log begins anew', () => {
  test('entries are forgotten, term and vote are kept, and their segments go', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    for (const one of entries(1, 12, 1, 3000)) await append(log, [one], vote(4, 2));
    const answers: string[] = [];
    log.append({ hardState: null, entries: entries(13, 13, 1) }, () => answers.push('before'));
    log.reset(index(500), term(3), () => answers.push('reset'));
    log.append({ hardState: null, entries: entries(501, 502, 4) }, () => answers.push('behind'));
    await append(log, entries(503, 503, 4));
    expect(answers).toEqual(['before', 'reset', 'behind']);
    expect(await read(log, 12, 14)).toEqual([]);
    await log.close();
    const again = await temporary.open();
    expect(again.contents).toEqual({
      hardState: vote(4, 2),
      previous: { index: 500, term: 3 },
      lastIndex: 503,
      termRuns: [{ firstIndex: 501, term: 4 }],
      configurations: [],
    });
    expect(await readAll(again, 501)).toEqual(shown(entries(501, 503, 4)));
    expect(segmentNames(temporary)).toHaveLength(2);
    await again.close();
  });
});

describe('a log that is not this member’s own is refused, with what to do', () => {
  const other = new Uint8Array(16).fill(9);
  test.each([
    ['another cluster', { clusterId: other }, /belongs to cluster 0101/],
    ['another member', { memberId: 8 }, /belongs to member 7, this is member 8/],
    ['another disk', { diskId: other }, /written on disk 0202/],
  ])('%s', async (_why, difference, message) => {
    using temporary = new TemporaryLog();
    await (await temporary.open()).close();
    const opening = temporary.open({ identity: { ...identity, ...difference } });
    await expect(opening).rejects.toMatchObject({ code: 'log-foreign', message: expect.stringMatching(message) });
    await expect(temporary.open({ identity: { ...identity, ...difference } })).rejects.toThrow(
      /Give the member its own data directory/,
    );
  });

  test('none, although there was one', async () => {
    using temporary = new TemporaryLog();
    const opening = temporary.open({ createIfEmpty: false });
    await expect(opening).rejects.toMatchObject({ code: 'log-missing', path: temporary.directory });
  });

  test('a segment is missing between two', async () => {
    using temporary = new TemporaryLog();
    const log = await temporary.open();
    for (const one of entries(1, 12, 1, 3000)) await append(log, [one]);
    await log.close();
    await nodeFiles.remove(join(temporary.directory, '0000000000000002.log'));
    const opening = temporary.open();
    await expect(opening).rejects.toMatchObject({ code: 'log-damaged' });
  });
});

test('files of two copies of a log that went on separately are refused together', async () => {
  using one = new TemporaryLog();
  using other = new TemporaryLog();
  await (await one.open()).close();
  cpSync(one.directory, other.directory, { recursive: true });
  for (const [temporary, ofTerm] of [
    [one, 1],
    [other, 2],
  ] as const) {
    const log = await temporary.open();
    for (const write of entries(1, 6, ofTerm, 3000)) await append(log, [write]);
    await log.close();
  }
  cpSync(join(other.directory, '0000000000000002.log'), join(one.directory, '0000000000000002.log'));
  await expect(one.open()).rejects.toMatchObject({ code: 'log-damaged' });
});

test('a closed log says so', async () => {
  using temporary = new TemporaryLog();
  const log: LogFile = await temporary.open();
  await log.close();
  expect(() => log.append({ hardState: null, entries: [] }, () => undefined)).toThrow('a closed log is not used');
});
