import { crc32 } from 'node:zlib';
import type { Index, SnapshotHeader, Term } from '@env-cli/raft';
import { ByteReader, ByteWriter, MalformedBytes, unreachable } from '@env-cli/support';

/** What a sender says of a snapshot before its bytes. */
export interface SnapshotOffer {
  readonly header: SnapshotHeader;
  /** 16 random bytes of this very file: who has a part of it goes on with it. */
  readonly id: Uint8Array;
  readonly sizeBytes: number;
}

/** From the sender of a snapshot. */
export type SnapshotPart =
  | { readonly kind: 'offer'; readonly offer: SnapshotOffer }
  | { readonly kind: 'chunk'; readonly offset: number; readonly bytes: Uint8Array }
  /** To whoever fetches one: there is none. */
  | { readonly kind: 'unavailable'; readonly problem: string };

/** From its receiver. */
export type SnapshotReply =
  /** So much is there: the stream goes on behind it. */
  | { readonly kind: 'have'; readonly offset: number }
  /** It was installed, or is not needed. */
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly problem: string }
  /** First of all, where the receiver has dialed: it fetches a state of this index or a later one. */
  | { readonly kind: 'want'; readonly indexMin: Index };

const idBytes = 16;

export function encodePart(part: SnapshotPart): Uint8Array {
  if (part.kind === 'chunk') {
    return new ByteWriter(part.bytes.length + 16).u8(1).u64(part.offset).u32(crc32(part.bytes)).raw(part.bytes).take();
  }
  if (part.kind === 'unavailable') return new ByteWriter(64).u8(2).text(part.problem).take();
  const { header, id, sizeBytes } = part.offer;
  return new ByteWriter(64).u8(0).varint(header.term).varint(header.index).varint(header.indexTerm).raw(id).u64(sizeBytes).take();
}

/** Throws {@link MalformedBytes}, also on a chunk that changed on its way. The chunk is a view on what is read. */
export function decodePart(bytes: Uint8Array): SnapshotPart {
  const reader = new ByteReader(bytes);
  const code = reader.u8();
  if (code === 1) {
    const offset = reader.u64();
    const sum = reader.u32();
    const chunk = reader.raw(reader.remaining);
    if (crc32(chunk) !== sum) throw new MalformedBytes('a chunk of a snapshot with a wrong checksum');
    return { kind: 'chunk', offset, bytes: chunk };
  }
  if (code === 2) {
    const problem = reader.text();
    reader.end();
    return { kind: 'unavailable', problem };
  }
  if (code !== 0) throw new MalformedBytes(`no part of a snapshot has the code ${code}`);
  const term = reader.varint() as Term;
  const index = reader.varint() as Index;
  const indexTerm = reader.varint() as Term;
  const offer = {
    header: { kind: 'snapshot', term, index, indexTerm } as const,
    id: reader.raw(idBytes).slice(),
    sizeBytes: reader.u64(),
  };
  reader.end();
  return { kind: 'offer', offer };
}

const replyKinds = ['have', 'done', 'refused', 'want'] as const satisfies readonly SnapshotReply['kind'][];

export function encodeReply(reply: SnapshotReply): Uint8Array {
  const writer = new ByteWriter(64).u8(replyKinds.indexOf(reply.kind));
  if (reply.kind === 'have') writer.u64(reply.offset);
  if (reply.kind === 'refused') writer.text(reply.problem);
  if (reply.kind === 'want') writer.varint(reply.indexMin);
  return writer.take();
}

/** Throws {@link MalformedBytes}. */
export function decodeReply(bytes: Uint8Array): SnapshotReply {
  const reader = new ByteReader(bytes);
  const code = reader.u8();
  const kind = replyKinds[code];
  if (kind === undefined) throw new MalformedBytes(`no reply to a snapshot has the code ${code}`);
  const reply = readReply(kind, reader);
  reader.end();
  return reply;
}

function readReply(kind: SnapshotReply['kind'], reader: ByteReader): SnapshotReply {
  switch (kind) {
    case 'have':
      return { kind, offset: reader.u64() };
    case 'refused':
      return { kind, problem: reader.text() };
    case 'want':
      return { kind, indexMin: reader.varint() as Index };
    case 'done':
      return { kind };
    default:
      return unreachable(kind);
  }
}
