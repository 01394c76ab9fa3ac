import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Cluster, Consistency, Environments, MemberRole } from '@env-cli/wire';

import { setting } from '../testing/operations.ts';
import { freePorts } from '../testing/free-ports.ts';
import { Program } from '../testing/program.ts';
import { type CallFailed, TestClient } from '../testing/serving.ts';

/** Members 1 to 3 found the cluster; 4 and 5 join; 6 comes in the place of another. */
const numbers = [1, 2, 3, 4, 5, 6];
const founders = numbers.slice(0, 3);

let folder: string;
let apis: string[];
let peers: string[];
let clients: TestClient[];
const programs = new Map<number, Program>();

const api = (memberId: number): TestClient => clients[memberId - 1]!;
const peerOf = (memberId: number): string => peers[memberId - 1]!;

function start(memberId: number, ...flags: string[]): Program {
  const program = new Program([
    `--member-id=${memberId}`,
    `--data-dir=${join(folder, `member-${memberId}`)}`,
    `--listen=${apis[memberId - 1]}`,
    `--peer-listen=${peerOf(memberId)}`,
    '--metrics-port=0',
    '--plain-secrets',
    '--log-level=info',
    ...flags,
  ]);
  programs.set(memberId, program);
  return program;
}

/** Starts a member that is not one yet, and waits until it says so. */
async function starting(memberId: number): Promise<Program> {
  const program = start(memberId, '--join', `--members=1=${peerOf(1)},2=${peerOf(2)},${memberId}=${peerOf(memberId)}`);
  await program.says(`Add it: env-cli member add ${memberId} ${peerOf(memberId)}`);
  return program;
}

async function membersAt(memberId: number) {
  return (await api(memberId).call(Cluster, 'members', {})).members;
}

/** Waits until a member says who votes and who learns. */
async function rolesBecome(memberId: number, voters: readonly number[], learners: readonly number[] = []): Promise<void> {
  const learn = learners.length === 0 ? 'none' : learners.join(', ');
  await programs.get(memberId)!.says(`members that vote: ${voters.join(', ')}; that learn: ${learn}`);
  const roles = (await membersAt(memberId)).map((member) => [Number(member.memberId), member.role === MemberRole.LEARNER]);
  expect(roles).toEqual([...voters, ...learners].map((id) => [id, learners.includes(id)]));
}

const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'answered',
    (error: CallFailed) => error.reason,
  );
const termAt = async (memberId: number): Promise<bigint> => (await api(memberId).call(Cluster, 'status', {})).term;
const leaderAt = async (memberId: number): Promise<number> => Number((await api(memberId).call(Cluster, 'status', {})).leaderId);
const add = (memberId: number, learner = false) =>
  api(1).call(Cluster, 'addMember', { memberId: BigInt(memberId), peerAddress: peerOf(memberId), learner });
const remove = (at: number, memberId: number, force = '') =>
  api(at).call(Cluster, 'removeMember', { memberId: BigInt(memberId), force }, { deadlineMs: 20_000 });

const change = (at: number, coming: readonly number[], going: readonly number[]) =>
  api(at).call(Cluster, 'changeMembers', {
    add: coming.map((memberId) => ({ memberId: BigInt(memberId), peerAddress: peerOf(memberId) })),
    remove: going.map(BigInt),
  });

async function valueAt(memberId: number, token: string): Promise<string | undefined> {
  const options = { consistency: Consistency.READ_YOUR_WRITES, token };
  return (await api(memberId).call(Environments, 'get', { name: 'a', options })).environment?.variables[0]?.value;
}

async function written(memberId: number, value: string): Promise<string> {
  return (await api(memberId).call(Environments, 'write', { operations: [setting('a', { V: value })] })).header!.token;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-membership-'));
  const ports = await freePorts(2 * numbers.length);
  apis = numbers.map((_, at) => `127.0.0.1:${ports[at]}`);
  peers = numbers.map((_, at) => `127.0.0.1:${ports[numbers.length + at]}`);
  clients = apis.map((address) => new TestClient(address));
  const list = `--members=${founders.map((memberId) => `${memberId}=${peerOf(memberId)}`).join(',')}`;
  await Promise.all(founders.map((memberId) => start(memberId, '--bootstrap', list).ready()));
}, 60_000);
afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all([...programs.values()].map((program) => program.stop('SIGKILL')));
  rmSync(folder, { recursive: true });
});

