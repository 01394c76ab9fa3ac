import type { MemberId } from '@env-cli/raft';

import { type Member, MemberUnavailable, type MemberView } from '../member/member.ts';
import type { Log } from '../observability/log.ts';
import { ownProposal } from '../writes/own-proposal.ts';

export interface ReplacedMembersOptions {
  /** Milliseconds between two looks of a leader. Defaults to 500. */
  readonly lookIntervalMs?: number;
  readonly log: Pick<Log, 'info'>;
}

const lookIntervalMsDefault = 500;

/** How long a step may take; the next look tries it again. */
const stepTimeoutMs = 10_000;

/** What is left to do about a member in whose place another came. */
export interface ReplacedMember {
  readonly memberId: number;
  /** `remove`: it takes part still. `forget`: it does not, that is confirmed, and its number, disk and address can go, and so can its machine. */
  readonly step: 'remove' | 'forget';
}

/** The members in whose place others vote by now, and what is to be done about each. */
export function replacedMembers({
  members,
  configurationConfirmed,
}: Pick<MemberView, 'members' | 'configurationConfirmed'>): ReplacedMember[] {
  return members.flatMap(({ voter, replaces }): ReplacedMember[] => {
    const replaced = voter ? members.find(({ memberId }) => memberId === replaces) : undefined;
    if (replaced === undefined) return [];
    const { memberId, takesPart } = replaced;
    if (takesPart) return [{ memberId, step: 'remove' }];
    return configurationConfirmed ? [{ memberId, step: 'forget' }] : [];
  });
}

/**
 * Ends what `env-cli member replace` began. The core lets the new member in and the old one out with one change; whoever leads then forgets the old one. A
 * leader whose core did not know of the pair in time has let the new one in alone: then the old one is removed here.
 */
export class ReplacedMembers {
  readonly #member: Member;
  readonly #log: Pick<Log, 'info'>;
  readonly #looker: NodeJS.Timeout;
  #busy = false;

  constructor(member: Member, { lookIntervalMs = lookIntervalMsDefault, log }: ReplacedMembersOptions) {
    this.#member = member;
    this.#log = log;
    this.#looker = setInterval(() => void this.#look(), lookIntervalMs);
  }

  stop(): void {
    clearInterval(this.#looker);
  }

  async #look(): Promise<void> {
    const view = this.#member.view();
    if (view.role !== 'leader' || this.#busy) return;
    this.#busy = true;
    try {
      // One that is refused is in nobody's way: the next look tries it again.
      for (const replaced of replacedMembers(view)) await this.#end(replaced);
    } catch (error) {
      // Without a leader, or with one that stops, it is the next leader's to do.
      if (!(error instanceof MemberUnavailable)) throw error;
    } finally {
      this.#busy = false;
    }
  }

  async #end({ memberId, step }: ReplacedMember): Promise<void> {
    const deadline = performance.now() + stepTimeoutMs;
    if (step === 'remove') {
      await this.#member.order({ kind: 'change', changes: [{ kind: 'remove', member: memberId as MemberId }] }, deadline);
      return;
    }
    const principal = `member ${this.#member.identity.memberId}`;
    const proposal = ownProposal({ kind: 'remove-member', memberId }, { principal });
    const { result } = await this.#member.propose(proposal, deadline);
    if (result.kind === 'applied') this.#log.info({ member: memberId }, 'a member was replaced and is forgotten');
  }
}
