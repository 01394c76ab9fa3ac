import type { ResponseHeader } from '@env-cli/wire';

import { revisionOf } from './revision.ts';

/** What every answer says of the state that it came from. */
export interface Header {
  /** The newest revision of that state. */
  readonly revision: number;
  /** Opaque and URL-safe: passing it with a later read, by this client or another, shows at least this state. */
  readonly token: string;
  /** The member that answered. */
  readonly memberId: number;
  /** Where the leader serves, as far as that member knows; empty when it knows of none. */
  readonly leaderAddress: string;
}

export function headerOf(header: ResponseHeader | undefined): Header {
  if (header === undefined) return { revision: 0, token: '', memberId: 0, leaderAddress: '' };
  const { revision, token, memberId, leaderAddress } = header;
  return { revision: revisionOf(revision), token, memberId: revisionOf(memberId), leaderAddress };
}
