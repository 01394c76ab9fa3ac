import { describe, expect, test } from '@jest/globals';
import type { MemberId, MembershipChange } from '@env-cli/raft';

import { VirtualCluster, type VirtualMember } from './testing/virtual-cluster.ts';
import type { ChangeAnswer, TransferAnswer } from './wishes.ts';

const id = (value: number) => value as MemberId;

function change(member: VirtualMember, ...changes: readonly MembershipChange[]): ChangeAnswer[] {
  const answers: ChangeAnswer[] = [];
  member.replica.changeMembership(changes, (answer) => answers.push(answer));
  return answers;
}

function transfer(member: VirtualMember, to: MemberId | null = null): TransferAnswer[] {
  const answers: TransferAnswer[] = [];
  member.replica.transferLead(to, (answer) => answers.push(answer));
  return answers;
}

const otherThan = (cluster: VirtualCluster, member: VirtualMember): VirtualMember =>
  cluster.members.find((other) => other !== member && cluster.voters.includes(other.id))!;

describe('a change of the members', () => {
  test('is answered when it holds; a member that joins gets all that is written, and a vote when it has it', async () => {
    const cluster = new VirtualCluster({ size: 4, spares: 1 });
    const leader = await cluster.elect();
    leader.replica.propose(leader.batch(5));
    const answers = change(leader, { kind: 'add', member: id(4), as: 'joining' });
    await cluster.settle();
    expect(answers).toEqual([{ kind: 'done' }]);
    expect(leader.heard.view?.learners).toEqual([]);
    await cluster.pass(1);
    expect(leader.heard.view?.learners).toEqual([4]);
    await cluster.pass(40);
    expect(leader.heard.view).toMatchObject({ voters: [1, 2, 3, 4], learners: [] });
    expect(cluster.member(4).revision).toBe(5);
  });

  test('that removes somebody is answered once it is confirmed: from then on that one may be switched off', async () => {
    const cluster = new VirtualCluster();
    const leader = await cluster.elect();
    const answers: [kind: string, logged: number][] = [];
    const changes = cluster.members.flatMap(({ id: member }): MembershipChange[] =>
      member === leader.id ? [] : [{ kind: 'remove', member }],
    );
    leader.replica.changeMembership(changes, ({ kind }) => answers.push([kind, leader.log.contents.configurations.length]));
    await cluster.settle();
    // The joint one, the one that leaves it, and that one once more.
    expect(answers).toEqual([['done', 3]]);
  });

  test('that goes through a joint configuration is answered when that is left', async () => {
    const cluster = new VirtualCluster({ size: 5, spares: 2 });
    const leader = await cluster.elect();
    const other = otherThan(cluster, leader);
    // The half that comes cannot agree yet.
    for (const spare of [4, 5]) cluster.cut(cluster.member(spare));
    const gone: MembershipChange = { kind: 'remove', member: other.id };
    const add = [4, 5].map((member) => ({ kind: 'add', member: id(member), as: 'voter' }) as const);
    const answers = change(leader, gone, ...add);
    await cluster.pass(3);
    expect([answers, leader.heard.view?.voters]).toEqual([[], [1, 2, 3, 4, 5]]);
    cluster.heal();
    await cluster.pass(3);
    expect(answers).toEqual([{ kind: 'done' }]);
    expect(leader.heard.view?.voters).toEqual([1, 2, 3, 4, 5].filter((member) => member !== other.id));
  });

  test('that is refused says why', async () => {
    const cluster = new VirtualCluster();
    const leader = await cluster.elect();
    const heard = [change(leader, { kind: 'remove', member: id(9) }), change(otherThan(cluster, leader))];
    await cluster.settle();
    expect(heard).toEqual([
      [{ kind: 'refused', refusal: { code: 'unknown-member', member: 9 } }],
      [{ kind: 'refused', refusal: { code: 'not-leader', leader: leader.id } }],
    ]);
  });

  test('is of unknown outcome when the reign ends before it is committed, and when the member stops', async () => {
    const cluster = new VirtualCluster();
    const leader = await cluster.elect();
    cluster.cut(leader);
    const answers = change(leader, { kind: 'remove', member: otherThan(cluster, leader).id });
    await cluster.pass(45);
    expect(answers).toEqual([{ kind: 'unknown' }]);
    const next = cluster.leader;
    cluster.cut(next);
    const waiting = change(next, { kind: 'demote', member: leader.id });
    await cluster.settle();
    next.replica.stop();
    expect([waiting, change(next)]).toEqual([[{ kind: 'unknown' }], [{ kind: 'unknown' }]]);
  });

  test('that removes the leader leaves another one within an election timeout, which takes what the others are asked for', async () => {
    const cluster = new VirtualCluster();
    const leader = await cluster.elect();
    const other = otherThan(cluster, leader);
    const answers = change(leader, { kind: 'remove', member: leader.id });
    await cluster.pass(2);
    expect(answers).toEqual([{ kind: 'done' }]);
    expect(cluster.leader).not.toBe(leader);
    other.replica.propose(other.batch(3));
    await cluster.pass(1);
    expect(other.heard.results.size).toBe(3);
  });
});

