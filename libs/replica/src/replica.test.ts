import { beforeEach, describe, expect, test } from '@jest/globals';
import { decodeEntryData } from '@env-cli/environments';
import type { Entry, Index } from '@env-cli/raft';

import { tickMs, VirtualCluster, type VirtualMember } from './testing/virtual-cluster.ts';
import type { TransferAnswer } from './wishes.ts';

let cluster: VirtualCluster;
let leader: VirtualMember;

beforeEach(async () => {
  cluster = new VirtualCluster();
  leader = await cluster.elect();
});

function follower(): VirtualMember {
  const [first] = cluster.followers;
  if (first === undefined) throw new Error('a cluster of one has no follower');
  return first;
}

async function logOf(member: VirtualMember): Promise<Entry[]> {
  return new Promise((resolve) => member.log.read(1 as Index, 1_000_000 as Index, 1e9, resolve));
}

describe('a write', () => {
  test('is applied on every member, and answered where it was asked', async () => {
    leader.replica.propose(leader.batch(1));
    await cluster.settle();
    await cluster.pass(2);
    expect(leader.heard.results.get(1)?.result).toEqual({ kind: 'applied', revision: 1 });
    expect(cluster.members.map((member) => member.revision)).toEqual([1, 1, 1]);
    expect(follower().heard.results.size).toBe(0);
  });

  test('that a follower takes in is forwarded, and answered once that follower has applied it', async () => {
    const asked = follower();
    asked.applying = false;
    asked.replica.propose(asked.batch(2));
    await cluster.pass(2);
    expect(leader.revision).toBe(2);
    expect(asked.heard.results.size).toBe(0);
    asked.applying = true;
    await cluster.settle();
    expect([...asked.heard.results.keys()]).toEqual([1, 2]);
    expect(asked.heard.refused.size).toBe(0);
  });

  test('is not acknowledged while only the leader has it on disk', async () => {
    for (const member of cluster.followers) member.syncing = false;
    leader.replica.propose(leader.batch(1));
    await cluster.pass(2);
    expect(leader.heard.results.size).toBe(0);
    follower().syncing = true;
    await cluster.settle();
    expect(leader.heard.results.size).toBe(1);
  });

  test('is not applied by a member whose own log has not flushed it', async () => {
    leader.syncing = false;
    leader.replica.propose(leader.batch(1));
    await cluster.pass(2);
    expect(leader.heard.results.size).toBe(0);
    leader.syncing = true;
    await cluster.settle();
    expect(leader.heard.results.size).toBe(1);
  });
});

describe('commands batch by themselves', () => {
  test('what comes while the log syncs goes out as one entry with the next write', async () => {
    const before = leader.lastIndex;
    leader.syncing = false;
    leader.replica.propose(leader.batch(1));
    leader.replica.turn();
    for (let time = 0; time < 5; time++) {
      leader.replica.propose(leader.batch(3));
      leader.replica.turn();
    }
    leader.syncing = true;
    await cluster.pass(1);
    const entries = (await logOf(leader)).filter((entry) => entry.index > before);
    expect(entries.map((entry) => decodeEntryData(entry.data).commands.length)).toEqual([1, 15]);
    expect(leader.heard.results.size).toBe(16);
  });

  test('an entry holds 256 commands and 1 MiB at most; a larger command goes alone', async () => {
    const before = leader.lastIndex;
    leader.replica.propose(leader.batch(300));
    leader.replica.propose(leader.batch(1, { commandBytes: 1_200_000 }));
    leader.replica.propose(leader.batch(3, { commandBytes: 400_000 }));
    await cluster.pass(1);
    const entries = (await logOf(leader)).filter((entry) => entry.index > before);
    expect(entries.map((entry) => decodeEntryData(entry.data).commands.length)).toEqual([256, 44, 1, 2, 1]);
    expect(leader.heard.results.size).toBe(304);
  });

  test('entries carry the wall clock, and what passed since the entry before of the same reign', async () => {
    const before = leader.lastIndex;
    leader.replica.propose(leader.batch(1));
    await cluster.settle();
    await cluster.pass(3);
    leader.replica.propose(leader.batch(1));
    await cluster.settle();
    const stamps = (await logOf(leader)).filter((entry) => entry.index > before).map((entry) => decodeEntryData(entry.data));
    expect(stamps.map(({ deltaMs }) => deltaMs)).toEqual([0, 3 * tickMs]);
    expect(stamps[1]!.stampMs - stamps[0]!.stampMs).toBe(3 * tickMs);
  });
});

