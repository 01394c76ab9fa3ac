import { assert } from '@env-cli/support';

import type { RaftOptions } from './door.ts';

/** The numbers of {@link RaftOptions}, each with its value. */
export type Limits = Required<Omit<RaftOptions, 'id' | 'random'>>;

const mebibyte = 1024 * 1024;

/** Fills in the defaults that door.ts documents. */
export function limitsOf(options: RaftOptions): Limits {
  const limits = {
    electionTicks: options.electionTicks ?? 10,
    heartbeatTicks: options.heartbeatTicks ?? 1,
    inflightMessagesMax: options.inflightMessagesMax ?? 256,
    inflightBytesMax: options.inflightBytesMax ?? 8 * mebibyte,
    appendBytesMax: options.appendBytesMax ?? mebibyte,
    entryBytesMax: options.entryBytesMax ?? 4 * mebibyte,
    uncommittedBytesMax: options.uncommittedBytesMax ?? 32 * mebibyte,
    applyingBytesMax: options.applyingBytesMax ?? 16 * mebibyte,
    cacheBytesMax: options.cacheBytesMax ?? 64 * mebibyte,
    promotionTicks: options.promotionTicks ?? 30,
    membersMax: options.membersMax ?? 32,
    readsWaitingMax: options.readsWaitingMax ?? 4096,
  };
  for (const value of Object.values(limits))
    assert(Number.isSafeInteger(value) && value > 0, 'every limit is a positive integer');
  assert(limits.electionTicks > limits.heartbeatTicks, 'a leader beats more than once in an election timeout');
  return limits;
}
