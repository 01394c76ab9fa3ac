import { readFileSync, writeFileSync } from 'node:fs';
import { env } from 'node:process';
import { describe, expect, test } from '@jest/globals';
import type { Revision } from '@env-cli/keyspace';
import { encodeUtf8 } from '@env-cli/support';

import { decodeCommand, encodeCommand } from './command-codec.ts';
import type { CommandBody } from './command.ts';
import { decodeEntryData, encodeEntryData } from './entry-data.ts';
import { decodeIntegrity, encodeIntegrity, type Integrity } from './integrity-row.ts';
import { decodeKeyring, encodeKeyring, type Keyring } from './keyring-row.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { encodeLimitsRow, limitsOf } from './limits-codec.ts';
import { decodeResult, encodeResult } from './result-codec.ts';
import type { CommandResult } from './result.ts';
import { bootstrapOf, commandOf, input, mirrorOf, secretInput } from './testing/commands.ts';
import { formatGolden, parseGolden } from './testing/golden.ts';

const at = (revision: number): Revision => revision as Revision;
const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const sealed = { kind: 'sealed', keyId: 70000, nonce: fill(12, 1), bytes: fill(21, 2), plainLengthBytes: 5 } as const;
const about = { mirror: 3, environment: 'a/b', revision: at(300), enqueuedIndex: 1000, term: 2 };
const label = { key: 'region', value: 'eu' };

/** Not the defaults, which may change without a format. */
const limits = Object.fromEntries(Object.keys(defaultLimits).map((name, place) => [name, 100 + place * 99])) as Record<
  keyof Limits,
  number
>;

