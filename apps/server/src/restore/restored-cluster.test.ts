import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { positionOf } from '@env-cli/environments';
import { readLive } from '@env-cli/keyspace';

import type { Member } from '../member/member.ts';
import type { OrderAnswer } from '../member/member-orders.ts';
import { eventually, Members, need, setting, soon } from '../member/testing/members.ts';
import { restoreMember } from './restore-member.ts';

let members: Members;
/** Two backups of one cluster, at revisions 1 and 2. */
let first: string;
let second: string;

beforeAll(async () => {
  members = await Members.create(3);
  await members.startAll();
  const leader = await members.leader();
  first = join(members.directory, 'first.backup');
  second = join(members.directory, 'second.backup');
  await leader.propose(setting('a', 'V', '1'), soon());
  await leader.backUp(first, { checked: true });
  const { appliedIndex } = await leader.propose(setting('a', 'V', '2'), soon());
  const follower = await members.follower();
  await follower.read(need('any', appliedIndex), () => undefined);
  await follower.backUp(second, { checked: true });
  await Promise.all([1, 2, 3].map((memberId) => members.stop(memberId)));
}, 60_000);
afterAll(() => members.close());

const dirOf = (memberId: number): string => join(members.directory, `restored-${memberId}`);

async function restore(memberId: number, from: string): Promise<void> {
  rmSync(dirOf(memberId), { recursive: true, force: true });
  const { members: list } = members.options(memberId).found!;
  await restoreMember({ from, dataDir: dirOf(memberId), memberId, members: list, mapBytes: 2 ** 28 });
}

const start = (memberId: number, signal?: AbortSignal): Promise<Member> =>
  members.start(memberId, { dataDir: dirOf(memberId), ...(signal === undefined ? {} : { signal }) });

const logged = (memberId: number, words: RegExp): Promise<string> =>
  eventually(() => members.logs.find((line) => line.startsWith(`${memberId} `) && words.test(line)) ?? null);

/** Asks until it is answered so. Jest's time limit bounds it. */
async function until<Kind extends OrderAnswer['kind']>(
  ask: () => Promise<OrderAnswer>,
  kind: Kind,
): Promise<Extract<OrderAnswer, { readonly kind: Kind }>> {
  for (;;) {
    const answer = await ask();
    if (answer.kind === kind) return answer as Extract<OrderAnswer, { readonly kind: Kind }>;
  }
}

function stateOf(member: Member) {
  return member.read(need('strong'), (tables) => {
    const [row] = tables.range('environments', { limit: 1 });
    const value = readLive('default', 'a', row!.value)!.variable('V')!.value;
    const { revision, epoch } = positionOf(tables);
    return {
      revision,
      epoch,
      told: member.identity.epoch,
      value: value.kind === 'plain' ? String.fromCharCode(...value.bytes) : '',
    };
  });
}

describe('members that were restored', () => {
  test('found their cluster with those of the same backup alone, and are one with one epoch then', async () => {
    await restore(1, first);
    await restore(2, first);
    await restore(3, second);
    const giveUp = new AbortController();
    const [one, two, other] = [start(1), start(2), start(3, giveUp.signal)];
    other.catch(() => undefined);
    await logged(1, /not formed yet: .*is of another cluster.*or from another backup/);
    giveUp.abort(new Error('the test has seen it'));
    await expect(other).rejects.toThrow('the test has seen it');

    await restore(3, first);
    const all = await Promise.all([one, two, start(3)]);
    const states = await Promise.all(all.map(stateOf));
    const { epoch } = states[0]!;
    expect(epoch).toBeGreaterThan(1_700_000_000_000 * 2 ** 11);
    for (const state of states) expect(state).toEqual({ revision: 1 + 2 ** 32, epoch, told: epoch, value: '1' });
  }, 60_000);

  test('go on beside a member of before that still runs, and do not let it in', async () => {
    await members.stop(3);
    await members.start(3, { found: null });
    await logged(1, /is of epoch 1 of cluster [0-9a-f]{32}, this is epoch \d+: one of the two was restored from a backup/);
    const [one, two] = members.running;
    const { result } = await one!.propose(setting('a', 'V', '5'), soon());
    expect(result).toEqual({ kind: 'applied', revision: 2 + 2 ** 32 });
    expect(await stateOf(two!)).toMatchObject({ value: '5' });
    // Nor did it stop: it may be the one that is wanted.
    expect(members.running).toHaveLength(3);
    expect(members.running[2]!.view().leaderId).toBeNull();
    await members.stop(3);
    expect(await stateOf(await start(3))).toMatchObject({ value: '5' });
  }, 60_000);

  test('that are restored once more from the same backup have a higher epoch', async () => {
    const before = await stateOf(members.running[0]!);
    await Promise.all([1, 2, 3].map((memberId) => members.stop(memberId)));
    const alone = join(members.directory, 'alone');
    const list = [{ memberId: 1, address: members.options(1).found!.members[0]!.address }];
    await restoreMember({ from: second, dataDir: alone, memberId: 1, members: list, mapBytes: 2 ** 28 });
    const member = await members.start(1, { dataDir: alone });
    const after = await stateOf(member);
    expect(after).toMatchObject({ revision: 2 + 2 ** 32, value: '2' });
    expect(after.epoch).toBeGreaterThan(before.epoch);

    // Its log begins with an entry that does not say what the backup held: who joins is sent a snapshot.
    const [founder] = list;
    const at = { memberId: 2, address: members.options(2).found!.members[1]!.address };
    const joining = members.start(2, { dataDir: dirOf(5), found: null, join: { members: [founder!, at] } });
    const greeted = await until(() => member.order({ kind: 'greet', ...at, withinMs: 1_000 }, soon()), 'greeted');
    const added = { ...at, diskId: greeted.diskId };
    const frame = setting('a', 'V', '2');
    await member.propose({ ...frame, body: { kind: 'add-member', member: added } }, soon());
    const changes = [{ kind: 'add' as const, member: 2 as never, as: 'joining' as const }];
    await until(() => member.order({ kind: 'change', changes }, soon()), 'done');
    const joined = await joining;
    await eventually(() => (joined.view().appliedIndex > 1 ? true : null));
    expect(await stateOf(joined)).toEqual({ ...after, told: after.epoch });
  }, 60_000);
});
