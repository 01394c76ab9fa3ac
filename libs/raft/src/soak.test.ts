import { expect, test } from '@jest/globals';

import type { Configuration } from './configuration.ts';
import { isJoint, membersOf } from './configuration.ts';
import type { MembershipChange } from './membership-change.ts';
import { Oracle } from './testing/oracle.ts';
import { randomOf } from './testing/random.ts';
import { TestCluster } from './testing/test-cluster.ts';
import type { TestMember } from './testing/test-member.ts';
import { configurationOf, memberId } from './testing/test-member.ts';

/** Some changes at once, of those that a configuration allows and now and then others. */
function randomChanges({ voters, learners }: Configuration, random: (bound: number) => number): MembershipChange[] {
  const anybody = () => memberId(1 + random(7));
  return Array.from({ length: 1 + random(3) }, (): MembershipChange => {
    const member = random(4) === 0 ? anybody() : ([...voters, ...learners][random(voters.length + learners.length)] ?? anybody());
    const dice = random(10);
    if (dice < 5) return { kind: 'add', member: anybody(), as: (['joining', 'learner', 'voter'] as const)[random(3)] ?? 'voter' };
    return { kind: dice < 7 ? 'promote' : dice < 8 ? 'demote' : 'remove', member };
  });
}

function soak(seed: number, steps: number, changing: boolean): Oracle {
  const random = randomOf(seed);
  const pick = <T>(list: readonly [T, ...T[]]): T => list[random(list.length)] ?? list[0];
  const chance = (oneIn: number) => random(oneIn) === 0;
  const ids = Array.from({ length: changing ? 7 : pick([3, 3, 3, 4, 5]) }, (_, at) => memberId(at + 1));
  const configuration = configurationOf(changing ? ids.slice(0, 1 + random(4)) : ids);
  const limits = {
    inflightMessagesMax: 1 + random(4),
    inflightBytesMax: 100 + random(500),
    appendBytesMax: 80 + random(300),
    cacheBytesMax: 100 + random(1000),
    applyingBytesMax: 80 + random(500),
    uncommittedBytesMax: 500 + random(1000),
    promotionTicks: 1 + random(20),
  };
  const cluster = new TestCluster(ids, () => ({ ...limits, random, configuration }));
  const oracle = new Oracle(cluster);
  const members = [...cluster.members.values()] as [TestMember, ...TestMember[]];
  const loss = pick([10, 30, 1000]);
  let text = 0;
  for (let at = 0; at < steps; at++) {
    const member = pick(members);
    const dice = random(100);
    if (changing && chance(12)) {
      const asked = chance(8) ? member : (cluster.leader() ?? member);
      if (chance(3)) asked.step({ kind: 'transfer', id: ++text, to: chance(3) ? null : pick(members).id });
      else asked.step({ kind: 'change-membership', id: ++text, changes: randomChanges(asked.status.configuration, random) });
    } else if (dice < 25) member.tick(1 + random(4));
    else if (dice < 70) {
      // Mostly in order, now and then not; now and then lost, or twice.
      for (let count = random(6); count > 0 && cluster.wire.length > 0; count--) {
        const which = chance(4) ? random(cluster.wire.length) : 0;
        const packet = cluster.wire[which];
        if (packet !== undefined && packet.snapshot === undefined && chance(20)) cluster.wire.push(packet);
        if (packet !== undefined && chance(loss)) cluster.lose(packet);
        else cluster.deliverOne(which);
      }
    } else if (dice < 78) oracle.propose(chance(2) ? member : (cluster.leader() ?? member), `${++text}`.padEnd(random(60), '.'));
    else if (dice < 82) oracle.askRead(member, ++text);
    else if (dice < 86) member.flush(1 + random(3));
    else if (dice < 88) {
      member.holdDisk = chance(2);
      if (!member.holdDisk) member.flush();
    } else if (dice < 90) {
      member.holdApply = chance(2);
      if (!member.holdApply) member.apply();
    } else if (dice < 92) {
      member.holdLoads = chance(2);
      if (!member.holdLoads) member.load();
    } else if (dice < 93) {
      member.restart(random(member.writes.length + 1), random(20));
    } else if (dice < 95) {
      const { appliedIndex, previousIndex } = member.status;
      if (appliedIndex > previousIndex && appliedIndex <= member.disk.previous.index + member.disk.entries.length)
        member.compact(appliedIndex);
    } else if (dice < 96) {
      const island = ids.filter(() => chance(2));
      cluster.cut((from, to) => island.includes(from) !== island.includes(to) || (chance(2) && chance(5)));
    } else if (dice < 98) cluster.heal();
    else if (dice < 99) member.step({ kind: 'unreachable', to: pick(members).id });
    else if (chance(5)) member.step({ kind: 'step-down' });
    cluster.collect();
  }
  healAndAgree(cluster, oracle);
  return oracle;
}

/** Once everything works again, a leader is elected, commits, and all come to the same state. */
function healAndAgree(cluster: TestCluster, oracle: Oracle): void {
  cluster.heal();
  const members = [...cluster.members.values()];
  for (const member of members) {
    member.holdDisk = member.holdApply = member.holdLoads = false;
    member.load();
    member.flush();
    member.apply();
  }
  // Whoever is a member at the end; and nobody is on the way to be one.
  const taking = () => {
    const { configuration, id } = (cluster.leader() ?? members[0]!).status;
    return isJoint(configuration) || configuration.learnersJoining.length > 0 || !configuration.voters.includes(id)
      ? []
      : members.filter((member) => membersOf(configuration).includes(member.id));
  };
  const agree = () => taking().length > 0 && taking().every((member) => member.appliedTexts.at(-1) === 'the last');
  let proposedIn = -1;
  for (let ticks = 0; ticks < 400; ticks++) {
    cluster.deliver();
    const leader = cluster.leader();
    // A reign that ends with it leaves its outcome unknown.
    if (leader !== undefined && leader.status.term !== proposedIn) {
      if (leader.propose('the last').some((effect) => effect.kind === 'proposed')) proposedIn = leader.status.term;
      cluster.deliver();
    }
    if (agree()) break;
    for (const member of members) member.tick();
  }
  const [first, ...others] = taking();
  expect(first?.appliedTexts.at(-1)).toBe('the last');
  for (const member of others) expect(member.state.applied).toEqual(first?.state.applied);
  expect(first?.state.applied.length).toBe(oracle.committed.size);
}

/** Plays seeds. Answers which kinds of events were seldom: a soak in which nothing happens proves nothing. */
function soakSeeds(seeds: number, steps: number, changing: boolean, kinds: readonly string[]): string[] {
  const seen = new Map<string, number>(kinds.map((kind) => [kind, 0]));
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      const oracle = soak(seed, steps, changing);
      for (const [what, count] of [...Object.entries(oracle.seen), ['committed', oracle.committed.size] as const]) {
        if (seen.has(what)) seen.set(what, (seen.get(what) ?? 0) + count);
      }
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  return kinds.filter((kind) => seen.get(kind)! < seeds / 2);
}

const always = ['readReady', 'installSnapshot', 'load', 'reign', 'proposalsLost', 'committed'];

test('members agree under loss, delay, doubling, partitions, slow disks, crashes and compaction, and come to life again', () => {
  expect(soakSeeds(60, 1200, false, [...always, 'overwritten'])).toEqual([]);
});

test('and so they do while members are added, promoted, demoted, removed and replaced, several at once, and hand over the lead', () => {
  expect(soakSeeds(60, 1200, true, [...always, 'change', 'transfer'])).toEqual([]);
});
