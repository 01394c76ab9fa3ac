import type { MembersAnswer } from '@env-cli/client';

import { withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { printedAsData } from '../structured.ts';
import { cell, table, type Column } from '../table.ts';

const columns: readonly Column[] = [
  { title: 'MEMBER', align: 'right' },
  { title: 'API' },
  { title: 'PEERS' },
  { title: 'ROLE' },
  { title: 'CONNECTED' },
];

/** `env-cli member list`. */
export async function list(at: Invocation): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.members());
  if (!(await printedAsData(at, answer))) await printMembers(at, answer);
}

/** `env-cli member add MEMBER ADDRESS`. */
export async function add(
  at: Invocation,
  member: { readonly memberId: number; readonly peerAddress: string; readonly learner: boolean },
): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.addMember(member));
  if (await printedAsData(at, answer)) return;
  const next = member.learner
    ? `It stays a learner until 'env-cli member promote ${member.memberId}'.`
    : "It votes once it has caught up: 'env-cli member list' shows it.";
  await say(at.io, `Member ${member.memberId} was added. ${next}`);
}

/** `env-cli member replace MEMBER NEW-MEMBER ADDRESS`. */
export async function replace(
  at: Invocation,
  replaced: { readonly memberId: number; readonly newMemberId: number; readonly peerAddress: string },
): Promise<void> {
  const { memberId, newMemberId } = replaced;
  const answer = await withClient(at, (client) => client.cluster.replaceMember(replaced));
  if (await printedAsData(at, answer)) return;
  const next = `Member ${memberId} goes when member ${newMemberId} has caught up and votes: 'env-cli member list' shows it.`;
  await say(at.io, `Member ${newMemberId} was added in the place of member ${memberId}. ${next}`);
}

/** `env-cli member promote MEMBER`. */
export async function promote(at: Invocation, memberId: number): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.promoteMember(memberId));
  if (!(await printedAsData(at, answer))) await say(at.io, `Member ${memberId} votes.`);
}

/** `env-cli member remove MEMBER`. */
export async function remove(at: Invocation, memberId: number, force: string): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.removeMember(memberId, { force }));
  if (await printedAsData(at, answer)) return;
  await say(at.io, `Member ${memberId} was removed. Stop it; its number is not given again.`);
}

/** `env-cli cluster transfer-leader [MEMBER]`. */
export async function transfer(at: Invocation, memberId: number | null): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.transferLeader(memberId));
  if (await printedAsData(at, answer)) return;
  await say(at.io, `Member ${answer.leaderId} leads.`);
}

async function printMembers(at: Invocation, { members }: MembersAnswer): Promise<void> {
  const rows = members.map(({ memberId, apiAddress, peerAddress, role, connected, replaces }) => [
    String(memberId),
    cell(apiAddress),
    cell(peerAddress),
    replaces === 0 ? role : `${role}, replaces ${replaces}`,
    connected ? 'yes' : at.style.red('no'),
  ]);
  await print(at.io, table(columns, rows, at));
}
