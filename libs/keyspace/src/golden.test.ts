import { readFileSync, writeFileSync } from 'node:fs';
import { env } from 'node:process';
import { describe, expect, test } from '@jest/globals';
import { ByteWriter, encodeUtf8 } from '@env-cli/support';

import { ChangeReader, encodeChange, writeVariableChange } from './change-row.ts';
import { encodeContent } from './environment-content.ts';
import { encodeEnvironmentRow, EnvironmentRow, readEnvironmentRow } from './environment-row.ts';
import { KeptResults } from './kept-results.ts';
import { changeKey, changePosition, type ChangePosition } from './keys.ts';
import { encodeLabels } from './label.ts';
import { decodeRoster, encodeClusterIdentity, encodeLevelHold, encodeRoster } from './meta.ts';
import { decodeProgress, encodeProgress, type Progress, sizeUnknown } from './progress.ts';
import type { Revision } from './revision.ts';
import { decodeSession, encodeSession } from './session-row.ts';
import { formatGolden, parseGolden } from './testing/golden.ts';
import { writeVariable } from './variable-bytes.ts';
import type { Variable } from './variable.ts';

const at = (revision: number): Revision => revision as Revision;
const place = (revision: number, ordinal = 0): ChangePosition => ({ revision: at(revision), ordinal });
const none = new Uint8Array(0);

const variables: Variable[] = [
  { name: 'API_KEY', value: sealed(), secret: true, hash: fill(16, 7), type: 'string', comment: none, changedRevision: at(300) },
  { name: 'EMPTY', value: text(''), secret: false, hash: null, type: null, comment: none, changedRevision: at(2) },
  { name: 'PIN', value: text('1234'), secret: true, hash: fill(16, 8), type: null, comment: none, changedRevision: at(5) },
  {
    name: 'URL',
    value: text('https://é.example/'),
    secret: false,
    hash: null,
    type: 'url',
    comment: encodeUtf8('öffentlich'),
    changedRevision: at(300),
  },
];

function text(value: string) {
  return { kind: 'plain', bytes: encodeUtf8(value) } as const;
}

