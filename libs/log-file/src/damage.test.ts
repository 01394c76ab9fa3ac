import type { Entry } from '@env-cli/raft';
import { beforeAll, describe, expect, test } from '@jest/globals';

import { append, entries, entry, identity, TemporaryLog, vote } from './testing/temporary-log.ts';
import { nodeFiles } from './file-io.ts';
import { LogFileError } from './log-file-error.ts';
import { recover, type Recovered } from './recovery.ts';
import type { Segment } from './segment-files.ts';
import { decodeSegmentHeader, pageBytes } from './segment-header.ts';

/** A log of one segment: batches of one page in pages 1 to 4, the last of them synced, then one of three pages that was under way. */
const acknowledged: readonly (readonly Entry[])[] = [entries(1, 2, 1), entries(3, 3, 1), [entry(3, 2), entry(4, 2)]];
const underWay = [entry(5, 2, 'x'.repeat(2 * pageBytes))];
const underWayAt = 5 * pageBytes;
const underWayEnd = underWayAt + 3 * pageBytes;
const promised = JSON.stringify([
  vote(2, 5),
  { index: 4, term: 2 },
  [
    { firstIndex: 1, term: 1 },
    { firstIndex: 3, term: 2 },
  ],
]);

describe('damage to the last batches is cut off or refused, never read', () => {
  let whole: Uint8Array;
  let before: Uint8Array;

  beforeAll(async () => {
    using temporary = new TemporaryLog();
    const options = { segmentBytes: 10 * pageBytes };
    const log = await temporary.open({ options });
    for (const list of acknowledged) await append(log, list, vote(2, 5));
    const path = `${temporary.directory}/0000000000000001.log`;
    before = await bytesOf(path);
    await append(log, underWay);
    whole = await bytesOf(path);
    await log.close();
  });

  test('undamaged, all of it is read', async () => {
    const found = await opened(whole);
    expect(found).toMatchObject({ hardState: vote(2, 5), last: { offset: underWayAt } });
    expect(found?.terms.last).toEqual({ index: 5, term: 2 });
  });

  test('a flipped bit anywhere in what was under way: all of that is cut off', async () => {
    const others: number[] = [];
    for (let at = underWayAt; at < underWayEnd; at++) {
      if ((await outcome(flipped(whole, at))) !== 'what was promised') others.push(at);
    }
    expect(others).toEqual([]);
  });

  test('a flipped bit anywhere in what was durable: refused', async () => {
    const others: number[] = [];
    for (let at = 0; at < underWayAt; at++) {
      if ((await outcome(flipped(whole, at))) !== 'refused') others.push(at);
    }
    expect(others).toEqual([]);
  });

  test('what was under way, cut short at any byte: cut off', async () => {
    const others: number[] = [];
    // Behind the last byte of the entry there are zeros, which are there without being written.
    const lastByte = whole.subarray(0, underWayEnd).findLastIndex((byte) => byte !== 0);
    for (let at = underWayAt; at <= lastByte; at++) {
      const cut = before.slice();
      cut.set(whole.subarray(underWayAt, at), underWayAt);
      if ((await outcome(cut)) !== 'what was promised') others.push(at);
    }
    expect(others).toEqual([]);
  });

  test('a flipped bit in the last batch of a log that was closed in order: refused', async () => {
    const closed = before.slice();
    using temporary = new TemporaryLog();
    const log = await temporary.open({ options: { segmentBytes: 10 * pageBytes } });
    await append(log, entries(1, 2, 1));
    await log.close();
    closed.set(await bytesOf(`${temporary.directory}/0000000000000001.log`));
    expect(await outcome(flipped(closed, 2 * pageBytes + 200))).toBe('refused');
  });

  test('any of its pages without the others', async () => {
    for (let pages = 0; pages < 7; pages++) {
      const torn = before.slice();
      for (let page = 0; page < 3; page++) {
        const at = underWayAt + page * pageBytes;
        if ((pages >> page) % 2 === 1) torn.set(whole.subarray(at, at + pageBytes), at);
      }
      expect([pages, await outcome(torn)]).toEqual([pages, 'what was promised']);
    }
  });

  test('a file that is cut short in what was under way', async () => {
    for (let at = underWayAt; at < underWayEnd; at += 97) {
      expect([at, await outcome(whole.subarray(0, at))]).toEqual([at, 'what was promised']);
    }
  });

  test('any page of what was durable lost, swapped with another or taken from another time: refused', async () => {
    for (let page = 0; page < 5; page++) {
      const lost = whole.slice();
      lost.fill(0, page * pageBytes, (page + 1) * pageBytes);
      expect([page, await outcome(lost)]).toEqual([page, 'refused']);
      const misdirected = whole.slice();
      const other = ((page + 1) % 5) * pageBytes;
      misdirected.set(whole.subarray(other, other + pageBytes), page * pageBytes);
      expect([page, await outcome(misdirected)]).toEqual([page, 'refused']);
    }
  });

  test('bytes of another use of the file, or that somebody wrote into a value, are no batch', async () => {
    // The value of the entry is the image of a log, batches and all, at the start of a page.
    const header = decodeSegmentHeader(whole, 'segment', identity);
    const padding = pageBytes - 96 - 13;
    const value = new Uint8Array(padding + underWayEnd);
    value.set(whole.subarray(0, underWayEnd), padding);
    using temporary = new TemporaryLog();
    const options = { segmentBytes: 40 * pageBytes };
    const log = await temporary.open({ options });
    const path = `${temporary.directory}/0000000000000001.log`;
    await append(log, [{ ...entry(1, 1), data: value }]);
    const written = await bytesOf(path);
    await log.close();
    expect(decodeSegmentHeader(written, 'segment', identity).id).toBe(header.id);
    // Its own first page is lost: the others must not be taken for batches that vouch for it.
    written.fill(0, 2 * pageBytes, 3 * pageBytes);
    const found = await opened(written);
    expect(found?.terms.last.index).toBe(0);
  });
});

/** Whether the start refuses an image, reads exactly what was durable, or something else. */
async function outcome(image: Uint8Array): Promise<string> {
  try {
    const found = await opened(image);
    const text = JSON.stringify([found?.hardState, found?.terms.last, found?.terms.runs]);
    return text === promised ? 'what was promised' : text;
  } catch (error) {
    // A flipped bit may also make another format's number of it.
    if (error instanceof LogFileError && ['log-damaged', 'log-format'].includes(error.code)) return 'refused';
    throw error;
  }
}

async function bytesOf(path: string): Promise<Uint8Array> {
  const file = await nodeFiles.open(path, 'existing');
  const bytes = new Uint8Array(await nodeFiles.sizeOf(file));
  await nodeFiles.read(file, bytes, 0);
  await nodeFiles.close(file);
  return bytes;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
  return changed;
}

/** What the start makes of a segment file with these bytes. */
async function opened(image: Uint8Array): Promise<Recovered | null> {
  const header = decodeSegmentHeader(image, 'segment', identity);
  const segment: Segment = { ...header, path: 'segment', file: 0, capacityBytes: image.length };
  const io = {
    ...nodeFiles,
    read: async (_file: number, into: Uint8Array, position: number) => {
      const some = image.subarray(position, position + into.length);
      into.set(some);
      return some.length;
    },
  };
  return recover(io, [segment]);
}
