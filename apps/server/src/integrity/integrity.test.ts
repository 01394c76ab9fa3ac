import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Alarm, positionOf, readIntegrity } from '@env-cli/environments';

import type { Member } from '../member/member.ts';
import { eventually, Members, need, setting, soon } from '../member/testing/members.ts';
import { rotState } from '../testing/rot.ts';
import { refuseAccusedMember } from './accused-member.ts';
import { IntegrityWatch } from './integrity-watch.ts';

let members: Members;
let watches: IntegrityWatch[] = [];
/** Members that were told to stop, and why. */
const stopped = new Map<number, string>();
const logged: string[] = [];
/** What watches read, all together. */
let reads = 0;

beforeEach(async () => {
  members = await Members.create(3);
  stopped.clear();
  logged.length = 0;
});
afterEach(async () => {
  for (const each of watches) each.stop();
  watches = [];
  await members.close();
});

/** A member whose reads are counted. */
function counted(member: Member): Member {
  return {
    identity: member.identity,
    stopped: member.stopped,
    view: () => member.view(),
    propose: (proposal, deadline) => member.propose(proposal, deadline),
    read: (wanted, work) => {
      reads++;
      return member.read(wanted, work);
    },
    order: (wish, deadline) => member.order(wish, deadline),
    onApplied: (listener) => member.onApplied(listener),
    onStateReplaced: (listener) => member.onStateReplaced(listener),
    onLeadership: (listener) => member.onLeadership(listener),
    onHashes: (listener) => member.onHashes(listener),
    onScrubbed: (listener) => member.onScrubbed(listener),
    backUp: (path, options) => member.backUp(path, options),
    metrics: () => member.metrics(),
    stop: (graceMs) => member.stop(graceMs),
  };
}

function watch(member: Member, markIntervalMs = 20): IntegrityWatch {
  const { memberId } = member.identity;
  const log = (_facts: object, message?: string): void => void logged.push(`${memberId}: ${message}`);
  const made = new IntegrityWatch(counted(member), {
    markIntervalMs,
    lookIntervalMs: 20,
    log: { error: log as never, info: log as never, debug: () => undefined },
    stop: (reason) => stopped.set(memberId, reason),
  });
  watches.push(made);
  return made;
}

async function alarmsOf(member: Member): Promise<readonly Alarm[]> {
  return (await member.read(need('any'), readIntegrity)).alarms;
}

async function agreedIndexOf(member: Member): Promise<number> {
  return (await member.read(need('any'), readIntegrity)).agreedIndex;
}

/** Asks every few milliseconds until it is so. */
async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await eventually(() => true);
}

const mark = { ...setting('a', 'V', '1'), body: { kind: 'mark-hashes' } } as const;

describe('members that hold the same', () => {
  test('say so after every mark, and are quiet when nothing is written', async () => {
    await members.startAll();
    for (const member of members.running) watch(member);
    const leader = await members.leader();
    const { appliedIndex } = await leader.propose(setting('a', 'V', '1'), soon());
    // The mark may stand in the very entry of the write: it is about what the whole entry left.
    await until(async () => (await agreedIndexOf(leader)) >= appliedIndex);
    // The last mark and what three members say about it: nothing of it asks for another mark.
    await until(async () => {
      const { marks } = await leader.read(need('any'), readIntegrity);
      return marks.at(-1)!.reports.length === 3;
    });
    const appliedIndexOf = () => leader.read(need('any'), (tables) => positionOf(tables).appliedIndex);
    const quiet = await appliedIndexOf();
    // Each look and each mark begins with a read: so many have passed without one.
    const before = reads;
    await eventually(() => (reads > before + 60 ? true : null));
    expect(await appliedIndexOf()).toBe(quiet);
    expect([...stopped.keys(), ...(await alarmsOf(leader))]).toEqual([]);
    const figures = await watches[0]!.figures();
    expect(figures).toMatchObject({ 'alarms{kind="state-diverged"}': 0, integrity_agreed_index: await agreedIndexOf(leader) });
  });
});

describe('a member that holds something else than the majority', () => {
  test('stops, is named to everybody, and does not start while the alarm stands', async () => {
    await members.startAll();
    const [one, two, three] = members.running;
    // Nobody else marks meanwhile.
    watch(one!, 3_600_000);
    watch(three!, 3_600_000);
    const leader = await members.leader();
    const { appliedIndex: index } = await leader.propose(mark, soon());
    // What member 2 would say of itself, had it gone astray.
    const body = { kind: 'report-hashes', index, member: 2, hashes: new Uint8Array(56).fill(7) } as const;
    await leader.propose({ ...mark, body }, soon());
    await until(async () => (await alarmsOf(leader)).some(({ kind }) => kind === 'state-diverged'));
    expect(await alarmsOf(leader)).toMatchObject([{ kind: 'state-diverged', member: 2, index }]);
    await eventually(() => (logged.some((line) => line.startsWith('1: member 2 holds another state')) ? true : null));
    watch(two!, 3_600_000);
    const reason = await eventually(() => stopped.get(2) ?? null);
    expect(reason).toMatch(new RegExp(`member 2 holds another state .*log index ${index}.*env-cli-server repair`, 's'));
    expect([...stopped.keys()]).toEqual([2]);
    await until(() =>
      refuseAccusedMember(two!).then(
        () => false,
        (error: Error) => /member 2 holds another state/.test(error.message),
      ),
    );
    await expect(refuseAccusedMember(one!)).resolves.toBeUndefined();
  });
});

describe('a scrub', () => {
  test('finds what a disk changed: the member is named, and stops', async () => {
    await members.startAll();
    await (await members.leader()).propose(setting('a', 'V', 'what-the-disk-will-change'), soon());
    const { appliedIndex } = await (await members.leader()).propose(setting('b', 'V', 'something-else'), soon());
    // The others may have acknowledged it without this one.
    await members.running[2]!.read(need('any', appliedIndex), () => null);
    await members.stop(3);
    expect(rotState(join(members.directory, 'member-3'), 'what-the-disk-will-change')).toBeGreaterThan(0);
    const three = await members.start(3, { found: null, scrubIntervalMs: 20 });
    for (const member of members.running) watch(member);
    const reason = await eventually(() => stopped.get(3) ?? null);
    expect(reason).toMatch(/member 3 reads other rows from its disk than it wrote/);
    expect(logged.filter((line) => line.startsWith('3: rows of the state on this disk'))).not.toEqual([]);
    expect(await alarmsOf(three)).toMatchObject([{ kind: 'state-rotten', member: 3 }]);
    expect([...stopped.keys()]).toEqual([3]);
  });

  test('finds nothing on a disk that keeps what it was given, while it is written to', async () => {
    await Promise.all([1, 2, 3].map((memberId) => members.start(memberId, { scrubIntervalMs: 5 })));
    for (const member of members.running) watch(member);
    const leader = await members.leader();
    let writes = 0;
    await until(async () => {
      await leader.propose(setting(`e/${writes % 50}`, 'V', String(writes++)), soon());
      const figures = await Promise.all(watches.map((one) => one.figures()));
      return figures.every(({ integrity_scrubs_total: scrubs }) => scrubs! >= 3);
    });
    expect([...stopped.keys(), ...(await alarmsOf(leader))]).toEqual([]);
  });
});