const bodies: Record<string, CommandBody> = {
  'write of every operation': {
    kind: 'write',
    conditions: [],
    operations: [
      { kind: 'create', environment: 'a/b', labels: [label], description: encodeUtf8('Shop'), variables: [input('A', '1')] },
      {
        kind: 'set',
        environment: 'a/b',
        createIfAbsent: true,
        variables: [
          secretInput('S', 'x', { value: sealed, comment: encodeUtf8('öffentlich') }),
          input('N', '12', { type: 'number', secret: false }),
          input('K', '', { value: null, type: 'none', comment: encodeUtf8('') }),
        ],
      },
      { kind: 'replace', environment: 'a/b', createIfAbsent: false, variables: [] },
      { kind: 'unset', environment: 'a/b', variables: ['A', 'N'] },
      { kind: 'label', environment: 'a/b', set: [label], remove: ['tier'] },
      { kind: 'describe', environment: 'a/b', description: encodeUtf8('') },
      { kind: 'delete', environment: 'a/b' },
      { kind: 'restore', environment: 'a/b', revision: at(299) },
    ],
  },
  'write of every condition': {
    kind: 'write',
    conditions: [
      { kind: 'environment-absent', environment: 'a' },
      { kind: 'environment-exists', environment: 'a' },
      { kind: 'environment-at-revision', environment: 'a', revision: at(300) },
      { kind: 'variable-absent', environment: 'a', variable: 'A' },
      { kind: 'variable-at-revision', environment: 'a', variable: 'A', revision: at(300) },
      { kind: 'variable-equals', environment: 'a', variable: 'A', value: encodeUtf8('1'), hash: null },
      { kind: 'variable-equals', environment: 'a', variable: 'S', value: null, hash: fill(16, 7) },
    ],
    operations: [{ kind: 'delete', environment: 'a' }],
  },
  'open-session': { kind: 'open-session', session: fill(16, 5) },
  'keep-session': { kind: 'keep-session', session: fill(16, 5) },
  'close-session': { kind: 'close-session', session: fill(16, 5) },
  compact: { kind: 'compact', revision: at(300) },
  'create-mirror': {
    kind: 'create-mirror',
    definition: mirrorOf('m', {
      prefix: 'shop/',
      labels: [
        { kind: 'has', key: 'a' },
        { kind: 'has-not', key: 'b' },
        { kind: 'in', key: 'c', values: ['x', 'y'] },
        { kind: 'not-in', key: 'd', values: ['z'] },
      ],
      options: [{ key: 'directory', value: '/srv' }],
    }),
  },
  'update-mirror': {
    kind: 'update-mirror',
    definition: mirrorOf('m', {
      layout: 'per-variable',
      onLeave: 'leave',
      onDrift: 'import',
      deleteShareMaxPercent: 100,
      paused: true,
    }),
  },
  'delete-mirror': { kind: 'delete-mirror', mirror: 'm', abandon: true },
  'retry-mirror, one': { kind: 'retry-mirror', mirror: 'm', environment: 'a/b' },
  'retry-mirror, all': { kind: 'retry-mirror', mirror: 'm', environment: null },
  delivered: { kind: 'delivered', ...about, contentHash: fill(32, 4), remoteVersion: encodeUtf8('v7'), detail: fill(3, 1) },
  withdrawn: { kind: 'withdrawn', ...about },
  'delivery-failed': { kind: 'delivery-failed', ...about, status: 'TARGET_ERROR', detail: fill(3, 1) },
  'mark-hashes': { kind: 'mark-hashes' },
  'report-hashes': { kind: 'report-hashes', index: 1000, member: 3, hashes: fill(56, 8) },
  'add-member': { kind: 'add-member', member: { memberId: 300, diskId: fill(16, 5), address: 'd:7381' } },
  'replace-member': {
    kind: 'replace-member',
    member: { memberId: 5, diskId: new Uint8Array(16).fill(4), address: 'c:7381' },
    replaces: 3,
  },
  'remove-member': { kind: 'remove-member', memberId: 300 },
  'set-quota': { kind: 'set-quota', quotaBytes: 2 ** 33 },
  'raise-alarm': { kind: 'raise-alarm', alarm: 'state-rotten', member: 3, index: 1000 },
  'clear-alarm': { kind: 'clear-alarm', alarm: 'state-disagreed', member: 0 },
  'found-keyring': {
    kind: 'found-keyring',
    masterKey: fill(8, 4),
    hashKey: { wrapped: fill(60, 1), check: fill(16, 2) },
    dataKey: { wrapped: fill(60, 3), check: fill(16, 4) },
  },
  'add-data-key': { kind: 'add-data-key', id: 300, key: { wrapped: fill(60, 1), check: fill(16, 2) } },
  'take-seals': { kind: 'take-seals', id: 300, count: 2 ** 20 },
  'rewrap-keys': {
    kind: 'rewrap-keys',
    version: 300,
    masterKey: fill(0, 0),
    hashKey: { wrapped: fill(200, 1), check: fill(16, 2) },
    dataKeys: [{ wrapped: fill(200, 3), check: fill(16, 4) }],
  },
  reseal: {
    kind: 'reseal',
    values: [{ environment: 'a/b', variable: 'S', keyId: 1, nonce: fill(12, 1), hash: fill(16, 2), value: sealed }],
  },
  'mark-resealed': { kind: 'mark-resealed', id: 300 },
  'pause-mirror': { kind: 'pause-mirror', mirror: 'm', paused: true },
  'raise-level': { kind: 'raise-level', featureLevel: 1 },
  'hold-level': { kind: 'hold-level', held: true },
  'set-limits': { kind: 'set-limits', limits },
  bootstrap: bootstrapOf(limits),
  restore: {
    kind: 'restore',
    clusterId: fill(16, 1),
    epoch: 1_790_000_000,
    members: [{ memberId: 1, diskId: fill(16, 2), address: 'a:7381' }],
    backupDigest: fill(32, 6),
  },
  'restore, with an epoch of more than 32 bits': {
    kind: 'restore',
    clusterId: fill(16, 1),
    epoch: 2 ** 51 + 2047,
    members: [{ memberId: 1, diskId: fill(16, 2), address: 'a:7381' }],
    backupDigest: fill(32, 6),
  },
};
const parts = {
  namespace: 'team',
  principal: 'bob',
  authorisationRevision: 9,
  requestId: { member: 7, startNonce: 0xfedc_ba98, counter: 2 ** 47 + 3 },
  session: { session: fill(16, 5), sequence: 400, firstIncomplete: 399 },
  reason: encodeUtf8('Störung'),
};
const commands = Object.fromEntries(Object.entries(bodies).map(([name, body]) => [name, commandOf(body, parts)]));
const integrity: Integrity = {
  marks: [
    { index: 1000, reports: [] },
    { index: 1010, reports: [{ member: 3, hashes: fill(56, 8) }] },
  ],
  alarms: [{ kind: 'state-diverged', member: 2, index: 990, raisedAtMs: 1_700_000_000_000 }],
  agreedIndex: 990,
};
const keyring: Keyring = {
  version: 300,
  masterKey: fill(8, 4),
  hashKey: { wrapped: fill(60, 1), check: fill(16, 2) },
  dataKeys: [{ id: 1, createdAtMs: 1_700_000_000_000, sealsTaken: 2 ** 32, wrapped: fill(60, 3), check: fill(16, 4) }],
  resealedId: 1,
};
const entryData = { stampMs: 1_700_000_000_000, deltaMs: 300, commands: [fill(3, 1), fill(0, 0), fill(200, 2)] };
const current = {
  revision: at(300),
  exists: true,
  changedBy: 'alice',
  changedAtMs: 1_700_000_000_000,
  variable: { revision: at(299), secret: true, value: null, hash: fill(16, 7), valueBytes: 5 },
};
const results: Record<string, CommandResult> = {
  applied: { kind: 'applied', revision: at(300) },
  unchanged: { kind: 'unchanged', revision: at(300) },
  'replayed, refused': { kind: 'replayed', revision: at(300), answer: 'condition-failed' },
  'refused, condition-failed': {
    kind: 'refused',
    refusal: { code: 'condition-failed', field: 'conditions[0]', environment: 'a', variable: 'S', current },
  },
  'refused, too-large': {
    kind: 'refused',
    refusal: { code: 'too-large', field: 'operations', limit: 'writeBytesMax', max: 1, actual: 2 },
  },
  'refused, entry-full': { kind: 'refused', refusal: { code: 'entry-full' } },
};

