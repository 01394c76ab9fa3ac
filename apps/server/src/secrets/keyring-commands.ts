import { type CommandBody, commandLevel, type Keyring as KeyringRow, readKeyring } from '@env-cli/environments';

import type { Applied, Member } from '../member/member.ts';
import { defaultNamespace } from '../requests/names.ts';
import { onlyGroup } from '../tokens/read-token.ts';

/** How long a command of the keyring may wait to be proposed. */
const proposalTimeoutMs = 5_000;

/** Who proposes, in the log. */
const principal = 'keyring';

/** Proposes a command that looks after keys or sealed values. */
export function proposeKeys(member: Member, body: CommandBody, namespace: string = defaultNamespace): Promise<Applied> {
  return member.propose(
    {
      level: commandLevel(body),
      group: onlyGroup,
      namespace,
      principal,
      authorisationRevision: 0,
      session: null,
      reason: new Uint8Array(),
      body,
    },
    performance.now() + proposalTimeoutMs,
  );
}

/** The keys as this member's state has them; null before there are any. */
export function readKeyringHere(member: Member): Promise<KeyringRow | null> {
  return member.read(hereSoon(), readKeyring);
}

/** A read of what this member has. */
export function hereSoon() {
  return { freshness: { kind: 'any' }, appliedIndex: 0, deadline: performance.now() + proposalTimeoutMs } as const;
}
