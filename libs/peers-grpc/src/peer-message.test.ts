import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Append, Entry, PeerMessage } from '@env-cli/raft';
import { ByteReader, ByteWriter, equalBytes, hexOf, MalformedBytes } from '@env-cli/support';

import { appendBytes, inProtocol, readPeerMessage, wireBytesOf, writePeerMessage } from './peer-message.ts';

function bytesOf(message: PeerMessage): Uint8Array {
  const writer = new ByteWriter();
  writePeerMessage(writer, message);
  return writer.take();
}

/** Null on malformed bytes. Any other error is thrown, and fails the test. */
function readOrNull(reader: ByteReader): PeerMessage | null {
  try {
    return readPeerMessage(reader);
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}

const integer = fc.maxSafeNat();
const entries = fc.array(fc.tuple(fc.constantFrom('noop', 'command', 'configuration'), fc.uint8Array({ maxLength: 40 })), {
  maxLength: 6,
});
const append = fc.tuple(fc.nat(1e9), fc.nat(1e6), integer, entries).map(([previousIndex, previousTerm, commit, list]) => ({
  kind: 'append',
  term: previousTerm + 10,
  previousIndex,
  previousTerm,
  commit,
  entries: list.map(([kind, data], place) => ({ index: previousIndex + 1 + place, term: previousTerm + place, kind, data })),
}));
const message = fc.oneof(
  append,
  fc.record({ kind: fc.constant('pre-vote-request'), term: integer, lastIndex: integer, lastTerm: integer }),
  fc.record({
    kind: fc.constant('vote-request'),
    term: integer,
    lastIndex: integer,
    lastTerm: integer,
    transfer: fc.boolean(),
  }),
  ...['pre-vote-reply', 'vote-reply'].map((kind) => fc.record({ kind: fc.constant(kind), term: integer, granted: fc.boolean() })),
  fc.record({ kind: fc.constant('append-accepted'), term: integer, matchIndex: integer }),
  fc.record({
    kind: fc.constant('append-rejected'),
    term: integer,
    rejectedIndex: integer,
    hintIndex: integer,
    hintTerm: integer,
  }),
  ...['stale-term', 'timeout-now'].map((kind) => fc.record({ kind: fc.constant(kind), term: integer })),
  ...['commit', 'committed'].map((kind) =>
    fc.record({ kind: fc.constant(kind), term: integer, commit: integer, commitTerm: integer }),
  ),
  fc.record({ kind: fc.constant('heartbeat'), term: integer, round: integer, commit: integer }),
  fc.record({ kind: fc.constant('heartbeat-reply'), term: integer, round: integer }),
  fc.record({ kind: fc.constant('read-request'), term: integer, id: integer }),
  fc.record({ kind: fc.constant('read-reply'), term: integer, id: integer, index: integer }),
  fc.record({ kind: fc.constant('snapshot'), term: integer, index: integer, indexTerm: integer }),
) as unknown as fc.Arbitrary<PeerMessage>;

describe('a message between members', () => {
  test('is read as it was written, whatever it is and whatever follows it in the frame', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const writer = new ByteWriter();
        for (const each of messages) writePeerMessage(writer, each);
        const reader = new ByteReader(writer.take());
        expect(messages.map(() => readPeerMessage(reader))).toEqual(messages);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  test('takes no more bytes than was reckoned for it', () => {
    fc.assert(fc.property(message, (each) => expect(bytesOf(each).length).toBeLessThanOrEqual(wireBytesOf(each))));
  });

  test('has one spelling: bytes that are read are the bytes that are written', () => {
    const property = fc.property(message, fc.nat(), fc.nat(255), (each, place, value) => {
      const bytes = bytesOf(each);
      bytes[place % bytes.length] = value;
      const reader = new ByteReader(bytes);
      const found = readOrNull(reader);
      return found === null || equalBytes(bytesOf(found), bytes.subarray(0, reader.position));
    });
    expect(() => fc.assert(property)).not.toThrow();
  });

  test('that is cut short or made of random bytes is refused, never misread into a crash', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const reader = new ByteReader(bytes);
      while (reader.remaining > 0 && readOrNull(reader) !== null);
    });
    expect(() => fc.assert(property)).not.toThrow();
  });
});

