import { type CommandBody, type Keyring as KeyringRow, readKeyring } from '@env-cli/environments';

import type { Applied, Member } from '../member/member.ts';
import { defaultNamespace } from '../requests/names.ts';
import { ownProposal } from '../writes/own-proposal.ts';

/** How long a command of the keyring may wait to be proposed. */
const proposalTimeoutMs = 5_000;

/** Who proposes, in the log. */
const principal = 'keys of secrets';

/** Proposes a command that looks after keys or sealed values. */
export function proposeKeys(member: Member, body: CommandBody, namespace: string = defaultNamespace): Promise<Applied> {
  return member.propose(ownProposal(body, { principal, namespace }), performance.now() + proposalTimeoutMs);
}

/** The keys as this member's state has them; null before there are any. */
export function readKeyringHere(member: Member): Promise<KeyringRow | null> {
  return member.read(hereSoon(), readKeyring);
}

/** A read of what this member has. */
export function hereSoon() {
  return { freshness: { kind: 'any' }, appliedIndex: 0, deadline: performance.now() + proposalTimeoutMs } as const;
}
