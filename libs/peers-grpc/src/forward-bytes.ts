import type { Term } from '@env-cli/raft';
import { type Forward, type ForwardAnswer, forwardRefusedCodes } from '@env-cli/replica';
import { ByteReader, ByteWriter, MalformedBytes } from '@env-cli/support';

/** A command takes at least so many bytes here, whatever it is. */
const commandBytesMin = 4;

/** A command's remaining time on the wire is a whole number of milliseconds, at most this: about 50 days. */
const remainingMsMax = 2 ** 32 - 1;

/** More rows than any entry may have; larger numbers would not fit their array. */
const rowsMax = 2 ** 32 - 1;

/** {id, term, count, then for each command its counter, remaining milliseconds, rows and length; then their bytes}. */
export function encodeForward(forward: Forward, nowMs: number): Uint8Array {
  const { id, term, batch } = forward;
  const writer = new ByteWriter(batch.bytes.length + batch.counters.length * 24 + 32);
  writer.varint(id).varint(term).varint(batch.counters.length);
  let start = 0;
  for (const [place, end] of batch.ends.entries()) {
    const remainingMs = Math.min(remainingMsMax, Math.max(0, Math.floor(batch.deadlinesMs[place]! - nowMs)));
    writer
      .varint(batch.counters[place]!)
      .varint(remainingMs)
      .varint(batch.rows[place]!)
      .varint(end - start);
    start = end;
  }
  return writer.raw(batch.bytes).take();
}

/** Throws {@link MalformedBytes}. The commands' bytes are a view on what is read. */
export function decodeForward(bytes: Uint8Array, nowMs: number, commandsMax: number): Forward {
  const reader = new ByteReader(bytes);
  const id = reader.varint();
  const term = reader.varint() as Term;
  const count = reader.varint();
  if (count > commandsMax || count * commandBytesMin > reader.remaining) {
    throw new MalformedBytes(`${count} commands in ${reader.remaining} bytes, and at most ${commandsMax} go together`);
  }
  const counters = new Float64Array(count);
  const deadlinesMs = new Float64Array(count);
  const rows = new Uint32Array(count);
  const ends = new Uint32Array(count);
  let end = 0;
  for (let place = 0; place < count; place++) {
    counters[place] = reader.varint();
    deadlinesMs[place] = nowMs + reader.varint();
    rows[place] = Math.min(rowsMax, reader.varint());
    end += reader.varint();
    if (end > bytes.length) throw new MalformedBytes('commands that are longer than their frame');
    ends[place] = end;
  }
  const commands = reader.raw(end);
  reader.end();
  return { id, term, batch: { counters, deadlinesMs, rows, ends, bytes: commands } };
}

export function encodeForwardAnswer({ id, accepted, code }: ForwardAnswer): Uint8Array {
  return new ByteWriter(32)
    .varint(id)
    .varint(accepted)
    .u8(code === null ? 0 : 1 + forwardRefusedCodes.indexOf(code))
    .take();
}

/** Throws {@link MalformedBytes}. */
export function decodeForwardAnswer(bytes: Uint8Array): ForwardAnswer {
  const reader = new ByteReader(bytes);
  const id = reader.varint();
  const accepted = reader.varint();
  const code = reader.u8();
  const refused = code === 0 ? null : forwardRefusedCodes[code - 1];
  if (refused === undefined) throw new MalformedBytes(`no answer to a forward has the code ${code}`);
  reader.end();
  return { id, accepted, code: refused };
}
