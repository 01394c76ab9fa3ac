import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

/**
 * How far a delivery has come, from best to worst:
 *
 * - `SYNCED`: the target holds it.
 * - `PENDING`: it waits to be delivered.
 * - `UNSYNCED`: the target differs, and the mirror's policy is to leave that.
 * - `BLOCKED_BY_POLICY`: a rule forbids it: somebody else's key, the delete brake, a name or value that the target cannot hold.
 * - `SOURCE_ERROR`: what is to be delivered could not be read.
 * - `TARGET_ERROR`: the target refused or failed.
 * - `INTERNAL_ERROR`: a fault of ours.
 */
export const deliveryStates = [
  'SYNCED',
  'PENDING',
  'UNSYNCED',
  'BLOCKED_BY_POLICY',
  'SOURCE_ERROR',
  'TARGET_ERROR',
  'INTERNAL_ERROR',
] as const;

export type DeliveryState = (typeof deliveryStates)[number];

/** A state and the reason for it, without any value. The reason is empty for what is in order. */
export interface StateWithReason {
  readonly state: DeliveryState;
  readonly reason: string;
}

/** One variable at a target. */
export interface VariableStatus extends StateWithReason {
  readonly variable: string;
}

/** One environment at a target. */
export interface DeliveryStatus extends StateWithReason {
  /** Variables that need a word, sorted by name. */
  readonly variables: readonly VariableStatus[];
  /** How every variable stands that is not listed. */
  readonly others: StateWithReason;
}

/** Everything is at the target. */
export const synced: DeliveryStatus = {
  state: 'SYNCED',
  reason: '',
  variables: [],
  others: { state: 'SYNCED', reason: '' },
};

/** The status of an environment whose variables all stand alike. */
export function statusOfAll(state: DeliveryState, reason: string): DeliveryStatus {
  return { state, reason, variables: [], others: { state, reason } };
}

/** The worse of two states. */
export function worse(a: DeliveryState, b: DeliveryState): DeliveryState {
  return deliveryStates.indexOf(a) >= deliveryStates.indexOf(b) ? a : b;
}

/** Bytes of a status that is kept in the cluster. Variables beyond it are counted in the status, and not listed. */
const statusBytesMax = 48 * 1024;

/** Characters of a reason that is kept. What a target says can be long. */
const reasonCharactersMax = 500;

const formatNumber = 1;

/** A status as bytes of at most 48 KiB, as the cluster keeps it. */
export function encodeStatus(status: DeliveryStatus): Uint8Array {
  const head = writeState(writeState(new ByteWriter().u8(formatNumber), status), status.others).take();
  const listed: Uint8Array[] = [];
  let room = statusBytesMax - head.length;
  for (const variable of status.variables) {
    const bytes = writeState(new ByteWriter().text(variable.variable), variable).take();
    room -= bytes.length;
    if (room < 0) break;
    listed.push(bytes);
  }
  const writer = new ByteWriter()
    .raw(head)
    .varint(listed.length)
    .varint(status.variables.length - listed.length);
  for (const bytes of listed) writer.raw(bytes);
  return writer.take();
}

/** Reads what {@link encodeStatus} wrote. Throws `MalformedBytes`. */
export function decodeStatus(bytes: Uint8Array): DeliveryStatus {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== formatNumber) throw new MalformedBytes('a status of a format that is not known');
  const { state, reason } = readState(reader);
  const others = readState(reader);
  const listed = reader.varint();
  const unlisted = reader.varint();
  const variables: VariableStatus[] = [];
  for (let i = 0; i < listed; i++) variables.push({ variable: reader.text(), ...readState(reader) });
  reader.end();
  if (unlisted === 0) return { state, reason, variables, others };
  // Which ones they were is lost: so none of those that are not listed may pass for being in order.
  return { state, reason, variables, others: { state, reason: `${reason} (and ${unlisted} variables more)` } };
}

function writeState(writer: ByteWriter, { state, reason }: StateWithReason): ByteWriter {
  return writer.u8(deliveryStates.indexOf(state)).text(reason.slice(0, reasonCharactersMax));
}

function readState(reader: ByteReader): StateWithReason {
  const state = deliveryStates[reader.u8()];
  if (state === undefined) throw new MalformedBytes('a delivery state that is not known');
  return { state, reason: reader.text() };
}