describe('a state that is slower than its log', () => {
  test.each([
    ['bytes', { unappliedBytesMax: 4_000_000 }],
    ['entries', { unappliedEntriesMax: 4 }],
  ])(
    'holds back what is proposed at a number of %s that it lacks, and what comes is refused in the end',
    async (_what, bound) => {
      cluster = new VirtualCluster({ limits: { ...bound, waitingCommandsMax: 2 } });
      leader = await cluster.elect();
      leader.applying = false;
      const before = leader.lastIndex;
      const late = cluster.nowMs + 20 * tickMs;
      for (let time = 0; time < 10; time++) {
        leader.replica.propose(leader.batch(1, { commandBytes: 1_000_000, deadlineMs: late }));
        await cluster.pass(1);
      }
      expect(leader.replica.metrics()).toMatchObject({ raft_last_index: before + 4, raft_commit_index: before + 4 });
      expect([...leader.heard.refused.values()]).toEqual(Array(4).fill('too-busy'));
      // It was not proposed, and says so: without the bound its outcome would be unknown.
      await cluster.pass(20);
      expect([...leader.heard.refused].slice(4)).toEqual([5, 6].map((counter) => [counter, 'deadline-exceeded']));
      leader.applying = true;
      await cluster.pass(1);
      leader.replica.propose(leader.batch(1));
      await cluster.pass(1);
      expect([...leader.heard.results.keys()]).toEqual([1, 2, 3, 4, 11]);
    },
  );
});

describe('a write whose fate is not plain', () => {
  test('is of unknown outcome when its leader is deposed before it was committed', async () => {
    cluster.cut(leader);
    leader.replica.propose(leader.batch(1));
    await cluster.pass(45);
    expect(leader.heard.refused.get(1)).toBe('outcome-unknown');
    expect(cluster.leader).not.toBe(leader);
  });

  test('waits for a leader, and is certainly not proposed when none comes', async () => {
    const lonely = follower();
    cluster.cut(lonely);
    await cluster.pass(30, [lonely]);
    lonely.replica.propose(lonely.batch(1));
    await cluster.pass(10, [lonely]);
    expect(lonely.heard.refused.size).toBe(0);
    await cluster.pass(40, [lonely]);
    expect(lonely.heard.refused.get(1)).toBe('no-leader');
    cluster.heal();
    await cluster.pass(30);
    expect(cluster.leader.revision).toBe(0);
  });

  test('is not proposed once its deadline has passed', async () => {
    const late = cluster.nowMs - 1;
    leader.replica.propose(leader.batch(1, { deadlineMs: late }));
    await cluster.pass(2);
    expect(leader.heard.refused.get(1)).toBe('deadline-exceeded');
    expect(leader.revision).toBe(0);
  });

  test('of which only some commands are late: the others go', async () => {
    const batch = leader.batch(3);
    batch.deadlinesMs[1] = cluster.nowMs - 1;
    leader.replica.propose(batch);
    await cluster.pass(2);
    expect([...leader.heard.results.keys()]).toEqual([1, 3]);
    expect([...leader.heard.refused]).toEqual([[2, 'deadline-exceeded']]);
  });

  test('is told at once when its deadline passed while it waited beside others that went', async () => {
    const batch = leader.batch(3);
    batch.deadlinesMs[1] = cluster.nowMs - 1;
    leader.replica.propose(batch);
    await cluster.settle();
    expect([...leader.heard.results.keys()]).toEqual([1, 3]);
    expect([...leader.heard.refused]).toEqual([[2, 'deadline-exceeded']]);
  });

  test('is refused when too many wait, and the limit is on commands', async () => {
    cluster = new VirtualCluster({ limits: { waitingCommandsMax: 10 } });
    leader = await cluster.elect();
    leader.syncing = false;
    leader.replica.propose(leader.batch(1));
    leader.replica.turn();
    leader.replica.propose(leader.batch(8));
    leader.replica.propose(leader.batch(3));
    expect([...leader.heard.refused.values()]).toEqual(['too-busy', 'too-busy', 'too-busy']);
    leader.syncing = true;
    await cluster.pass(1);
    expect(leader.heard.results.size).toBe(9);
  });
});

