import { featureLevelMax } from '@env-cli/environments';

import type { MemberView } from '../member/member.ts';

export type Peer = MemberView['members'][number];

/** A member as another one sees it: a voter that runs the present program, but for `parts`. */
export function peer(memberId: number, parts: Partial<Peer> = {}): Peer {
  return {
    memberId,
    peerAddress: `127.0.0.1:${memberId}`,
    apiAddress: null,
    voter: true,
    takesPart: true,
    replaces: null,
    connected: true,
    featureLevelMax,
    ...parts,
  };
}