describe('a transfer of the lead', () => {
  test('loses no command: what waits meanwhile goes to the next leader', async () => {
    const cluster = new VirtualCluster();
    const leader = await cluster.elect();
    const other = otherThan(cluster, leader);
    const answers = transfer(leader, other.id);
    leader.replica.propose(leader.batch(2));
    await cluster.settle();
    expect(answers).toEqual([{ kind: 'ended', outcome: 'reign-ended' }]);
    expect(cluster.leader).toBe(other);
    await cluster.pass(2);
    expect([...leader.heard.results.keys()]).toEqual([1, 2]);
    expect(leader.heard.refused.size).toBe(0);
  });

  test('that comes to nothing lets the leader go on with what waited', async () => {
    const cluster = new VirtualCluster();
    const leader = await cluster.elect();
    const other = otherThan(cluster, leader);
    cluster.cut(other);
    const answers = transfer(leader, other.id);
    await cluster.settle();
    leader.replica.propose(leader.batch(2));
    await cluster.pass(9);
    expect([answers, leader.heard.results.size]).toEqual([[], 0]);
    await cluster.pass(2);
    expect(answers).toEqual([{ kind: 'ended', outcome: 'timed-out' }]);
    expect(leader.heard.results.size).toBe(2);
  });

  test('that is refused says why, and one that a stop overtakes is of unknown outcome', async () => {
    const cluster = new VirtualCluster();
    const leader = await cluster.elect();
    const refused = transfer(leader, leader.id);
    await cluster.settle();
    expect(refused).toEqual([{ kind: 'refused', refusal: { code: 'already-leader' } }]);
    cluster.cut(leader);
    const waiting = transfer(leader);
    await cluster.settle();
    leader.replica.stop();
    expect([waiting, transfer(leader)]).toEqual([[{ kind: 'unknown' }], [{ kind: 'unknown' }]]);
  });
});

test('a change is looked at right before it is made, by what holds then', async () => {
  const cluster = new VirtualCluster();
  const leader = await cluster.elect();
  const answers: ChangeAnswer[] = [];
  const seen: number[][] = [];
  const demote = (member: MemberId): void =>
    leader.replica.changeMembership(
      [{ kind: 'demote', member }],
      (answer) => answers.push(answer),
      ({ configuration: { voters } }) => {
        seen.push([...voters]);
        return voters.length > 2;
      },
    );
  const [first, second] = cluster.followers.map((member) => member.id);
  for (const member of [first!, second!]) {
    demote(member);
    await cluster.pass(3);
  }
  const left = cluster.voters.filter((voter) => voter !== first);
  expect(answers).toEqual([{ kind: 'done' }, { kind: 'unsafe' }]);
  expect(seen).toEqual([[1, 2, 3], left]);
  expect(leader.heard.view!.voters).toEqual(left);
});