describe('a forwarded batch', () => {
  test('that meets a member which does not lead is refused, never forwarded again', async () => {
    const [first, second] = cluster.followers as [VirtualMember, VirtualMember];
    const answers: unknown[] = [];
    cluster.post = (parcel) => (answers.push(parcel), true);
    first.replica.forwarded(second.id, { id: 7, term: first.heard.view!.term, batch: second.batch(2) });
    await cluster.settle();
    expect(answers).toEqual([
      { kind: 'answer', from: first.id, to: second.id, answer: { id: 7, accepted: 0, code: 'not-leader' } },
    ]);
  });

  test('that comes for another reign is refused: so once a later term is applied, it never will be', async () => {
    const asked = follower();
    const answers: unknown[] = [];
    const post = cluster.post.bind(cluster);
    cluster.post = (parcel) => (parcel.kind === 'answer' ? (answers.push(parcel.answer), true) : post(parcel));
    leader.replica.forwarded(asked.id, { id: 1, term: (leader.heard.view!.term - 1) as never, batch: asked.batch(1) });
    await cluster.pass(1);
    expect(answers).toEqual([{ id: 1, accepted: 0, code: 'not-leader' }]);
    expect(leader.revision).toBe(0);
  });

  test('tells its origin the term that settles it', async () => {
    const asked = follower();
    asked.replica.propose(asked.batch(1));
    await cluster.settle();
    expect(asked.heard.forwarded.get(1)).toBe(leader.heard.view!.term);
  });

  test('is kept while there is no connection to the leader, and goes out when there is one', async () => {
    const asked = follower();
    cluster.cut(asked);
    asked.replica.propose(asked.batch(1));
    await cluster.pass(2);
    expect(asked.heard.forwarded.size).toBe(0);
    cluster.heal();
    await cluster.pass(2);
    expect(asked.heard.results.size).toBe(1);
  });
});

describe('a strong read', () => {
  test('gets an index at or above every write that was acknowledged before, on any member', async () => {
    leader.replica.propose(leader.batch(1));
    await cluster.settle();
    const written = leader.heard.results.get(1)!.index;
    for (const member of cluster.members) member.replica.read(1, Number.POSITIVE_INFINITY);
    await cluster.settle();
    await cluster.pass(2);
    for (const member of cluster.members) expect(member.heard.readsReady.get(1)).toBeGreaterThanOrEqual(written);
  });

  test('is not answered by a leader that no quorum hears', async () => {
    cluster.cut(leader);
    leader.replica.read(1, Number.POSITIVE_INFINITY);
    await cluster.pass(60);
    expect(leader.heard.readsReady.size).toBe(0);
    expect(leader.heard.readsRefused.get(1)).toBe('no-leader');
  });

  test('goes on with the next leader when the one that was asked is gone', async () => {
    const asked = follower();
    cluster.cut(leader);
    asked.replica.read(1, Number.POSITIVE_INFINITY);
    await cluster.pass(38);
    expect(asked.heard.readsReady.get(1)).toBeGreaterThan(0);
  });

  test('is refused when its deadline has passed', async () => {
    cluster.cut(follower());
    const asked = follower();
    asked.replica.read(1, cluster.nowMs + 150);
    await cluster.pass(8);
    expect(asked.heard.readsRefused.get(1)).toBe('deadline-exceeded');
  });
});

