import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { positionOf } from '@env-cli/environments';
import { type MemoryTables, readMembers } from '@env-cli/keyspace';
import { spool } from '@env-cli/store-lmdb';

import { setting, soon } from '../member/testing/members.ts';
import { positionOfTables } from '../member/position-of-tables.ts';
import { TwinMember } from '../testing/twin-member.ts';
import { examineFetched, StateUnfit, type StateWanted } from './fetched-state.ts';

let folder: string;
let path: string;
let member: TwinMember;
let wanted: StateWanted;

beforeAll(async () => {
  member = TwinMember.alone();
  for (let i = 0; i < 10; i++) await member.propose(setting(`shop/${i % 3}`, `V${i}`, `value ${i}`), soon());
  const { clusterId, epoch } = positionOf(member.tables);
  const [own] = readMembers(member.tables);
  const { memberId, diskId } = own!;
  wanted = { clusterId: clusterId!, epoch, memberId, diskId, from: 2, indexMin: 1, repairedIndex: 0 };
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-fetched-'));
  path = join(folder, 'spool');
});
afterEach(() => rmSync(folder, { recursive: true }));

async function copied(tables: MemoryTables = member.tables): Promise<void> {
  await spool(path, tables, { clusterId: wanted.clusterId, position: positionOfTables(tables), backup: null });
}

async function refusal(changes: Partial<StateWanted> = {}): Promise<string> {
  return examineFetched(path, { ...wanted, ...changes }).then(
    () => 'none',
    (error: unknown) => {
      if (!(error instanceof StateUnfit)) throw error;
      return error.message;
    },
  );
}

describe('a state that was fetched', () => {
  test('is taken with where it stands, when nothing is wrong with it', async () => {
    await copied();
    const { appliedIndex, appliedTerm, revision } = positionOf(member.tables);
    expect(await examineFetched(path, wanted)).toEqual({
      index: appliedIndex,
      term: appliedTerm,
      revision,
      alarm: null,
      members: readMembers(member.tables),
    });
  });

  test.each<[string, Partial<StateWanted>, RegExp]>([
    ['of another cluster', { clusterId: new Uint8Array(16).fill(9) }, /it is of cluster/],
    ['of another epoch', { epoch: 77 }, /it is of epoch 1, and this member of epoch 77/],
    [
      'that is older than what the log begins with',
      { indexMin: 1_000 },
      /ends at log index \d+, and this member needs one that reaches 1000/,
    ],
    ['in which the member is none any more', { memberId: 9 }, /member 9 is no member of the cluster in it/],
    ['that knows the member with another disk', { diskId: new Uint8Array(16).fill(9) }, /with another disk/],
  ])('%s is not used', async (_what, changes, why) => {
    await copied();
    expect(await refusal(changes)).toMatch(why);
  });

  test('whose rows do not have the hashes that were kept of them is not used: that disk rots too', async () => {
    const tables: MemoryTables = member.tables.clone();
    tables.remove('environments', tables.range('environments', { limit: 1 })[0]!.key);
    await copied(tables);
    expect(await refusal()).toContain('its rows of environments do not have the hashes that member 2 kept of them');
  });

  test('with any of a hundred bytes changed, or cut off, is not used', async () => {
    await copied();
    const bytes = readFileSync(path);
    for (let place = 0; place < 100; place++) {
      const at = Math.floor((place / 100) * bytes.length);
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 0x10;
      for (const damaged of [changed, bytes.subarray(0, at)]) {
        writeFileSync(path, damaged);
        expect(await refusal()).not.toBe('none');
      }
    }
  });

  test('says what the alarm about the member is; one that a repair has answered is none', async () => {
    const accused = TwinMember.alone();
    const { memberId } = wanted;
    const body = { kind: 'raise-alarm', alarm: 'state-rotten', member: memberId, index: 5 } as const;
    await accused.propose({ ...setting('a', 'V', '1'), body }, soon());
    const { clusterId } = positionOf(accused.tables);
    const [own] = readMembers(accused.tables);
    const of = { ...wanted, clusterId: clusterId!, diskId: own!.diskId, from: 2 };
    await spool(path, accused.tables, { clusterId: of.clusterId, position: positionOfTables(accused.tables), backup: null });
    expect(await examineFetched(path, of)).toMatchObject({ alarm: { kind: 'state-rotten', member: memberId, index: 5 } });
    expect(await examineFetched(path, { ...of, repairedIndex: 5 })).toMatchObject({ alarm: null });
    // Nobody takes a state from whom an alarm is about that says nothing better of itself.
    expect(await refusal({ ...of, from: memberId })).toContain('holds something else than the majority');
  });
});
