import type { Append, Entry, EntryKind, Index, PeerMessage, Term } from '@env-cli/raft';
import { type ByteReader, ByteWriter, MalformedBytes, unreachable } from '@env-cli/support';

/**
 * Kinds of messages by their code on the wire: the place in this list. A new one goes to the end, with a new protocol version
 * ({@link inProtocol}). A request for a vote that has a flag is a kind of its own here, so that the bytes of one without stay as they were.
 */
const kinds = [
  'pre-vote-request',
  'pre-vote-reply',
  'vote-request',
  'vote-reply',
  'append',
  'append-accepted',
  'append-rejected',
  'stale-term',
  'commit',
  'heartbeat',
  'heartbeat-reply',
  'read-request',
  'read-reply',
  'snapshot',
  'timeout-now',
  'transfer-vote-request',
  'committed',
] as const satisfies readonly WireKind[];

type WireKind = PeerMessage['kind'] | 'transfer-vote-request';

const entryKinds = ['noop', 'command', 'configuration'] as const satisfies readonly EntryKind[];

const codeOfKind = Object.fromEntries(kinds.map((kind, code) => [kind, code])) as Record<WireKind, number>;
const codeOfEntryKind = Object.fromEntries(entryKinds.map((kind, code) => [kind, code])) as Record<EntryKind, number>;

/** Entries of one append on the wire: less than this many bytes each cannot be, so a count that is too high is told early. */
const entryBytesMin = 3;

/** The message as a member understands it that speaks no later protocol than `version`; null when it does not have such a thing. */
export function inProtocol(message: PeerMessage, version: number): PeerMessage | null {
  if (version >= 2) return message;
  if (message.kind === 'timeout-now' || message.kind === 'committed') return null;
  return message.kind === 'vote-request' && message.transfer ? { ...message, transfer: false } : message;
}

/** Bytes that a message takes on the wire, about: never less than it does. */
export function wireBytesOf(message: PeerMessage): number {
  let bytes = 64;
  if (message.kind === 'append') for (const entry of message.entries) bytes += entry.data.length + 20;
  return bytes;
}

/** Appends a message to a frame: a code, then its fields as varints in the order of their declaration. */
export function writePeerMessage(writer: ByteWriter, message: PeerMessage): void {
  if (message.kind === 'append') {
    writer.raw(appendBytes(message));
    return;
  }
  const wireKind = message.kind === 'vote-request' && message.transfer ? 'transfer-vote-request' : message.kind;
  writer.u8(codeOfKind[wireKind]).varint(message.term);
  switch (message.kind) {
    case 'pre-vote-request':
    case 'vote-request':
      writer.varint(message.lastIndex).varint(message.lastTerm);
      return;
    case 'pre-vote-reply':
    case 'vote-reply':
      writer.u8(message.granted ? 1 : 0);
      return;
    case 'append-accepted':
      writer.varint(message.matchIndex);
      return;
    case 'append-rejected':
      writer.varint(message.rejectedIndex).varint(message.hintIndex).varint(message.hintTerm);
      return;
    case 'stale-term':
    case 'timeout-now':
      return;
    case 'commit':
    case 'committed':
      writer.varint(message.commit).varint(message.commitTerm);
      return;
    case 'heartbeat':
      writer.varint(message.round).varint(message.commit);
      return;
    case 'heartbeat-reply':
      writer.varint(message.round);
      return;
    case 'read-request':
      writer.varint(message.id);
      return;
    case 'read-reply':
      writer.varint(message.id).varint(message.index);
      return;
    case 'snapshot':
      writer.varint(message.index).varint(message.indexTerm);
      return;
  }
}