describe('after a pause', () => {
  test('a leader that slept longer than an election hands the lead over, and answers nothing before that is under way', async () => {
    leader.replica.read(1, Number.POSITIVE_INFINITY);
    cluster.nowMs += 11 * tickMs;
    leader.replica.turn();
    expect(leader.heard.readsReady.size).toBe(0);
    await cluster.settle();
    expect(cluster.leader).not.toBe(leader);
    expect(leader.reports).toEqual([
      expect.stringContaining('was paused for 1100 ms, which is longer than an election takes: it hands'),
    ]);
  });

  test('and leaves it when nobody takes it over, with nothing proposed meanwhile', async () => {
    loseOrdersToStand();
    cluster.nowMs += 11 * tickMs;
    leader.replica.turn();
    leader.replica.propose(leader.batch(2));
    const { lastLogIndex } = leader.heard.view!;
    await cluster.pass(9);
    expect(leader.heard.view).toMatchObject({ role: 'leader', lastLogIndex });
    await cluster.pass(2);
    expect(leader.heard.view).toMatchObject({ role: 'follower', lastLogIndex });
    expect(leader.reports.at(-1)).toContain('nobody took the lead over from member');
    // Nothing of it is lost: the next leader is given it.
    await cluster.pass(45);
    expect(leader.heard.results.size + leader.heard.refused.size).toBe(2);
    expect([...leader.heard.refused.values()]).not.toContain('outcome-unknown');
  });

  test('and does so behind a handover that somebody had asked for, if nothing comes of that', async () => {
    loseOrdersToStand();
    const answers: TransferAnswer[] = [];
    leader.replica.transferLead(follower().id, (answer) => answers.push(answer));
    await cluster.pass(3);
    const { lastLogIndex } = leader.heard.view!;
    cluster.nowMs += 11 * tickMs;
    leader.replica.turn();
    leader.replica.propose(leader.batch(2));
    await cluster.pass(8);
    expect(answers).toEqual([{ kind: 'ended', outcome: 'timed-out' }]);
    expect(leader.heard.view).toMatchObject({ role: 'leader', lastLogIndex });
    await cluster.pass(12);
    expect(leader.heard.view).toMatchObject({ role: 'follower', lastLogIndex });
    expect(leader.replica.metrics()).toMatchObject({ raft_handovers_total: 1 });
  });

  test('what was received is heard before time passes, and time passes once however many ticks were missed', async () => {
    const sleeper = follower();
    const { term } = leader.heard.view!;
    cluster.nowMs += 9 * tickMs;
    for (let tick = 0; tick < 9; tick++) sleeper.replica.tick();
    sleeper.replica.turn();
    // A heartbeat that stood in the socket.
    sleeper.replica.received(leader.id, { kind: 'heartbeat', term, round: 1_000_000, commit: 0 as Index });
    await cluster.pass(9);
    expect(sleeper.heard.view).toMatchObject({ role: 'follower', term, leader: leader.id });
  });
});

/** Whoever is told to stand does not hear it. */
function loseOrdersToStand(): void {
  const post = cluster.post.bind(cluster);
  cluster.post = (parcel) => (parcel.kind === 'message' && parcel.message.kind === 'timeout-now') || post(parcel);
}

