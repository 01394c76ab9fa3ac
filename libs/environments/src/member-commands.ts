import { encodeRoster, type MemberIdentity, readRoster, type StateTransaction } from '@env-cli/keyspace';
import { equalBytes, unreachable } from '@env-cli/support';

import type { CommandBody } from './command.ts';
import { memberIdStepMax, membersMax } from './limits.ts';
import type { Refusal } from './refusal.ts';
import type { CommandResult } from './result.ts';

type Bodies = Extract<CommandBody, { readonly kind: 'add-member' | 'replace-member' | 'remove-member' }>;

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
        return this.#add(body.member, null);
      case 'replace-member':
        return this.#add(body.member, body.replaces);
      case 'remove-member':
        return this.#remove(body.memberId);
      default:
        return unreachable(body);
    }
  }

  /** `replaces`: who goes when it has become a voter; null: nobody. */
  #add({ memberId, diskId, address }: MemberIdentity, replaces: number | null): CommandResult {
    const { revision } = this.#transaction.progress;
    const { members, memberIdLast, replacements } = readRoster(this.#transaction.tables);
    const known = members.find((member) => member.memberId === memberId);
    // Asked for again: the first answer may have been lost, and whoever goes may be gone and forgotten since.
    const isOver = replaces === null || replacements.get(memberId) === replaces || wasForgotten(replaces, members, memberIdLast);
    if (known !== undefined && equalBytes(known.diskId, diskId) && known.address === address && isOver)
      return { kind: 'unchanged', revision };
    if (memberId <= memberIdLast) return refused({ code: 'member-number-used', memberId, next: memberIdLast + 1 });
    const idMax = memberIdLast + memberIdStepMax;
    if (memberId > idMax) return refused({ code: 'invalid', field: 'member_id', problem: `must be at most ${idMax}` });
    const copied = members.find((member) => equalBytes(member.diskId, diskId));
    if (copied !== undefined) {
      const problem = `is that of member ${copied.memberId}: a data directory is not copied for another member`;
      return refused({ code: 'invalid', field: 'disk_id', problem });
    }
    if (replaces !== null) {
      const problem = problemOfReplaced(replaces, members, replacements);
      if (problem !== null) return refused({ code: 'invalid', field: 'replaces', problem });
    }
    // Who goes may have been at the very place.
    const same = members.find((member) => member.address === address && member.memberId !== replaces);
    if (same !== undefined) return refused({ code: 'member-address-used', address, memberId: same.memberId });
    if (members.length >= membersMax) return refused({ code: 'too-many-members', max: membersMax });
    // The arrays are views on the entry, which lives no longer than its transaction.
    const added = { memberId, diskId: diskId.slice(), address };
    const pairs = new Map(replacements);
    if (replaces !== null) pairs.set(memberId, replaces);
    this.#transaction.putMeta(
      'members',
      encodeRoster({ members: [...members, added], memberIdLast: memberId, replacements: pairs }),
    );
    return { kind: 'applied', revision };
  }

  #remove(memberId: number): CommandResult {
    const { revision } = this.#transaction.progress;
    const { members, memberIdLast, replacements } = readRoster(this.#transaction.tables);
    const left = members.filter((member) => member.memberId !== memberId);
    if (left.length === members.length) return { kind: 'unchanged', revision };
    const pairs = new Map([...replacements].filter((pair) => !pair.includes(memberId)));
    this.#transaction.putMeta('members', encodeRoster({ members: left, memberIdLast, replacements: pairs }));
    return { kind: 'applied', revision };
  }
}

/** Whether a number was a member's, and is not any more. */
function wasForgotten(memberId: number, members: readonly MemberIdentity[], memberIdLast: number): boolean {
  return memberId <= memberIdLast && !members.some((member) => member.memberId === memberId);
}

/** Why nobody can come in the place of a member; null when somebody can. */
function problemOfReplaced(
  replaced: number,
  members: readonly MemberIdentity[],
  replacements: ReadonlyMap<number, number>,
): string | null {
  if (!members.some(({ memberId }) => memberId === replaced)) return `names member ${replaced}, which the cluster does not have`;
  for (const [comes, goes] of replacements) {
    if (goes === replaced) return `names member ${replaced}, in whose place member ${comes} comes already`;
    if (comes === replaced) return `names member ${replaced}, which comes in the place of member ${goes} and does not vote yet`;
  }
  return null;
}

function refused(refusal: Refusal): CommandResult {
  return { kind: 'refused', refusal };
}
