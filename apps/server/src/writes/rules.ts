import type { CommandBody } from '@env-cli/environments';

import type { Proposal } from '../member/member.ts';

export function levelOf(_body: CommandBody): number {
  return 1;
}

export function checkProposal(_proposal: Proposal): void {}
