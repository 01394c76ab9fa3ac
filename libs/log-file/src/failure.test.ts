import type { Entry, MemberId } from '@env-cli/raft';
import { describe, expect, test } from '@jest/globals';

import { entries, index, readAll, shown, TemporaryLog, term } from './testing/temporary-log.ts';
import { type FileIo, nodeFiles } from './file-io.ts';
import { LogFileError } from './log-file-error.ts';

type Call = Exclude<keyof FileIo, 'close' | 'list'>;

/** Node's file system, in which from the `nth` call of one kind on every such call fails. */
function failing(call: Call, nth: number, code: string): { readonly io: FileIo; readonly hasFailed: () => boolean } {
  let calls = 0;
  const real = nodeFiles[call] as (...inputs: readonly unknown[]) => unknown;
  const replaced = (...inputs: readonly unknown[]): unknown => {
    if (++calls < nth) return real(...inputs);
    const failure = Object.assign(new Error(`${code}: made to fail, ${call}`), { code });
    if (call === 'writeNow') throw failure;
    return Promise.reject(failure);
  };
  return { io: { ...nodeFiles, [call]: replaced }, hasFailed: () => calls >= nth };
}

/** What a member did until its log failed. */
interface Story {
  /** The entries whose writes were acknowledged, as the log must have them. */
  readonly held: readonly Entry[];
  /** The entries of the log if the write that failed reached the disk all the same. */
  readonly tried: readonly Entry[];
  /** The vote that was acknowledged last. */
  readonly votedFor: number;
  /** What came after the failure: nothing may. */
  readonly late: number;
  readonly failures: readonly LogFileError[];
}

/** Writes, reads, replaces, lets go and begins anew behind a snapshot, one after the other, until all is done or the log fails. */
async function story(temporary: TemporaryLog, io: FileIo): Promise<Story> {
  let held: Entry[] = [];
  let tried: Entry[] = [];
  let votes = 0;
  let votedFor = 0;
  let late = 0;
  const failures: LogFileError[] = [];
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  const log = await temporary
    .open({
      io,
      onFailure: (failure) => {
        failures.push(failure);
        stop();
      },
    })
    .catch((error: LogFileError) => {
      failures.push(error);
      return null;
    });
  if (log === null) return { held, tried, votedFor, late, failures };
  const answered = (made: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      made(() => {
        if (failures.length > 0) late++;
        resolve();
      });
    });
  const append = (list: readonly Entry[]) => async () => {
    const first = list.at(0)!.index;
    tried = [...held.filter((one) => one.index < first), ...list];
    const vote = { term: term(3), votedFor: ++votes as MemberId };
    await answered((done) => log.append({ hardState: vote, entries: list }, done));
    if (failures.length > 0) return;
    held = tried;
    votedFor = vote.votedFor;
  };
  const steps = [
    ...entries(1, 5, 1, 3000).map((one) => append([one])),
    append(entries(4, 4, 2, 100)),
    append(entries(5, 5, 2, 100_000)),
    () => answered((done) => log.read(index(1), index(3), 1000, done)),
    async () => log.release(index(4)),
    ...entries(6, 9, 3, 3000).map((one) => append([one])),
    async () => {
      tried = [];
      await answered((done) => log.reset(index(100), term(3), done));
      if (failures.length === 0) held = tried;
    },
    append(entries(101, 101, 3, 3000)),
  ];
  for (const step of steps) {
    await Promise.race([step(), stopped]);
    if (failures.length > 0) break;
  }
  // Asked for too late; and for a moment nothing may be answered any more.
  if (failures.length > 0) log.append({ hardState: null, entries: [] }, () => late++);
  await log.close();
  return { held, tried, votedFor, late, failures };
}

/** What is wrong with a log whose disk failed at the `nth` call of one kind, and of what followed; null when it never came to that. */
async function wrongAfter(call: Call, nth: number, systemCode: string, code: string): Promise<string[] | null> {
  using temporary = new TemporaryLog();
  const { io, hasFailed } = failing(call, nth, systemCode);
  const { held, tried, votedFor, late, failures } = await story(temporary, io);
  if (!hasFailed()) return failures.length === 0 ? null : [`it failed by itself: ${failures.at(0)!.message}`];
  const wrong: string[] = [];
  const failure = failures.at(0);
  if (late > 0) wrong.push('something was acknowledged after the failure');
  if (failures.length !== 1 || failure?.code !== code) wrong.push(`failures: ${failures.map((one) => one.code).join()}`);
  if (!failure?.path.startsWith(temporary.directory)) wrong.push(`it says where: ${failure?.path}`);
  const said = /^\/.*: .* failed \(E[A-Z]+: made to fail, .*\)\. The member stops .* start the member again\.$/;
  if (!said.test(failure?.message ?? '')) wrong.push(`it says what, where and what next: ${failure?.message}`);

  const again = await temporary.open();
  const { previous, hardState } = again.contents;
  const found = await readAll(again, previous.index + 1);
  await again.close();
  const kept = (list: readonly Entry[]) => JSON.stringify(shown(list.filter((one) => one.index > previous.index)));
  if (![kept(held), kept(tried)].includes(JSON.stringify(found)))
    wrong.push(`found ${found.map((one) => one.slice(0, 20)).join()}`);
  if ((hardState.votedFor ?? 0) < votedFor) wrong.push(`lost a vote: ${votedFor}`);
  return wrong.map((what) => `${call} ${nth}: ${what}`);
}

describe('a disk that fails stops the member, and what was acknowledged before is there afterwards', () => {
  test.each<[Call, string, string]>([
    ['makeDirectory', 'ENOSPC', 'disk-full'],
    ['open', 'EIO', 'io-error'],
    ['open', 'ENOSPC', 'disk-full'],
    ['read', 'EIO', 'io-error'],
    ['writeNow', 'EIO', 'io-error'],
    ['writeNow', 'ENOSPC', 'disk-full'],
    ['write', 'EIO', 'io-error'],
    ['write', 'ENOSPC', 'disk-full'],
    ['write', 'EDQUOT', 'disk-full'],
    ['datasync', 'EIO', 'io-error'],
    ['rename', 'ENOSPC', 'disk-full'],
    ['remove', 'EIO', 'io-error'],
    ['syncDirectory', 'EIO', 'io-error'],
  ])('%s fails with %s', async (call, systemCode, code) => {
    const wrong: string[] = [];
    let nth = 1;
    for (; ; nth++) {
      const found = await wrongAfter(call, nth, systemCode, code);
      if (found === null) break;
      wrong.push(...found);
    }
    expect(wrong).toEqual([]);
    expect(nth).toBeGreaterThan(1);
  });
});