/** Reads one message. The data of entries are views on what is read. Throws {@link MalformedBytes}. */
export function readPeerMessage(reader: ByteReader): PeerMessage {
  const code = reader.u8();
  const kind = kinds[code];
  if (kind === undefined) throw new MalformedBytes(`no message has the code ${code}`);
  const term = reader.varint() as Term;
  switch (kind) {
    case 'pre-vote-request':
      return { kind, term, lastIndex: reader.varint() as Index, lastTerm: reader.varint() as Term };
    case 'vote-request':
    case 'transfer-vote-request': {
      const transfer = kind === 'transfer-vote-request';
      return { kind: 'vote-request', term, lastIndex: reader.varint() as Index, lastTerm: reader.varint() as Term, transfer };
    }
    case 'pre-vote-reply':
    case 'vote-reply':
      return { kind, term, granted: readFlag(reader) };
    case 'append':
      return readAppend(reader, term);
    case 'append-accepted':
      return { kind, term, matchIndex: reader.varint() as Index };
    case 'append-rejected':
      return {
        kind,
        term,
        rejectedIndex: reader.varint() as Index,
        hintIndex: reader.varint() as Index,
        hintTerm: reader.varint() as Term,
      };
    case 'stale-term':
    case 'timeout-now':
      return { kind, term };
    case 'commit':
    case 'committed':
      return { kind, term, commit: reader.varint() as Index, commitTerm: reader.varint() as Term };
    case 'heartbeat':
      return { kind, term, round: reader.varint(), commit: reader.varint() as Index };
    case 'heartbeat-reply':
      return { kind, term, round: reader.varint() };
    case 'read-request':
      return { kind, term, id: reader.varint() };
    case 'read-reply':
      return { kind, term, id: reader.varint(), index: reader.varint() as Index };
    case 'snapshot':
      return { kind, term, index: reader.varint() as Index, indexTerm: reader.varint() as Term };
    default:
      return unreachable(kind);
  }
}

/** A flag of one byte. Any other value than 0 and 1 would be a second spelling of the same message. */
export function readFlag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) throw new MalformedBytes(`${value} is neither yes (1) nor no (0)`);
  return value === 1;
}

interface WrittenAppend {
  readonly message: Append;
  readonly bytes: Uint8Array;
}

/** Followers that need the same entries are given the same array (`Append.entries`), and most of them in the same message: it is written once. */
const written = new WeakMap<readonly Entry[], WrittenAppend>();

/** An append as it stands in a frame, or is one. Nobody may write into it. */
export function appendBytes(message: Append): Uint8Array {
  const { entries } = message;
  const known = written.get(entries);
  if (known !== undefined && isSameHead(known.message, message)) return known.bytes;
  const writer = new ByteWriter(wireBytesOf(message))
    .u8(codeOfKind.append)
    .varint(message.term)
    .varint(message.previousIndex)
    .varint(message.previousTerm)
    .varint(message.commit)
    .varint(entries.length);
  for (const entry of entries) writer.u8(codeOfEntryKind[entry.kind]).varint(entry.term).bytes(entry.data);
  // Not a copy: the writer has room for just this, and goes.
  const bytes = writer.cut();
  if (entries.length > 0) written.set(entries, { message, bytes });
  return bytes;
}

function isSameHead(a: Append, b: Append): boolean {
  return a.term === b.term && a.previousIndex === b.previousIndex && a.previousTerm === b.previousTerm && a.commit === b.commit;
}

function readAppend(reader: ByteReader, term: Term): Append {
  const previousIndex = reader.varint() as Index;
  const previousTerm = reader.varint() as Term;
  const commit = reader.varint() as Index;
  const count = reader.varint();
  if (count * entryBytesMin > reader.remaining) throw new MalformedBytes(`${count} entries in ${reader.remaining} bytes`);
  if (previousIndex + count > Number.MAX_SAFE_INTEGER) throw new MalformedBytes('an index above 2^53 - 1');
  if (previousTerm > term) throw new MalformedBytes('an entry of a term above the message');
  const entries: Entry[] = [];
  let entryTerm: number = previousTerm;
  for (let place = 1; place <= count; place++) {
    const code = reader.u8();
    const kind = entryKinds[code];
    if (kind === undefined) throw new MalformedBytes(`no entry has the code ${code}`);
    const ownTerm = reader.varint();
    if (ownTerm < entryTerm || ownTerm > term) throw new MalformedBytes('terms of entries that descend or exceed the message');
    entryTerm = ownTerm;
    entries.push({ index: (previousIndex + place) as Index, term: ownTerm as Term, kind, data: reader.bytes() });
  }
  return { kind: 'append', term, previousIndex, previousTerm, entries, commit };
}
