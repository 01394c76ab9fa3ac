import type { KeptResult, Revision } from '@env-cli/keyspace';
import { assert, ByteReader, ByteWriter, MalformedBytes, unreachable } from '@env-cli/support';

import { readRefusal, refusalCodes, writeRefusal } from './refusal-codec.ts';
import type { CommandResult } from './result.ts';

const resultKinds = ['applied', 'unchanged', 'refused', 'replayed'] as const satisfies CommandResult['kind'][];

/** Answers in the order of their numbers, as sessions keep them. */
const answers = ['applied', 'unchanged', ...refusalCodes] as const;

/** A result as bytes, to cross a thread or a wire: kind u8, then the revision, the refusal, or the revision and the kept answer u8. */
export function encodeResult(result: CommandResult): Uint8Array {
  const writer = new ByteWriter(32).u8(resultKinds.indexOf(result.kind));
  switch (result.kind) {
    case 'applied':
    case 'unchanged':
      return writer.varint(result.revision).take();
    case 'refused':
      writeRefusal(writer, result.refusal);
      return writer.take();
    case 'replayed':
      return writer.varint(result.revision).u8(answers.indexOf(result.answer)).take();
    default:
      return unreachable(result);
  }
}

/** Reads what {@link encodeResult} wrote. Throws `MalformedBytes`. */
export function decodeResult(bytes: Uint8Array): CommandResult {
  const reader = new ByteReader(bytes);
  const kind = resultKinds[reader.u8()];
  switch (kind) {
    case 'applied':
    case 'unchanged':
      return { kind, revision: reader.varint() as Revision };
    case 'refused':
      return { kind, refusal: readRefusal(reader) };
    case 'replayed': {
      const revision = reader.varint() as Revision;
      const answer = answers[reader.u8()];
      if (answer === undefined) throw new MalformedBytes('a kept answer that is not known');
      return { kind, revision, answer };
    }
    case undefined:
      throw new MalformedBytes('a result of an unknown kind');
    default:
      return unreachable(kind);
  }
}

/** What a session keeps of a result. */
export function keptOf(result: CommandResult, newest: Revision): KeptResult {
  assert(result.kind !== 'replayed', 'only what was executed is kept');
  if (result.kind === 'refused') return { code: answers.indexOf(result.refusal.code), revision: newest };
  return { code: answers.indexOf(result.kind), revision: result.revision };
}

/** The answer to a command that was executed before. */
export function replayOf(kept: KeptResult): CommandResult {
  const answer = answers[kept.code];
  assert(answer !== undefined, 'a kept result has a code that this version wrote or understands');
  return { kind: 'replayed', revision: kept.revision, answer };
}
