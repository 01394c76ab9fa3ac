import { type CommandBody, commandLevel } from '@env-cli/environments';
import { encodeUtf8 } from '@env-cli/support';

import type { Proposal } from '../member/member.ts';
import { defaultNamespace } from '../requests/names.ts';
import { onlyGroup } from '../tokens/read-token.ts';

export interface OwnProposalParts {
  /** Who proposes, in the log. */
  readonly principal: string;
  /** Defaults to {@link defaultNamespace}. */
  readonly namespace?: string;
  /** Why, in the history. Defaults to nothing. */
  readonly reason?: string;
}

/** A command that no caller asked for: a member proposes it of its own accord. */
export function ownProposal<Body extends CommandBody>(
  body: Body,
  { principal, namespace = defaultNamespace, reason = '' }: OwnProposalParts,
): Proposal & { readonly body: Body } {
  return {
    level: commandLevel(body),
    group: onlyGroup,
    namespace,
    principal,
    authorisationRevision: 0,
    session: null,
    reason: encodeUtf8(reason),
    body,
  };
}