describe('a leader whose disk hangs', () => {
  test('hands the lead over, so that the others go on without it', async () => {
    leader.syncing = false;
    leader.replica.propose(leader.batch(1));
    await cluster.pass(79);
    expect(cluster.leader).toBe(leader);
    await cluster.pass(3);
    expect(cluster.leader).not.toBe(leader);
    expect(leader.reports).toEqual([expect.stringMatching(/has waited for its disk for 8\d00 ms.*: it hands the lead over/)]);
    cluster.leader.replica.propose(cluster.leader.batch(1));
    await cluster.pass(2);
    expect(cluster.leader.heard.results.size).toBe(1);
    leader.syncing = true;
    await cluster.pass(5);
    expect(leader.revision).toBe(cluster.leader.revision);
  });

  test('and gives its reign up when nobody takes it over', async () => {
    loseOrdersToStand();
    leader.syncing = false;
    leader.replica.propose(leader.batch(1));
    await cluster.pass(95);
    expect(leader.heard.view?.role).toBe('follower');
    expect(leader.reports).toEqual([
      expect.stringContaining('it hands the lead over'),
      expect.stringContaining('nobody took the lead over'),
    ]);
    await cluster.pass(45);
    expect(cluster.leader).not.toBe(leader);
  });
});

/** Writes of which each takes so many ticks, with so many of rest before it. */
async function writeSlowly(count: number, ticks: number, restTicks = 0): Promise<void> {
  for (let time = 0; time < count; time++) {
    await cluster.pass(restTicks);
    leader.syncing = false;
    leader.replica.propose(leader.batch(1));
    await cluster.pass(ticks);
    leader.syncing = true;
    await cluster.settle();
  }
}

describe('a leader whose disk is slow, though its writes end', () => {
  test('hands the lead over when that lasts, write after write', async () => {
    await writeSlowly(10, 7);
    expect(cluster.leader).toBe(leader);
    await writeSlowly(3, 7);
    expect(cluster.leader).not.toBe(leader);
    expect(leader.reports).toEqual([expect.stringContaining('half an election timeout for a write of the log again and again')]);
  });

  test.each([
    ['each takes less than half an election timeout', 30, 4, 0],
    ['it recovers in between', 10, 7, 25],
  ] as const)('keeps it while %s', async (_why, count, ticks, restTicks) => {
    await writeSlowly(count, ticks, restTicks);
    expect(cluster.leader).toBe(leader);
    expect(leader.reports).toEqual([]);
  });
});

/** The leader's thread does nothing for so many ticks, again and again. */
async function block(count: number, ticks: number): Promise<void> {
  const others = cluster.members.filter((member) => member !== leader);
  const run = leader.run.bind(leader);
  for (let time = 0; time < count; time++) {
    leader.run = () => false;
    await cluster.pass(ticks - 1, others);
    leader.run = run;
    await cluster.pass(1);
  }
}

describe('a leader whose thread is blocked', () => {
  test('for less than an election takes, again and again, hands the lead over when that lasts', async () => {
    await block(12, 6);
    expect(cluster.leader).toBe(leader);
    await block(3, 6);
    expect(cluster.leader).not.toBe(leader);
    expect(leader.reports).toEqual([expect.stringMatching(/has had a thread that is late for \d+ ms.*: it hands the lead over/)]);
    const { term } = cluster.leader.heard.view!;
    await cluster.pass(20);
    expect(cluster.leader.heard.view!.term).toBe(term);
  });

  test('for no more than half an election timeout at a time keeps it', async () => {
    await block(40, 5);
    expect(cluster.leader).toBe(leader);
    expect(leader.reports).toEqual([]);
  });

  test('keeps it when there is nobody else', async () => {
    cluster = new VirtualCluster({ size: 1 });
    leader = await cluster.elect();
    await block(30, 6);
    leader.replica.propose(leader.batch(1));
    await cluster.pass(1);
    expect(leader.heard.results.size).toBe(1);
    expect(leader.reports).toEqual([]);
  });
});