function fill(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

function sealed() {
  return { kind: 'sealed', keyId: 70000, nonce: fill(12, 1), bytes: fill(21, 2), plainLengthBytes: 5 } as const;
}

const head = {
  createRevision: at(2),
  createTimeMs: 1_700_000_000_000,
  modifyRevision: at(300),
  modifyTimeMs: 1_700_000_600_000,
  modifiedBy: 'alice',
  version: 4,
};
const before = { ...head, modifyRevision: at(5), modifyTimeMs: 1_700_000_300_000, modifiedBy: 'bob', version: 3 };
const chain = { depth: 4, heads: [place(300, 2), place(5)], keyframe: place(2, 1), changesSince: 3, bytesSince: 512 };
const labels = encodeLabels(new ByteWriter(), [
  { key: 'region', value: 'eu' },
  { key: 'tier', value: '' },
]);

function bytesOf(variable: Variable): Uint8Array {
  const writer = new ByteWriter();
  writeVariable(writer, variable);
  return writer.take();
}

function content(): Uint8Array {
  const writer = new ByteWriter();
  for (const variable of variables) writeVariable(writer, variable);
  const parts = { head, description: encodeUtf8('The shop'), labels, variableCount: variables.length, variables: writer.take() };
  return encodeContent(new ByteWriter(), parts);
}

function change(kind: 'updated' | 'deleted', keyframeContent: Uint8Array | null): Uint8Array {
  const changes = new ByteWriter();
  const [apiKey, , , url] = variables.map(bytesOf);
  writeVariableChange(changes, kind === 'updated' ? null : apiKey!, kind === 'updated' ? apiKey! : null);
  writeVariableChange(changes, url!, kind === 'updated' ? url! : null);
  return encodeChange(
    new ByteWriter(),
    {
      kind,
      namespace: 'default',
      name: 'shop/prod',
      head,
      before,
      reason: encodeUtf8('rotation'),
      labelsBefore: labels,
      labelsAfter: kind === 'updated' ? labels : none,
      descriptionBefore: none,
      descriptionAfter: kind === 'updated' ? encodeUtf8('The shop') : none,
      variableChangeCount: 2,
      variableChanges: changes.take(),
    },
    {
      depth: 4,
      previous: place(5),
      skip: place(2, 1),
      keyframe: keyframeContent === null ? place(2, 1) : place(300, 2),
      keyframeContent,
    },
  );
}

const progress: Progress = {
  appliedIndex: 1000,
  appliedTerm: 3,
  revision: at(300),
  floor: at(2),
  sweptRevision: at(1),
  peopleTimeMs: 1_700_000_600_000,
  clusterTimeMs: 900_000,
  sessionCount: 2,
  sessionSweepDueMs: 900_100,
  sessionSweepAfter: fill(16, 3),
  mirrorIdLast: 4,
  mirrorsVersion: 9,
  stateBytes: 70_000,
  chainLow: -1,
  chainHigh: 0x1234_5678,
  gaps: [],
};

const gaps = [
  { below: at(10), above: at(2 ** 32 + 10) },
  { below: at(2 ** 32 + 10), above: at(2 ** 33 + 10) },
];

function session(): Uint8Array {
  const results = new KeptResults();
  results.add(7, { code: 0, revision: at(299) });
  results.add(9, { code: 4, revision: at(300) });
  return encodeSession(new ByteWriter(), { principal: 'alice', lastUsedMs: 890_000, firstIncomplete: 7, results });
}

const members = [
  { memberId: 1, diskId: fill(16, 1), address: 'a:7381' },
  { memberId: 2, diskId: fill(16, 2), address: 'b:7381' },
];

const roster = { members: [members[1]!, members[0]!], memberIdLast: 7 };

const row = new EnvironmentRow('default', 'shop/prod', chain, content(), null);
const tombstone = { createRevision: at(2), deleteRevision: at(300), deleteTimeMs: 1_700_000_600_000, deletedBy: 'alice' };
const deleted = new EnvironmentRow('default', 'shop/prod', chain, null, tombstone);

const samples = {
  'environment row 1, live (environment-row.ts)': encodeEnvironmentRow(new ByteWriter(), new ByteWriter(), row),
  'environment row 1, tombstone (environment-row.ts)': encodeEnvironmentRow(new ByteWriter(), new ByteWriter(), deleted),
  'change row 1, updated (change-row.ts)': change('updated', null),
  'change row 1, updated, keyframe (change-row.ts)': change('updated', content()),
  'change row 1, deleted (change-row.ts)': change('deleted', null),
  'change key (keys.ts)': changeKey(2 ** 40 + 5, 258),
  'session row 1 (session-row.ts)': session(),
  'progress row 2 (progress.ts)': encodeProgress(new ByteWriter(), progress),
  'progress row 2, restored (progress.ts)': encodeProgress(new ByteWriter(), { ...progress, gaps }),
  'cluster row 1 (meta.ts)': encodeClusterIdentity({ clusterId: fill(16, 1), epoch: 2, featureLevel: 1, hashKey: fill(32, 9) }),
  'cluster row 1, restored (meta.ts)': encodeClusterIdentity({
    clusterId: fill(16, 1),
    epoch: 2 ** 51 + 2047,
    featureLevel: 1,
    hashKey: fill(32, 9),
  }),
  'members row 2 (meta.ts)': encodeRoster({ ...roster, replacements: new Map() }),
  'members row 3 (meta.ts)': encodeRoster({ ...roster, replacements: new Map([[2, 1]]) }),
  'level-hold row 1 (meta.ts)': encodeLevelHold(true),
};

const file = new URL('./golden/rows-2.hex', import.meta.url);
if (env['GOLDEN'] === 'write') writeFileSync(file, formatGolden(samples));
const golden = parseGolden(readFileSync(file, 'utf8'));

describe('rows are written as the version of their format says, byte by byte', () => {
  // Disks and backups hold such rows. If this fails, the format has changed: raise its number in the file that is named, go on
  // reading the old number, keep this golden file as a test of that, and write a further one with GOLDEN=write.
  test.each(Object.entries(samples))('%s', (name, bytes) => {
    expect(Buffer.from(bytes).toString('hex')).toBe(Buffer.from(golden[name] ?? none).toString('hex'));
  });
});

const read = (name: keyof typeof samples): Uint8Array => golden[name] ?? none;

describe('rows of every format that was ever written are read', () => {
  test('an environment', () => {
    const found = readEnvironmentRow('default', 'shop/prod', read('environment row 1, live (environment-row.ts)'));
    const { live } = found;
    expect(found.chain).toEqual(chain);
    expect(live?.head).toEqual(head);
    expect(variables.map(({ name }) => live?.variable(name))).toEqual(variables);
    expect(live?.variable('NONE')).toBeNull();
    expect(live?.labels()).toEqual([
      { key: 'region', value: 'eu' },
      { key: 'tier', value: '' },
    ]);
  });

  test('a tombstone', () => {
    const found = readEnvironmentRow('default', 'shop/prod', read('environment row 1, tombstone (environment-row.ts)'));
    expect(found).toMatchObject({ chain, content: null, tombstone, live: null });
  });

  test('a change', () => {
    const found = new ChangeReader(place(300, 2), read('change row 1, updated, keyframe (change-row.ts)'));
    expect(found).toMatchObject({ kind: 'updated', namespace: 'default', name: 'shop/prod', head, before, depth: 4 });
    expect(found.keyframeContent).toEqual(content());
    const [added, set] = found.variableChanges();
    expect([added?.before, added?.after?.variable()]).toEqual([null, variables.at(0)]);
    expect([set?.before?.variable(), set?.after?.variable()]).toEqual([variables.at(3), variables.at(3)]);
    expect(changePosition(read('change key (keys.ts)'))).toEqual(place(2 ** 40 + 5, 258));
  });

  test('a session', () => {
    const found = decodeSession(read('session row 1 (session-row.ts)'));
    expect(found).toMatchObject({ principal: 'alice', lastUsedMs: 890_000, firstIncomplete: 7 });
    expect(found.results.get(9)).toEqual({ code: 4, revision: 300 });
  });

  test('the progress', () => {
    expect(decodeProgress(read('progress row 2 (progress.ts)'))).toEqual(progress);
    expect(decodeProgress(read('progress row 2, restored (progress.ts)'))).toEqual({ ...progress, gaps });
  });

  test('the members, and those of before a member could be removed', () => {
    expect(decodeRoster(read('members row 2 (meta.ts)'))).toEqual({ members, memberIdLast: 7, replacements: new Map() });
    expect(decodeRoster(read('members row 3 (meta.ts)'))).toEqual({ members, memberIdLast: 7, replacements: new Map([[2, 1]]) });
    const first = parseGolden(readFileSync(new URL('./golden/rows-1.hex', import.meta.url), 'utf8'));
    expect(decodeRoster(first['members row 1 (meta.ts)']!)).toEqual({ members, memberIdLast: 2, replacements: new Map() });
  });

  test('the progress without a size, which is counted then', () => {
    const first = parseGolden(readFileSync(new URL('./golden/rows-1.hex', import.meta.url), 'utf8'));
    const sized = { ...progress, stateBytes: sizeUnknown };
    expect(decodeProgress(first['progress row 1 (progress.ts)']!)).toEqual(sized);
    expect(decodeProgress(first['progress row 1, restored (progress.ts)']!)).toEqual({ ...sized, gaps });
  });
});
