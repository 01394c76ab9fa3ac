import { encodeCommand, type Limits, refusalOfCommand, type VariableInput, type WriteBody } from '@env-cli/environments';

import { Refused } from '../errors/refused.ts';
import type { Proposal } from '../member/member.ts';

/** Refuses, before it is proposed, what apply would refuse whatever the state is. */
export function checkProposal(proposal: Proposal, limits: Limits): void {
  const refusal = refusalOfCommand(proposal, bytesOf(proposal, limits), limits);
  if (refusal !== null) throw new Refused(refusal);
}

/** The longest that the parts of a command may be beside names, values and texts, each. */
const partBytesMax = 64;

/** The length of a command; where it is certainly far below every limit, no less than that. Encoding it only to measure it would cost more than the rest of the call. */
function bytesOf(proposal: Proposal, limits: Limits): number {
  const { body } = proposal;
  if (body.kind === 'write') {
    const atMost = atMostBytesOf(body);
    if (atMost <= limits.writeBytesMax) return atMost;
  }
  return encodeCommand({ ...proposal, requestId: { member: 0, startNonce: 0, counter: 0 } }).length;
}

/** Names and labels are counted in characters: one that is not ASCII is refused for that anyway. */
function atMostBytesOf({ conditions, operations }: WriteBody): number {
  let bytes = 8 * 1_024;
  for (const condition of conditions) {
    bytes += partBytesMax + condition.environment.length;
    if ('variable' in condition) bytes += condition.variable.length;
    if ('value' in condition) bytes += condition.value?.length ?? 0;
  }
  for (const operation of operations) {
    bytes += partBytesMax + operation.environment.length;
    if ('description' in operation) bytes += operation.description.length;
    if ('labels' in operation) for (const { key, value } of operation.labels) bytes += partBytesMax + key.length + value.length;
    if (operation.kind === 'label') {
      for (const { key, value } of operation.set) bytes += partBytesMax + key.length + value.length;
      for (const key of operation.remove) bytes += partBytesMax + key.length;
    }
    if (operation.kind === 'unset') for (const name of operation.variables) bytes += partBytesMax + name.length;
    else if ('variables' in operation) for (const input of operation.variables) bytes += bytesOfInput(input);
  }
  return bytes;
}

function bytesOfInput({ name, value, comment }: VariableInput): number {
  return 2 * partBytesMax + name.length + (value?.bytes.length ?? 0) + (comment?.length ?? 0);
}