const samples: Record<string, Uint8Array> = {};
for (const [name, command] of Object.entries(commands)) samples[`command 1, ${name} (command-codec.ts)`] = encodeCommand(command);
samples['entry data 1 (entry-data.ts)'] = encodeEntryData(entryData);
samples['limits row (limits-codec.ts)'] = encodeLimitsRow(limits);
samples['keyring row (keyring-row.ts)'] = encodeKeyring(keyring);
samples['integrity row (integrity-row.ts)'] = encodeIntegrity(integrity);
for (const [name, result] of Object.entries(results)) samples[`result, ${name} (result-codec.ts)`] = encodeResult(result);

const file = new URL('./golden/commands-1.hex', import.meta.url);
if (env['GOLDEN'] === 'write') writeFileSync(file, formatGolden(samples));
const golden = parseGolden(readFileSync(file, 'utf8'));
const read = (name: string): Uint8Array => golden[name] ?? fill(0, 0);

describe('commands and entries are written as the version of their format says, byte by byte', () => {
  // Logs hold such bytes, and members of two versions apply them. If this fails, the format has changed: a new kind or field comes
  // with a feature level (`levels.ts`); anything else raises the format's number in the file that is
  // named. Go on reading the old ones, keep this golden file as a test of that, and write a further one with GOLDEN=write.
  test.each(Object.entries(samples))('%s', (name, bytes) => {
    expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(read(name)).toString('hex'));
  });
});

/** Tables whose one row is this. */
const tables = (bytes: Uint8Array) => ({ get: () => bytes, range: () => [] });

describe('what was written by any version is read', () => {
  test.each(Object.entries(commands))('command, %s', (name, command) => {
    expect(decodeCommand(read(`command 1, ${name} (command-codec.ts)`))).toEqual(command);
  });

  test('entry data', () => {
    expect(decodeEntryData(read('entry data 1 (entry-data.ts)'))).toEqual(entryData);
  });

  test.each(Object.entries(results))('result, %s', (name, result) => {
    expect(decodeResult(read(`result, ${name} (result-codec.ts)`))).toEqual(result);
  });

  test('keyring row', () => {
    expect(decodeKeyring(read('keyring row (keyring-row.ts)'))).toEqual(keyring);
  });

  test('integrity row', () => {
    expect(decodeIntegrity(read('integrity row (integrity-row.ts)'))).toEqual(integrity);
  });

  test('limits, and limits of a version that knew fewer have defaults', () => {
    const row = read('limits row (limits-codec.ts)');
    expect(limitsOf(tables(row))).toEqual(limits);
    expect(limitsOf(tables(Uint8Array.of(1, 100)))).toEqual({ ...defaultLimits, environmentNameBytesMax: 100 });
    expect(() => limitsOf(tables(Uint8Array.of(99, ...row)))).toThrow(
      expect.objectContaining({ name: 'NotUnderstood', what: 'limits' }),
    );
  });
});
