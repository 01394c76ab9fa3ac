import { MemberRole } from '@env-cli/wire';

import type { MemberView } from '../member/member.ts';

/** What a member is to the cluster, on the wire. */
export const roles: Readonly<Record<MemberView['role'], MemberRole>> = {
  leader: MemberRole.LEADER,
  follower: MemberRole.FOLLOWER,
  candidate: MemberRole.CANDIDATE,
  learner: MemberRole.LEARNER,
};

/** What a member is, as another one sees it. */
export function roleOf(peer: MemberView['members'][number], view: MemberView): MemberRole {
  if (peer.memberId === view.memberId) return roles[view.role];
  if (peer.memberId === view.leaderId) return MemberRole.LEADER;
  return peer.voter ? MemberRole.FOLLOWER : MemberRole.LEARNER;
}
