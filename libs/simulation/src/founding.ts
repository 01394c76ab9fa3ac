import { defaultLimits, encodeCommand, encodeEntryData, featureLevelMax, StateMachine } from '@env-cli/environments';
import { type MemberIdentity, MemoryTables } from '@env-cli/keyspace';
import type { MemberId } from '@env-cli/raft';

/** Who a member is, as the state has it. */
export function identityOf(memberId: MemberId): MemberIdentity {
  return { memberId, diskId: diskIdOf(memberId), address: `member-${memberId}:1` };
}

/** Of the disk of a member, and of every copy of it. */
export function diskIdOf(member: MemberId): Uint8Array {
  return new Uint8Array(16).fill(member);
}

/** The state that every member of a run begins with: the cluster is founded, by entry 1 of term 1. */
export function foundingTables(members: readonly MemberId[]): MemoryTables {
  const tables = new MemoryTables();
  const command = encodeCommand({
    level: 1,
    group: 1,
    namespace: 'default',
    principal: 'simulated',
    authorisationRevision: 0,
    requestId: { member: 1, startNonce: 0, counter: 0 },
    session: null,
    reason: new Uint8Array(),
    body: {
      kind: 'bootstrap',
      clusterId: new Uint8Array(16).fill(7),
      members: members.map(identityOf),
      hashKey: new Uint8Array(32).fill(9),
      featureLevel: featureLevelMax,
      limits: defaultLimits,
    },
  });
  const data = encodeEntryData({ stampMs: 1_700_000_000_000, deltaMs: 0, commands: [command] });
  const transaction = new StateMachine().begin(tables);
  transaction.apply({ index: 1, term: 1, kind: 'command', data });
  transaction.finish();
  return tables;
}
