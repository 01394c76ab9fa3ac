import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AlarmKind, Cluster, Environments, MemberRole, Sessions } from '@env-cli/wire';

import { setting } from '../testing/operations.ts';
import { type CallFailed, Serving, TestClient } from '../testing/serving.ts';
import { TwinMember } from '../testing/twin-member.ts';

let leader: TwinMember;
let follower: TwinMember;
let serving: Serving;
let client: TestClient;

beforeEach(async () => {
  leader = TwinMember.alone();
  follower = leader.follower(2);
  serving = await Serving.of(leader);
  client = new TestClient(serving.address);
});
afterEach(async () => {
  client.close();
  await serving.close();
  assert.deepEqual(serving.faults, []);
});

async function write(value: string): Promise<void> {
  await client.call(Environments, 'write', { operations: [setting('a', { A: value })] });
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'answered',
    (error: CallFailed) => error.reason,
  );
}

describe('the status of the cluster', () => {
  test('is that of the member that is asked, also without a leader', async () => {
    await write('1');
    leader.leaderless = true;
    expect(await client.call(Cluster, 'status', {})).toMatchObject({
      clusterId: 'c1'.repeat(16),
      epoch: 1n,
      memberId: 1n,
      role: MemberRole.CANDIDATE,
      leaderId: 0n,
      revision: 1n,
      storeBytes: 1_000n,
    });
  });

  test('has the same hashes on members that applied the same', async () => {
    await write('1');
    follower.catchUp();
    const other = await Serving.of(follower);
    const toOther = new TestClient(other.address);
    const [here, there] = [await client.call(Cluster, 'status', {}), await toOther.call(Cluster, 'status', {})];
    expect(here.hashes).toEqual(there.hashes);
    expect(here.hashes.map(({ table }) => table)).toEqual([
      'environments',
      'changes',
      'mirrors',
      'outbox',
      'deliveries',
      'sessions',
    ]);
    await write('2');
    expect((await client.call(Cluster, 'status', {})).hashes).not.toEqual(there.hashes);
    toOther.close();
    await other.close();
  });

  test('names the members', async () => {
    const { members } = await client.call(Cluster, 'members', {});
    expect(members).toMatchObject([{ memberId: 1n, role: MemberRole.LEADER, connected: true }]);
  });
});

async function standing() {
  return (await client.call(Cluster, 'alarms', {})).alarms;
}

function raise(alarm: 'state-rotten' | 'state-disagreed', member: number) {
  return leader.propose(
    {
      level: 1,
      group: 1,
      namespace: 'default',
      principal: 'test',
      authorisationRevision: 0,
      session: null,
      reason: new Uint8Array(),
      body: { kind: 'raise-alarm', alarm, member, index: 5 },
    },
    Infinity,
  );
}

describe('alarms', () => {
  test('stand in the status until somebody clears them; one that does not stand is cleared already', async () => {
    expect(await standing()).toEqual([]);
    await raise('state-rotten', 1);
    const alarm = { kind: AlarmKind.STATE_ROTTEN, memberId: 1n, index: 5n, raisedTime: { nanos: 0 } };
    expect(await standing()).toMatchObject([alarm]);
    expect(await client.call(Cluster, 'status', {})).toMatchObject({ alarms: [alarm] });
    const clear = (kind: AlarmKind, memberId: bigint) => client.call(Cluster, 'alarms', { clear: [{ kind, memberId }] });
    expect((await clear(AlarmKind.STATE_DISAGREED, 0n)).alarms).toMatchObject([alarm]);
    expect((await clear(AlarmKind.STATE_ROTTEN, 1n)).alarms).toEqual([]);
    expect(await client.call(Cluster, 'status', {})).toMatchObject({ alarms: [] });
  });

  test('a request that names none, or too many, clears nothing', async () => {
    await raise('state-rotten', 1);
    const right = { kind: AlarmKind.STATE_ROTTEN, memberId: 1n };
    for (const clear of [
      [right, { kind: AlarmKind.UNSPECIFIED }],
      [right, { kind: 99 as AlarmKind }],
      [{ ...right, memberId: 1n << 40n }],
      Array.from({ length: 65 }, () => right),
    ])
      expect(await reasonOf(client.call(Cluster, 'alarms', { clear }))).toBe('INVALID_FIELD');
    expect(await standing()).toHaveLength(1);
  });
});

