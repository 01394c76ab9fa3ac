import type { MembersAnswer, NewMember } from '@env-cli/client';

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

/** `env-cli member add MEMBER ADDRESS [MEMBER ADDRESS]...`. */
export async function add(at: Invocation, members: readonly Required<NewMember>[]): Promise<void> {
  const [one, ...more] = members as [Required<NewMember>, ...Required<NewMember>[]];
  const answer = await withClient(at, ({ cluster }) =>
    more.length === 0 ? cluster.addMember(one) : cluster.changeMembers({ add: members }),
  );
  if (await printedAsData(at, answer)) return;
  const numbers = members.map(({ memberId }) => memberId);
  if (more.length > 0) {
    const next = one.learner
      ? "They stay learners until 'env-cli member promote' each."
      : "They vote once they have caught up: 'env-cli member list' shows it.";
    return await say(at.io, `Members ${inWords(numbers)} were added. ${next}`);
  }
  const next = one.learner
    ? `It stays a learner until 'env-cli member promote ${one.memberId}'.`
    : "It votes once it has caught up: 'env-cli member list' shows it.";
  await say(at.io, `Member ${one.memberId} was added. ${next}`);
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

/** `env-cli member remove MEMBER...`. */
export async function remove(at: Invocation, memberIds: readonly number[], force: string): Promise<void> {
  const [one, ...more] = memberIds as [number, ...number[]];
  const answer = await withClient(at, ({ cluster }) =>
    more.length === 0 ? cluster.removeMember(one, { force }) : cluster.changeMembers({ remove: memberIds }, { force }),
  );
  if (await printedAsData(at, answer)) return;
  const text =
    more.length === 0
      ? `Member ${one} was removed. Stop it; its number is not given again.`
      : `Members ${inWords(memberIds)} were removed. Stop them; their numbers are not given again.`;
  await say(at.io, text);
}

/** `env-cli cluster transfer-leader [MEMBER]`. */
export async function transfer(at: Invocation, memberId: number | null): Promise<void> {
  const answer = await withClient(at, (client) => client.cluster.transferLeader(memberId));
  if (await printedAsData(at, answer)) return;
  await say(at.io, `Member ${answer.leaderId} leads.`);
}

function inWords(numbers: readonly number[]): string {
  return new Intl.ListFormat('en').format(numbers.map(String));
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
