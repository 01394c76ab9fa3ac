import type { MemberView } from './member.ts';

type Peer = MemberView['members'][number];

/** Who the members are and how they take part, as one line for people. The last part is left out while this member is connected to all. */
export function membersText({ members }: Pick<MemberView, 'members'>): string {
  const listed = (included: (member: Peer) => boolean): string => {
    const numbers = members.filter(included).map(({ memberId }) => memberId);
    return numbers.length === 0 ? 'none' : numbers.toSorted((a, b) => a - b).join(', ');
  };
  const parts = [
    `members that vote: ${listed(({ voter }) => voter)}`,
    `that learn: ${listed(({ voter, takesPart }) => takesPart && !voter)}`,
    `that take no part: ${listed(({ takesPart }) => !takesPart)}`,
  ];
  if (members.some(({ connected }) => !connected)) parts.push(`not connected: ${listed(({ connected }) => !connected)}`);
  return parts.join('; ');
}
