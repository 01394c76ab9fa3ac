import { once } from 'node:events';
import { chmodSync, closeSync, cpSync, existsSync, openSync, readdirSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { featureLevelMax, positionOf, type StateHashes } from '@env-cli/environments';
import { encodeClusterIdentity, metaKeys, readClusterIdentity, readMembers } from '@env-cli/keyspace';
import { openState, readSeenDisks } from '@env-cli/store-lmdb';
import { equalBytes } from '@env-cli/support';

import { type Member, MemberUnavailable } from './member.ts';
import { positionOfTables } from './position-of-tables.ts';
import { eventually, Members, need, setting, soon } from './testing/members.ts';
import { ownProposal } from '../writes/own-proposal.ts';

let members: Members;

function clusterOf(size: number, start: () => Promise<unknown>): void {
  beforeAll(async () => {
    members = await Members.create(size);
    await start();
  });
  afterAll(() => members.close());
}

/** Writes through whoever leads, again after a change of leader: on a busy machine elections happen. A second time it changes nothing. */
async function written(environment: string, value: string): Promise<void> {
  for (;;) {
    try {
      // Of any member, which passes it on: the one that leads may be a process of its own.
      const { result } = await members.running[0]!.propose(setting(environment, 'V', value), soon());
      expect(['applied', 'unchanged']).toContain(result.kind);
      return;
    } catch (error) {
      if (!(error instanceof MemberUnavailable)) throw error;
    }
  }
}

async function revisionAt(member: Member, kind: 'strong' | 'any' = 'strong'): Promise<number> {
  return member.read(need(kind), (tables) => positionOf(tables).revision);
}

describe('three members on three threads each', () => {
  clusterOf(3, () => members.startAll());

  test('write on any of them, and read at every level on any of them', async () => {
    const leader = await members.leader();
    const follower = await members.follower();
    const first = await leader.propose(setting('a/b', 'ONE', '1'), soon());
    expect(first.result).toMatchObject({ kind: 'applied', revision: 1 });
    const second = await follower.propose(setting('a/b', 'TWO', '2'), soon());
    expect(second.result).toMatchObject({ kind: 'applied', revision: 2 });
    for (const member of members.running) {
      expect(await revisionAt(member)).toBe(2);
      const seen = await member.read(need('any', second.appliedIndex), (tables) => positionOf(tables).appliedIndex);
      expect(seen).toBeGreaterThanOrEqual(second.appliedIndex);
      const fresh = { freshness: { kind: 'fresh-within', maxLagMs: 1_000 }, appliedIndex: 0, deadline: soon() } as const;
      expect(await member.read(fresh, (tables) => positionOf(tables).revision)).toBe(2);
      expect(member.view().members).toHaveLength(3);
      expect(member.view().leaderApiAddress).toBe(`127.0.0.1:${7370 + leader.identity.memberId}`);
    }
  });

  test('answer a thousand concurrent writes, each once and in the order of the log', async () => {
    const follower = await members.follower();
    const writes = Array.from({ length: 1_000 }, (_, place) =>
      follower.propose(setting(`e/${place % 7}`, 'V', String(place)), soon()),
    );
    const applied = await Promise.all(writes);
    const revisions = applied.map(({ result }) => (result.kind === 'applied' ? result.revision : 0));
    expect(new Set(revisions).size).toBe(1_000);
    expect(await revisionAt(follower)).toBe(Math.max(...revisions));
  });

  test('keep their leader while an API thread is blocked for longer than an election takes', async () => {
    const leader = await members.leader();
    const { term } = leader.view();
    const until = performance.now() + 1_500;
    // All three API threads are this one.
    while (performance.now() < until);
    await revisionAt(leader);
    expect(leader.view()).toMatchObject({ role: 'leader', term });
  });

  test('have equal state hashes at an equal index', async () => {
    const leader = await members.leader();
    const mark = { ...setting('a', 'V', '1'), body: { kind: 'mark-hashes' } } as const;
    const heard = members.running.map((member) => {
      const { promise, resolve } = Promise.withResolvers<StateHashes>();
      return { promise, end: member.onHashes(resolve) };
    });
    const { appliedIndex } = await leader.propose(mark, soon());
    const hashes = await Promise.all(heard.map(({ promise }) => promise));
    for (const { end } of heard) end();
    expect(hashes[0]!.index).toBe(appliedIndex);
    expect(hashes[1]).toEqual(hashes[0]);
    expect(hashes[2]).toEqual(hashes[0]);
  });

  test('find everything again after all of them stopped', async () => {
    const { result } = await (await members.leader()).propose(setting('a', 'LAST', '1'), soon());
    await Promise.all([1, 2, 3].map((memberId) => members.stop(memberId)));
    // Without the wish to found a cluster: it is one.
    await Promise.all([1, 2, 3].map((memberId) => members.start(memberId, { found: null })));
    expect(result).toEqual({ kind: 'applied', revision: await revisionAt(await members.follower()) });
  });
});

describe('a member that goes', () => {
  clusterOf(3, async () => {
    const forked = members.fork(3);
    await Promise.all([members.start(1), members.start(2), forked]);
    killed = await forked;
  });
  let killed: Awaited<ReturnType<Members['fork']>>;

  test('by kill -9 is not missed, and comes back with everything', async () => {
    await written('a', '1');
    await members.kill(killed);
    await written('a', '2');
    const reborn = await members.start(3);
    expect(await revisionAt(reborn)).toBe(2);
    await eventually(() => (reborn.view().members.every(({ connected }) => connected) ? true : null));
  });
});

describe('a member that should not be there', () => {
  clusterOf(3, () => members.startAll());

  test('of another cluster is refused on both sides, and nobody is disturbed', async () => {
    const leader = await members.leader();
    const { term } = leader.view();
    const { memberId } = (await members.follower()).identity;
    await members.stop(memberId);
    const { found, dataDir } = members.options(memberId);
    const abort = new AbortController();
    const foreign = members.start(memberId, {
      dataDir: `${dataDir}-foreign`,
      found: { members: found!.members, token: 'another' },
      signal: abort.signal,
    });
    await eventually(() => members.logs.find((line) => /is of another cluster/.test(line)) ?? null);
    abort.abort();
    await expect(foreign).rejects.toThrow(/aborted/);
    expect(leader.view().term).toBe(term);
    await written('a', '1');
    await members.start(memberId);
  });

  test('whose disk was wiped is refused, with and without the wish to found a cluster', async () => {
    const wiped = (await members.follower()).identity.memberId;
    await members.stop(wiped);
    rmSync(members.options(wiped).dataDir, { recursive: true });
    await expect(members.start(wiped, { found: null })).rejects.toThrow(
      /it is empty, and this start does not found a cluster.*first start.*been part of a cluster/s,
    );
    await expect(members.start(wiped)).rejects.toThrow(/was wiped.* number that was never used/s);
    // And again, now that it has a directory of its own.
    await expect(members.start(wiped)).rejects.toThrow(/was wiped/);
    await written('a', '2');
  });
});

/** Copies a data directory, as its owner does. */
function copyDirectory(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  chmodSync(to, 0o700);
}

/** Puts a copy of its directory in the place of a member's, which goes on elsewhere meanwhile. */
function putBack(memberId: number, copy: string): void {
  const { dataDir } = members.options(memberId);
  renameSync(dataDir, `${dataDir}-newer`);
  copyDirectory(copy, dataDir);
}

function putRight(memberId: number): void {
  const { dataDir } = members.options(memberId);
  rmSync(dataDir, { recursive: true });
  renameSync(`${dataDir}-newer`, dataDir);
}

/** Resolves once the others have written down that the disk of a member holds all that it has applied by now. */
async function rememberedByOthers(member: Member): Promise<void> {
  const { memberId } = member.identity;
  const { appliedIndex } = member.view();
  const disks = await member.read(need('any'), (tables) => readMembers(tables));
  const { diskId } = disks.find((each) => each.memberId === memberId)!;
  const others = [1, 2, 3].filter((other) => other !== memberId).map((other) => members.options(other).dataDir);
  const remembers = (dataDir: string): boolean =>
    readSeenDisks(dataDir).disks.some(
      (disk) => equalBytes(disk.diskId, diskId) && disk.lives.some(({ claimed }) => claimed.entryIndex >= appliedIndex),
    );
  await eventually(() => (others.every(remembers) ? true : null));
}

/** Its process says that it stops, or does not come up at all. */
async function refused(memberId: number): Promise<unknown> {
  return members.start(memberId, { found: null }).then(
    (member) => member.stopped,
    (error: unknown) => Promise.reject(error),
  );
}

describe('an older copy of the data directory of a member', () => {
  clusterOf(3, async () => {
    const abort = new AbortController();
    const alone = members.start(3, { signal: abort.signal });
    await eventually(() => (existsSync(`${members.options(3).dataDir}/identity`) ? true : null));
    abort.abort();
    await alone.catch(() => undefined);
    copyDirectory(members.options(3).dataDir, `${members.options(3).dataDir}-forming`);
    await members.startAll();
  });

  const message =
    /comes with an older copy of its own disk .*and has (been|voted|held) .*start the member with it; otherwise remove member/s;

  let old = 0;

  test('is refused by those who have heard more of it', async () => {
    old = (await members.follower()).identity.memberId;
    await written('a', '1');
    await members.stop(old);
    const copy = `${members.options(old).dataDir}-copy`;
    copyDirectory(members.options(old).dataDir, copy);
    const more = await members.start(old, { found: null });
    await written('a', '2');
    expect(await revisionAt(more)).toBe(2);
    await rememberedByOthers(more);
    await members.stop(old);
    putBack(old, copy);
    await expect(refused(old)).rejects.toThrow(message);
    await members.stop(old);
    await written('a', '3');
  });

  test('is refused by them also when they were restarted since: they forget nothing of it with their processes', async () => {
    const others = [1, 2, 3].filter((memberId) => memberId !== old);
    await Promise.all(others.map((memberId) => members.stop(memberId)));
    await Promise.all(others.map((memberId) => members.start(memberId, { found: null })));
    await expect(refused(old)).rejects.toThrow(message);
    await members.stop(old);
  });

  test('keeps nobody from coming back with the newest directory, as the refusal says', async () => {
    putRight(old);
    const back = await members.start(old, { found: null });
    await written('a', '4');
    expect(await revisionAt(back)).toBe(4);
  });

  test('of before its founding is refused as well', async () => {
    await written('a', '5');
    await members.stop(3);
    putBack(3, `${members.options(3).dataDir}-forming`);
    // With the wish to found a cluster, for it does not know that it has one.
    await expect(members.start(3)).rejects.toThrow(/comes with an older copy of its own disk/);
    putRight(3);
    await members.start(3);
    await written('a', '6');
  });
});

describe('a cluster that was wiped', () => {
  clusterOf(3, () => members.startAll());

  test('and is founded again with the same list is another one', async () => {
    const before = (await members.leader()).identity.clusterId;
    for (const member of members.running) expect(member.identity.clusterId).toEqual(before);
    await Promise.all([1, 2, 3].map((memberId) => members.stop(memberId)));
    for (const memberId of [1, 2, 3]) rmSync(members.options(memberId).dataDir, { recursive: true });
    await members.startAll();
    for (const member of members.running) {
      expect(member.identity.clusterId).toEqual(members.running[0]!.identity.clusterId);
      expect(member.identity.clusterId).not.toEqual(before);
    }
  });
});

describe('a member that has lost a part of its data directory', () => {
  clusterOf(3, () => members.startAll());

  test.each([['log'], ['CURRENT'], ['founding'], ['log', 'CURRENT', 'founding', 'state-000001', 'founder']])(
    'is refused, and not taken for one before its founding: %s',
    async (...gone) => {
      const { memberId } = (await members.follower()).identity;
      await members.stop(memberId);
      const { dataDir } = members.options(memberId);
      copyDirectory(dataDir, `${dataDir}-whole`);
      for (const name of gone) rmSync(`${dataDir}/${name}`, { recursive: true, force: true });
      for (const found of [null, members.options(memberId).found])
        await expect(members.start(memberId, { found })).rejects.toMatchObject({
          code: 'directory-incomplete',
          message: expect.stringMatching(/it has been part of cluster [0-9a-f]{32}, and lost /),
        });
      rmSync(dataDir, { recursive: true });
      renameSync(`${dataDir}-whole`, dataDir);
      await members.start(memberId);
    },
  );
});

describe('one member', () => {
  clusterOf(3, () => Promise.resolve());

  test('that finds the port of its peers taken says so', async () => {
    await members.start(1, { found: { members: [members.options(1).found!.members[0]!] } });
    const taken = members.options(1).peerListen;
    await expect(
      members.start(2, { peerListen: taken, found: { members: [{ memberId: 2, address: 'localhost:1' }] } }),
    ).rejects.toThrow(/the peer address .* cannot be listened on/);
    await members.stop(1);
  });

  test('alone is a cluster of one: it tells of what it applies, and of its reign', async () => {
    const member = await members.start(1, { found: { members: [members.options(1).found!.members[0]!] } });
    const reigns: (number | null)[] = [];
    member.onLeadership((leading) => reigns.push(leading?.term ?? null));
    await eventually(() => reigns[0] ?? null);
    const revisions: number[] = [];
    const end = member.onApplied((revision) => revisions.push(revision));
    await member.propose(setting('a', 'V', '1'), soon());
    await member.propose(setting('a', 'V', '2'), soon());
    end();
    await member.propose(setting('a', 'V', '3'), soon());
    expect(revisions.at(-1)).toBe(2);
    await members.stop(1);
    expect(reigns).toEqual([expect.any(Number), null]);
    await expect(member.stopped).resolves.toBeUndefined();
    await expect(member.propose(setting('a', 'V', '4'), soon())).rejects.toMatchObject({ code: 'stopping' });
    await expect(member.read(need('any'), () => 0)).rejects.toMatchObject({ code: 'stopping' });
  });

  test('tells of no reign once it has ended, though its threads go on telling of theirs until they are gone', async () => {
    const member = await members.start(1, { tickMs: 5 });
    const reigns: (number | null)[] = [];
    member.onLeadership((leading) => {
      reigns.push(leading?.term ?? null);
      // Blocks this thread for twenty ticks of the other, which has something new to tell with the first of them.
      if (leading === null) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    });
    await eventually(() => reigns[0] ?? null);
    await member.propose(setting('a', 'V', 'ended'), soon());
    await members.stop(1);
    expect(reigns).toEqual([expect.any(Number), null]);
  });

  test('alone needs no vote of one that is named and takes no part yet, though it starts anew', async () => {
    const found = { members: [members.options(3).found!.members[2]!] };
    const member = await members.start(3, { found });
    const added = { memberId: 4, diskId: new Uint8Array(16).fill(4), address: 'localhost:1' };
    // What follows it in `member add` may never happen: whoever asks may be cut off in between.
    const { result } = await member.propose(
      ownProposal({ kind: 'add-member', member: added }, { principal: 'member 3' }),
      soon(),
    );
    expect(result.kind).toBe('applied');
    await members.stop(3);
    const again = await members.start(3, { found: null });
    expect(await again.propose(setting('a', 'V', '1'), soon())).toMatchObject({ result: { kind: 'applied' } });
    expect(again.view().members.map(({ memberId, takesPart }) => [memberId, takesPart])).toEqual([
      [3, true],
      [4, false],
    ]);
    await members.stop(3);
  });

  test('lets nothing into its log that needs a higher feature level than its cluster has', async () => {
    const member = await members.start(1);
    const before = await member.propose(setting('a', 'V', '5'), soon());
    const later = { ...setting('a', 'V', '6'), level: featureLevelMax + 1 };
    const refusal = { code: 'level-too-low', needed: featureLevelMax + 1, level: featureLevelMax };
    expect((await member.propose(later, soon())).result).toEqual({ kind: 'refused', refusal });
    const after = await member.propose(setting('a', 'V', '7'), soon());
    expect([before.result.kind, after.result.kind]).toEqual(['applied', 'applied']);
    expect(after.appliedIndex).toBe(before.appliedIndex + 1);
  });

  test('does not start on a state of a later feature level than its program understands, and says what to start it with', async () => {
    const { clusterId } = members.running[0]!.identity;
    await members.stop(1);
    const { dataDir } = members.options(1);
    const store = await openState(dataDir, {
      owner: { clusterId, memberId: 1 },
      readPosition: positionOfTables,
      mapBytes: 2 ** 30,
    });
    store.transact((tables) => {
      const later = { ...readClusterIdentity(tables)!, featureLevel: featureLevelMax + 1 };
      tables.put('meta', metaKeys.cluster, encodeClusterIdentity(later));
    });
    await store.stop();
    await expect(members.start(1)).rejects.toMatchObject({
      code: 'feature-level',
      message: expect.stringContaining(
        `its state is of feature level ${featureLevelMax + 1}, and this program understands up to ${featureLevelMax}. Start it with the version`,
      ),
    });
  });
});

/**
 * Puts something that cannot be written in the place of an open file. The number must not stay free: another thread's next
 * file would get it, and what is meant for the log would be written there.
 */
function makeUnwritable(descriptor: number): void {
  const others: number[] = [];
  closeSync(descriptor);
  for (let opened = openSync('/dev/null', 'r'); opened !== descriptor; opened = openSync('/dev/null', 'r')) {
    others.push(opened);
    if (others.length > 1000) throw new Error(`descriptor ${descriptor} was taken by somebody else`);
  }
  for (const other of others) closeSync(other);
}

// The files of a thread belong to the whole process: Linux lists them.
(process.platform === 'linux' ? describe : describe.skip)('a member whose log can no longer be written', () => {
  clusterOf(1, () => members.start(1));

  test('stops, and says what, where and what to do', async () => {
    const [member] = members.running;
    await written('a', '1');
    for (const file of readdirSync('/proc/self/fd')) {
      const path = existsSync(`/proc/self/fd/${file}`) ? readlinkSync(`/proc/self/fd/${file}`) : '';
      if (path.startsWith(members.directory) && path.includes('/log/')) makeUnwritable(Number(file));
    }
    const lost = member!.propose(setting('a', 'V', '2'), soon());
    await expect(lost).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(member!.stopped).rejects.toThrow(/member-1\/log.* failed .*Check the disk/s);
    await expect(member!.propose(setting('a', 'V', '3'), soon())).rejects.toMatchObject({ code: 'stopping' });
  });
});

describe('a member without a quorum', () => {
  clusterOf(3, () => members.startAll());

  test('refuses writes as certainly not proposed, and strong reads; any read it answers', async () => {
    const [kept] = members.running;
    await Promise.all([members.stop(2), members.stop(3)]);
    await eventually(() => (kept!.view().leaderId === null ? true : null));
    await expect(kept!.propose(setting('a', 'V', '1'), soon())).rejects.toMatchObject({ code: 'no-leader' });
    await expect(revisionAt(kept!)).rejects.toMatchObject({ code: 'no-leader' });
    const fresh = { freshness: { kind: 'fresh-within', maxLagMs: 50 }, appliedIndex: 0, deadline: soon() } as const;
    await expect(kept!.read(fresh, () => 0)).rejects.toMatchObject({ code: 'too-stale' });
    expect(await revisionAt(kept!, 'any')).toBe(0);
    await expect(kept!.propose(setting('a', 'V', '1'), performance.now() - 1)).rejects.toMatchObject({
      code: 'deadline-exceeded',
    });
    // Each of them is counted, by its reason.
    expect(await kept!.metrics()).toMatchObject({
      'api_proposals_failed_total{reason="no-leader"}': 1,
      'api_proposals_failed_total{reason="deadline-exceeded"}': 1,
      'api_proposals_failed_total{reason="outcome-unknown"}': 0,
    });
  });
});

describe('a member that starts', () => {
  clusterOf(1, () => Promise.resolve());

  test.each([
    ['state', 1, 'apply-worker'],
    ['consensus', 2, 'consensus-worker'],
  ])('gives its start up when the thread of its %s ends, and says which', async (_what, endThread, name) => {
    const child = members.forkOnly(1, { stderr: 'pipe', endThread });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(said).toContain(`the thread ${name} ended by itself`);
  });
});

describe('a member whose last checkpoint fails', () => {
  clusterOf(1, () => members.start(1));

  test('says so when it stops, once everything is closed', async () => {
    const [member] = members.running;
    await written('a', '1');
    const { dataDir } = members.options(1);
    // The idle member has made its checkpoint of that, so that the next one is the last.
    const checkpointed = async () => (await member!.metrics())['store_checkpoint_index'];
    while ((await checkpointed()) !== member!.view().appliedIndex);
    for (const name of readdirSync(dataDir).filter((found) => found.startsWith('state-'))) {
      rmSync(join(dataDir, name), { recursive: true });
    }
    await expect(member!.stop(1_000)).rejects.toThrow(/A checkpoint failed at .*CHECKPOINT/);
    await expect(member!.stopped).rejects.toThrow(/A checkpoint/);
  });
});