describe('after a crash', () => {
  test('a member that lost power replays its log, and nothing is applied twice', async () => {
    leader.replica.propose(leader.batch(5));
    await cluster.pass(2);
    const reborn = cluster.restart(follower());
    await cluster.pass(3);
    leader.replica.propose(leader.batch(1));
    await cluster.pass(3);
    expect(reborn.revision).toBe(6);
    expect(cluster.members.map((member) => member.revision)).toEqual([6, 6, 6]);
  });

  test('results of the former process of the member go to nobody', async () => {
    const asked = follower();
    asked.applying = false;
    asked.replica.propose(asked.batch(3));
    await cluster.pass(2);
    const reborn = cluster.restart(asked);
    await cluster.pass(3);
    expect(reborn.revision).toBe(3);
    expect(reborn.heard.results.size).toBe(0);
  });

  test('all members at once: everything acknowledged is there', async () => {
    leader.replica.propose(leader.batch(7));
    await cluster.pass(2);
    for (const id of cluster.ids) cluster.restart(cluster.member(id));
    leader = await cluster.elect();
    expect(cluster.members.map((member) => member.revision)).toEqual([7, 7, 7]);
  });
});

test('the log lets go of what a checkpoint covers, but for the tail', async () => {
  cluster = new VirtualCluster({ limits: { tailEntriesMax: 5 } });
  leader = await cluster.elect();
  for (let time = 0; time < 12; time++) {
    leader.replica.propose(leader.batch(1));
    await cluster.settle();
  }
  await cluster.pass(2);
  for (const member of cluster.members) {
    expect(member.log.released.at(-1)).toBe(member.lastIndex - 5);
    expect(member.log.released.at(-1)).toBeLessThanOrEqual(member.appliedIndex);
  }
});

test.each([
  ['needs no snapshot', 5, []],
  ['for one entry more than that needs one', 6, ['the absent one']],
])('a member that was away for as long as the tail reaches back %s', async (_what, writes, snapshots) => {
  cluster = new VirtualCluster({ limits: { tailEntriesMax: 5 } });
  leader = await cluster.elect();
  const absent = follower();
  cluster.cut(absent);
  for (let time = 0; time < writes; time++) {
    leader.replica.propose(leader.batch(1));
    await cluster.settle();
  }
  await cluster.pass(2);
  expect(leader.log.released.length > 0).toBe(true);
  cluster.heal();
  await cluster.pass(4);
  expect(leader.snapshotsFor).toEqual(snapshots.map(() => absent.id));
  expect(absent.revision).toBe(snapshots.length === 0 ? writes : 0);
});

test('the log behind a snapshot stays while more is written than the tail holds, and after it has arrived until its receiver is not heard of any more', async () => {
  cluster = new VirtualCluster({ limits: { tailEntriesMax: 5 } });
  leader = await cluster.elect();
  const absent = follower();
  const { term } = leader.heard.view!;
  const write = async (): Promise<void> => {
    leader.replica.propose(leader.batch(1));
    await cluster.settle();
  };
  cluster.cut(absent);
  for (let time = 0; time < 10; time++) await write();
  cluster.heal();
  await cluster.pass(4);
  expect(leader.snapshotsFor).toEqual([absent.id]);
  const index = leader.appliedIndex as Index;
  leader.replica.snapshotBegun(absent.id, term, index);
  for (let time = 0; time < 20; time++) await write();
  leader.replica.snapshotSent(absent.id, term, index);
  for (let time = 0; time < 20; time++) await write();
  expect(leader.log.released.at(-1)).toBe(index);
  cluster.cut(absent);
  await cluster.pass(601);
  expect(leader.log.released.at(-1)).toBe(leader.lastIndex - 5);
});

test('a member that stops refuses what waits and what comes', async () => {
  leader.syncing = false;
  leader.replica.propose(leader.batch(1));
  leader.replica.turn();
  leader.replica.propose(leader.batch(1));
  leader.replica.stop();
  leader.replica.propose(leader.batch(1));
  leader.replica.read(9, Number.POSITIVE_INFINITY);
  expect([...leader.heard.refused]).toEqual([
    [2, 'stopping'],
    [3, 'stopping'],
  ]);
  expect(leader.heard.readsRefused.get(9)).toBe('stopping');
});