describe('a member', () => {
  test('that does not wait to be added, or whose number was used, is not added, and nothing changes', async () => {
    expect(await reasonOf(add(4))).toBe('MEMBER_UNREACHED');
    expect(await reasonOf(api(1).call(Cluster, 'addMember', { memberId: 3n, peerAddress: peerOf(4) }))).toBe(
      'MEMBER_NUMBER_USED',
    );
    expect(await reasonOf(api(1).call(Cluster, 'addMember', { memberId: 4n, peerAddress: 'nowhere' }))).toBe('MEMBER_UNREACHED');
    expect(await reasonOf(remove(1, 9))).toBe('MEMBER_NOT_FOUND');
    expect(await reasonOf(api(2).call(Cluster, 'promoteMember', { memberId: 1n }))).toBe('MEMBER_ROLE');
    expect(await membersAt(1)).toHaveLength(3);
  });

  test('that is one of several, of which one cannot come or go, neither comes nor goes, and nothing changes', async () => {
    const waiting = await starting(4);
    expect(await reasonOf(change(2, [4, 5], []))).toBe('MEMBER_UNREACHED');
    expect(await reasonOf(change(2, [4], [4]))).toBe('INVALID_FIELD');
    expect(await reasonOf(change(2, [4, 4], []))).toBe('INVALID_FIELD');
    expect(await reasonOf(change(2, [], []))).toBe('INVALID_FIELD');
    const [next, far] = [4n, 4_000n].map((memberId) => ({ memberId, peerAddress: `127.0.0.1:${memberId}` }));
    expect(await reasonOf(api(2).call(Cluster, 'changeMembers', { add: [far!, { ...next!, peerAddress: peerOf(4) }] }))).toBe(
      'INVALID_FIELD',
    );
    expect(await reasonOf(change(2, [4], [1, 9]))).toBe('MEMBER_NOT_FOUND');
    expect(await reasonOf(change(2, [4], [1, 2, 3]))).toBe('MEMBER_ROLE');
    expect(await membersAt(1)).toHaveLength(3);
    // None of it has taken its number.
    expect(waiting.child.exitCode).toBeNull();
  }, 60_000);

  test('that joins is sent everything, votes by itself once it has caught up, and answers what was written before', async () => {
    const token = await written(1, 'before');
    const program = programs.get(4)!;
    await add(4);
    // The first answer may have been lost.
    await add(4);
    await program.ready();
    expect(await valueAt(4, token)).toBe('before');
    await rolesBecome(1, [1, 2, 3, 4]);
  }, 60_000);

  test('that is to stay a learner does not vote until it is promoted, and finds its cluster again without being told', async () => {
    // Member 3 hears of nothing of this. It does not lead: the others would have to find out that it is gone before they answer. And member 5 is told of 1 and 2
    // alone, and founders there were three: of the one that leads it hears from that one itself.
    await api(1).call(Cluster, 'transferLeader', { memberId: 4n });
    await programs.get(3)!.stop('SIGKILL');
    const program = await starting(5);
    await add(5, true);
    await program.ready();
    await rolesBecome(2, [1, 2, 3, 4], [5]);
    expect(await reasonOf(api(1).call(Cluster, 'transferLeader', { memberId: 5n }))).toBe('MEMBER_ROLE');
    expect(await program.stop()).toBe(0);
    await start(5).ready();
    await api(1).call(Cluster, 'promoteMember', { memberId: 5n });
    await rolesBecome(5, [1, 2, 3, 4, 5]);
  }, 60_000);

  test('takes the lead when it is handed over to it', async () => {
    const { leaderId } = await api(2).call(Cluster, 'transferLeader', { memberId: 5n });
    expect(leaderId).toBe(5n);
    expect(await leaderAt(5)).toBe(5);
    await written(2, 'under another leader');
  });

  test('that was away while the one was added that leads by now is brought up to date by it', async () => {
    const token = await written(2, 'while it was away');
    expect(await leaderAt(5)).toBe(5);
    await start(3).ready();
    expect(await valueAt(3, token)).toBe('while it was away');
    expect(await leaderAt(3)).toBe(5);
  }, 60_000);

  test('that is told to stop hands the lead over first', async () => {
    const leader = await leaderAt(1);
    const program = programs.get(leader)!;
    const other = leader === 1 ? 2 : 1;
    const before = await termAt(other);
    expect(await program.stop()).toBe(0);
    expect(program.said).toContain('the lead was handed over');
    // One election: nobody had to find out that the leader was gone, and to stand against others.
    expect(await termAt(other)).toBe(before + 1n);
    expect(await leaderAt(other)).not.toBe(leader);
    await start(leader).ready();
  }, 60_000);

  test('that leads hands the lead over before it is removed, ends with the reason, and does not come back', async () => {
    const before = await leaderAt(1);
    await remove(before === 1 ? 2 : 1, before);
    expect(await programs.get(before)!.exited).toBe(4);
    expect(programs.get(before)!.said).toContain(`member ${before} was removed from the cluster`);
    const again = start(before);
    const code = await again.exited;
    expect({ code, said: again.said }).toEqual({
      code: 4,
      said: expect.stringMatching(/was removed from the cluster.*with the number 6/s),
    });
    const other = before === 1 ? 2 : 1;
    expect(await membersAt(other)).toHaveLength(4);
    const token = await written(other, 'after');
    for (const { memberId } of await membersAt(other)) expect(await valueAt(Number(memberId), token)).toBe('after');
  }, 60_000);

  test('that comes in the place of one that is lost, at its very address, votes when that one goes; until then nothing is gone', async () => {
    const at = await runningMember();
    const others = (await membersAt(at)).map(({ memberId }) => Number(memberId)).filter((memberId) => memberId !== at);
    // Not whoever leads: the others would have to find out that it is gone before they answer.
    const leader = await leaderAt(at);
    const lost = others.find((memberId) => memberId !== 5 && memberId !== leader)!;
    const replace = (memberId: number, newMemberId: number) =>
      api(at).call(Cluster, 'replaceMember', {
        memberId: BigInt(memberId),
        newMemberId: BigInt(newMemberId),
        peerAddress: peerOf(lost),
      });
    expect(await reasonOf(replace(9, 6))).toBe('MEMBER_NOT_FOUND');
    expect(await reasonOf(replace(lost, 5))).toBe('MEMBER_NUMBER_USED');
    await programs.get(lost)!.stop('SIGKILL');
    expect(await reasonOf(replace(lost, 6))).toBe('MEMBER_UNREACHED');
    const known = `--members=${others.map((memberId) => `${memberId}=${peerOf(memberId)}`).join(',')},6=${peerOf(lost)}`;
    peers[5] = peerOf(lost);
    const program = start(6, '--join', known);
    await program.says('Add it: env-cli member add 6');
    await replace(lost, 6);
    // The first answer may have been lost.
    const { members } = await replace(lost, 6);
    expect(members.find(({ memberId }) => memberId === 6n)).toMatchObject({ role: MemberRole.LEARNER, replaces: BigInt(lost) });
    expect(await reasonOf(replace(lost, 7))).toBe('MEMBER_ROLE');
    await program.ready();
    const left = [at, ...others.filter((memberId) => memberId !== lost), 6].toSorted((a, b) => a - b);
    const all = `members that vote: ${left.join(', ')}; that learn: none; that take no part: none`;
    await program.says(all);
    await programs.get(at)!.says(all);
    // It is done, and nobody has to be told that it cannot be done again.
    await replace(lost, 6);
    const token = await written(at, 'replaced');
    expect(await valueAt(6, token)).toBe('replaced');
  }, 60_000);

  test('whose removal would leave no quorum that answers stays, unless that is asked for in so many words', async () => {
    const [first, second, third, fourth] = (await membersAt(await runningMember())).map(({ memberId }) => Number(memberId));
    const at = first!;
    await remove(at, fourth!);
    // What counts is whom the leader is connected to.
    await api(at).call(Cluster, 'transferLeader', { memberId: BigInt(at) });
    const before = programs.get(at)!.said.length;
    await programs.get(third!)!.stop('SIGKILL');
    await programs.get(at)!.says(`; not connected: ${third}`, before);
    expect(await reasonOf(remove(at, second!))).toBe('QUORUM_NEEDED');
    expect(await reasonOf(remove(at, second!, 'yes'))).toBe('QUORUM_NEEDED');
    // With the one that is away as well, and with one more besides: what counts is who answers of those that are left.
    expect(await reasonOf(change(at, [], [first!, second!]))).toBe('QUORUM_NEEDED');
    // The one that is away is no loss.
    await remove(at, third!);
    await written(at, 'two');
    expect((await membersAt(at)).map(({ memberId }) => Number(memberId))).toEqual([first, second]);
  }, 60_000);

  test('that was removed is not needed any more, though the one that stays is killed in the same moment', async () => {
    const [first, second] = (await membersAt(await runningMember())).map(({ memberId }) => Number(memberId));
    await remove(first!, second!);
    await Promise.all([first!, second!].map((memberId) => programs.get(memberId)!.stop('SIGKILL')));
    await start(first!).ready();
    const token = await written(first!, 'one');
    expect(await valueAt(first!, token)).toBe('one');
    expect((await membersAt(first!)).map(({ memberId }) => Number(memberId))).toEqual([first]);
  }, 60_000);
});

/** One that was not removed. */
async function runningMember(): Promise<number> {
  for (const [memberId, program] of programs) if (program.child.exitCode === null) return memberId;
  throw new Error('nobody runs');
}
