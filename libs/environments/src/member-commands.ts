import { encodeRoster, type MemberIdentity, readRoster, type StateTransaction } from '@env-cli/keyspace';
import { equalBytes, unreachable } from '@env-cli/support';

import type { CommandBody } from './command.ts';
import { memberIdStepMax, membersMax } from './limits.ts';
import type { Refusal } from './refusal.ts';
import type { CommandResult } from './result.ts';

type Bodies = Extract<CommandBody, { readonly kind: 'add-member' | 'remove-member' }>;

/**
 * Keeps who the members are: number, disk, address. Who of them votes is raft's own configuration, which is changed after a member is added here, and
 * before one is removed.
 */
export class MemberCommands {
  readonly #transaction: StateTransaction;

  constructor(transaction: StateTransaction) {
    this.#transaction = transaction;
  }

  apply(body: Bodies): CommandResult {
    switch (body.kind) {
      case 'add-member':
        return this.#add(body.member);
      case 'remove-member':
        return this.#remove(body.memberId);
      default:
        return unreachable(body);
    }
  }

  #add({ memberId, diskId, address }: MemberIdentity): CommandResult {
    const { revision } = this.#transaction.progress;
    const { members, memberIdLast } = readRoster(this.#transaction.tables);
    const known = members.find((member) => member.memberId === memberId);
    // Asked for again: the first answer may have been lost.
    if (known !== undefined && equalBytes(known.diskId, diskId) && known.address === address)
      return { kind: 'unchanged', revision };
    if (memberId <= memberIdLast) return refused({ code: 'member-number-used', memberId, next: memberIdLast + 1 });
    const idMax = memberIdLast + memberIdStepMax;
    if (memberId > idMax) return refused({ code: 'invalid', field: 'member_id', problem: `must be at most ${idMax}` });
    const copied = members.find((member) => equalBytes(member.diskId, diskId));
    if (copied !== undefined) {
      const problem = `is that of member ${copied.memberId}: a data directory is not copied for another member`;
      return refused({ code: 'invalid', field: 'disk_id', problem });
    }
    const same = members.find((member) => member.address === address);
    if (same !== undefined) return refused({ code: 'member-address-used', address, memberId: same.memberId });
    if (members.length >= membersMax) return refused({ code: 'too-many-members', max: membersMax });
    // The arrays are views on the entry, which lives no longer than its transaction.
    const added = { memberId, diskId: diskId.slice(), address };
    this.#transaction.putMeta('members', encodeRoster({ members: [...members, added], memberIdLast: memberId }));
    return { kind: 'applied', revision };
  }

  #remove(memberId: number): CommandResult {
    const { revision } = this.#transaction.progress;
    const { members, memberIdLast } = readRoster(this.#transaction.tables);
    const left = members.filter((member) => member.memberId !== memberId);
    if (left.length === members.length) return { kind: 'unchanged', revision };
    this.#transaction.putMeta('members', encodeRoster({ members: left, memberIdLast }));
    return { kind: 'applied', revision };
  }
}

function refused(refusal: Refusal): CommandResult {
  return { kind: 'refused', refusal };
}