const entry = (index: number, term: number, kind: Entry['kind'], text: string): Entry =>
  ({ index, term, kind, data: new TextEncoder().encode(text) }) as unknown as Entry;

// The bytes of protocol version 1. A change here needs a new version: members of both must understand one another.
test.each([
  [{ kind: 'pre-vote-request', term: 5, lastIndex: 300, lastTerm: 4 }, '0005ac0204'],
  [{ kind: 'pre-vote-reply', term: 5, granted: true }, '010501'],
  [{ kind: 'vote-request', term: 5, lastIndex: 300, lastTerm: 4, transfer: false }, '0205ac0204'],
  [{ kind: 'vote-reply', term: 5, granted: false }, '030500'],
  [
    {
      kind: 'append',
      term: 5,
      previousIndex: 300,
      previousTerm: 4,
      entries: [entry(301, 5, 'noop', ''), entry(302, 5, 'command', 'ab'), entry(303, 5, 'configuration', 'c')],
      commit: 299,
    },
    '0405ac0204ab0203000500010502616202050163',
  ],
  [{ kind: 'append-accepted', term: 5, matchIndex: 303 }, '0505af02'],
  [{ kind: 'append-rejected', term: 5, rejectedIndex: 300, hintIndex: 128, hintTerm: 3 }, '0605ac02800103'],
  [{ kind: 'stale-term', term: 5 }, '0705'],
  [{ kind: 'commit', term: 5, commit: 303, commitTerm: 5 }, '0805af0205'],
  [{ kind: 'heartbeat', term: 5, round: 9, commit: 303 }, '090509af02'],
  [{ kind: 'heartbeat-reply', term: 5, round: 9 }, '0a0509'],
  [{ kind: 'read-request', term: 5, id: 77 }, '0b054d'],
  [{ kind: 'read-reply', term: 5, id: 77, index: 303 }, '0c054daf02'],
  [{ kind: 'snapshot', term: 5, index: 303, indexTerm: 5 }, '0d05af0205'],
] as const)('the golden bytes of $kind', (each, hex) => {
  const written = each as unknown as PeerMessage;
  expect(hexOf(bytesOf(written))).toBe(hex);
  expect(inProtocol(written, 1)).toBe(written);
});

// What version 2 has beside those.
test.each([
  [{ kind: 'timeout-now', term: 5 }, '0e05', null],
  [{ kind: 'committed', term: 5, commit: 303, commitTerm: 5 }, '1005af0205', null],
  [
    { kind: 'vote-request', term: 5, lastIndex: 300, lastTerm: 4, transfer: true },
    '0f05ac0204',
    { kind: 'vote-request', term: 5, lastIndex: 300, lastTerm: 4, transfer: false },
  ],
] as const)('the golden bytes of $kind in version 2, and what a member of version 1 is sent', (each, hex, inFirst) => {
  const written = each as unknown as PeerMessage;
  expect(hexOf(bytesOf(written))).toBe(hex);
  expect(inProtocol(written, 2)).toBe(written);
  expect(inProtocol(written, 1)).toEqual(inFirst);
});

describe('the same entries for several followers', () => {
  const same: readonly Entry[] = [{ index: 8, term: 3, kind: 'command', data: Uint8Array.of(1, 2, 3) } as Entry];
  const to = (head: { readonly term: number; readonly commit: number; readonly previousTerm: number }): Append =>
    ({ kind: 'append', previousIndex: 7, entries: same, ...head }) as Append;

  test('are written once while all else is the same, too', () => {
    const head = { term: 3, commit: 7, previousTerm: 2 };
    expect(appendBytes(to(head))).toBe(appendBytes(to(head)));
  });

  test.each([
    ['term', { term: 4, commit: 7, previousTerm: 2 }],
    ['commit index', { term: 3, commit: 6, previousTerm: 2 }],
    ['term before', { term: 3, commit: 7, previousTerm: 1 }],
  ])('are written anew under another %s', (_what, head) => {
    appendBytes(to({ term: 3, commit: 7, previousTerm: 2 }));
    expect(readPeerMessage(new ByteReader(appendBytes(to(head))))).toMatchObject(head);
  });
});