describe('the quota', () => {
  test('is shown beside what the state takes; a full state refuses growth with NOSPACE, takes deletions, and raises an alarm', async () => {
    const quotaBytes = 16n * 2n ** 20n;
    const answer = await client.call(Cluster, 'setQuota', { quotaBytes });
    expect(answer).toMatchObject({ quotaBytes, stateBytes: 0n });
    const value = 'x'.repeat(250_000);
    const fill = (at: number) => client.call(Environments, 'write', { operations: [setting(`e${at}`, { A: value })] });
    let written = 0;
    let refused: CallFailed | undefined;
    for (; written < 100 && refused === undefined; written++)
      refused = await fill(written).then(
        () => undefined,
        (error) => error,
      );
    const { stateBytes } = await client.call(Cluster, 'status', {});
    expect(refused).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'NOSPACE',
      facts: { state_bytes: String(stateBytes), quota_bytes: String(quotaBytes) },
    });
    expect(await client.call(Cluster, 'status', {})).toMatchObject({
      quotaBytes,
      alarms: [{ kind: AlarmKind.SPACE_LOW, memberId: 0n }],
    });
    expect(stateBytes).toBeGreaterThanOrEqual(quotaBytes);
    await client.call(Environments, 'write', { operations: [{ environment: 'e0', action: { case: 'delete', value: {} } }] });
    await client.call(Cluster, 'setQuota', { quotaBytes: quotaBytes * 2n });
    await fill(written);
  });

  test('a size out of its range is refused, and changes nothing', async () => {
    const { quotaBytes } = await client.call(Cluster, 'status', {});
    // The last is more than the file of this member can hold.
    for (const wrong of [0n, -1n, 1n << 40n, 2n ** 29n + 1n]) {
      expect(await reasonOf(client.call(Cluster, 'setQuota', { quotaBytes: wrong }))).toBe('INVALID_FIELD');
    }
    expect(await client.call(Cluster, 'status', {})).toMatchObject({ quotaBytes });
  });
});

describe('compaction', () => {
  test('forgets what lies below, and keeps the revision itself', async () => {
    for (const value of ['1', '2', '3']) await write(value);
    const { compactedRevision } = await client.call(Cluster, 'compact', { revision: 2n });
    expect(compactedRevision).toBe(2n);
    const at = (revision: bigint) => client.call(Environments, 'get', { name: 'a', options: { revision } });
    expect((await at(2n)).environment?.variables[0]?.value).toBe('2');
    expect(await reasonOf(at(1n))).toBe('COMPACTED');
  });

  test('refuses what does not exist yet, and what is no revision', async () => {
    expect(await reasonOf(client.call(Cluster, 'compact', { revision: 99n }))).toBe('REVISION_IN_FUTURE');
    expect(await reasonOf(client.call(Cluster, 'compact', { revision: -1n }))).toBe('INVALID_FIELD');
  });
});

describe('a session', () => {
  const sessionId = new Uint8Array(16).fill(3);

  test('opens once however often it is asked for, says how long it lives, and is kept alive', async () => {
    const { timeToLive } = await client.call(Sessions, 'open', { sessionId });
    expect(timeToLive).toMatchObject({ seconds: 3_600n });
    await client.call(Sessions, 'open', { sessionId });
    expect(await reasonOf(client.call(Sessions, 'keepAlive', { sessionId }))).toBe('answered');
  });

  test('is not known once it is closed, and executes nothing then', async () => {
    await client.call(Sessions, 'open', { sessionId });
    await client.call(Sessions, 'close', { sessionId });
    const session = { sessionId, sequence: 1n, firstIncomplete: 1n };
    expect(await reasonOf(client.call(Environments, 'write', { operations: [setting('a', { A: '1' })], session }))).toBe(
      'SESSION_UNKNOWN',
    );
    expect(await reasonOf(client.call(Sessions, 'keepAlive', { sessionId }))).toBe('SESSION_UNKNOWN');
    expect(leader.revision).toBe(0);
  });

  test('is named by 16 bytes', async () => {
    expect(await reasonOf(client.call(Sessions, 'open', { sessionId: new Uint8Array(15) }))).toBe('INVALID_FIELD');
  });
});
