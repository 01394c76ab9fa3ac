import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandBody, readKeyring } from '@env-cli/environments';
import { readLive, type ReadTables, tableNames } from '@env-cli/keyspace';
import { Cluster, Environments, VariableType, View } from '@env-cli/wire';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { setting } from '../testing/operations.ts';
import { CallFailed, Serving, TestClient } from '../testing/serving.ts';
import { TwinMember } from '../testing/twin-member.ts';
import { Keyring, type KeyringOptions } from './keyring.ts';
import { proposeKeys } from './keyring-commands.ts';
import { masterKeyFile } from './master-key.ts';
import { lockedSecrets } from './secrets.ts';
import { Resealer } from './resealer.ts';

const secret = 'sk_live_4242_very_secret';
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

let folder: string;
let keyFile: string;
let member: TwinMember;
let ends: (() => void | Promise<void>)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-keyring-'));
  keyFile = join(folder, 'master.key');
  addMasterKey();
  member = TwinMember.alone();
  ends = [];
});
afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  rmSync(folder, { recursive: true });
});

function addMasterKey(path = keyFile): void {
  appendFileSync(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
}

async function opened(at: TwinMember = member, options: Partial<KeyringOptions> = {}): Promise<Keyring> {
  const keyring = await Keyring.open(at, {
    masterKeys: masterKeyFile(keyFile),
    settleMs: 0,
    lookIntervalMs: 5,
    dataKeyAgeMaxMs: Number.MAX_SAFE_INTEGER,
    log,
    ...options,
  });
  ends.push(() => keyring.stop());
  return keyring;
}

async function clientOf(keyring: Keyring, at: TwinMember = member): Promise<TestClient> {
  const serving = await Serving.of(at, { secrets: keyring, keyring });
  const client = new TestClient(serving.address);
  ends.push(
    () => serving.close(),
    () => client.close(),
  );
  return client;
}

type Given = string | { readonly value: string; readonly type: VariableType };

function set(client: TestClient, variables: Readonly<Record<string, Given>>, more: object = {}) {
  const given = Object.entries(variables).map(([name, value]) => ({
    name,
    secret: true,
    ...(typeof value === 'string' ? { value } : value),
  }));
  return client.call(Environments, 'write', {
    operations: [{ environment: 'a', action: { case: 'set', value: { createIfAbsent: true, variables: given } } }],
    ...more,
  });
}

async function full(client: TestClient): Promise<Record<string, string | undefined>> {
  const { environment } = await client.call(Environments, 'get', { name: 'a', options: { view: View.FULL } });
  return Object.fromEntries(environment!.variables.map(({ name, value }) => [name, value]));
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'answered',
    (error: unknown) => (error as CallFailed).reason,
  );
}

/** Whether bytes of a text lie anywhere in the log or in the tables. */
function isIn(text: string): boolean {
  const rows = tableNames.flatMap((table) => member.tables.range(table, { limit: 10_000 }).map(({ value }) => value));
  return [...rows, ...member.logEntries].some((bytes) => Buffer.from(bytes).includes(text));
}

describe('a secret', () => {
  test('lies in log and state sealed, and is read by who asks for it', async () => {
    const client = await clientOf(await opened());
    await set(client, { KEY: secret });
    expect(await full(client)).toEqual({ KEY: secret });
    expect(isIn(secret)).toBe(false);
    await client.call(Environments, 'write', {
      operations: [
        { environment: 'a', action: { case: 'set', value: { variables: [{ name: 'PLAIN', value: secret, secret: false }] } } },
      ],
    });
    expect(isIn(secret)).toBe(true);
  });

  test('that is set to what it is changes nothing, whatever key sealed it', async () => {
    const keyring = await opened();
    const client = await clientOf(keyring);
    await set(client, { KEY: secret });
    await keyring.rotateDataKey();
    expect(await set(client, { KEY: secret })).toMatchObject({ changed: false, revision: 1n });
    expect(await set(client, { KEY: `${secret}!` })).toMatchObject({ changed: true });
  });

  test('is held against its type before it is sealed, also where the write leaves the type as it was', async () => {
    const client = await clientOf(await opened());
    expect(await reasonOf(set(client, { N: { value: 'x', type: VariableType.NUMBER } }))).toBe('INVALID_FIELD');
    await set(client, { N: { value: '1', type: VariableType.NUMBER } });
    expect(await reasonOf(set(client, { N: 'x' }))).toBe('INVALID_FIELD');
    await set(client, { N: '2' });
    expect(await full(client)).toEqual({ N: '2' });
  });

  test('is shown at past revisions, in history, differences and watches', async () => {
    const client = await clientOf(await opened());
    await set(client, { KEY: 'one' });
    await set(client, { KEY: 'two' });
    const options = { view: View.FULL };
    const past = await client.call(Environments, 'get', { name: 'a', options: { ...options, revision: 1n } });
    expect(past.environment?.variables[0]?.value).toBe('one');
    const { changes } = await client.call(Environments, 'history', { name: 'a', options });
    expect(changes[0]?.variables[0]).toMatchObject({ before: { value: 'one' }, after: { value: 'two' } });
    const { variables } = await client.call(Environments, 'diff', { name: 'a', revision: 1n, otherRevision: 2n, options });
    expect(variables[0]).toMatchObject({ before: { value: 'one' }, after: { value: 'two' } });
    const watch = client.stream(Environments, 'watch');
    watch.send({
      watchId: 1n,
      action: { case: 'start', value: { scope: { case: 'name', value: 'a' }, startRevision: 1n, view: View.FULL } },
    });
    const message = await watch.find(({ event }) => event.case === 'changes');
    expect(JSON.stringify(message, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).toContain(
      '"two"',
    );
    watch.cancel();
  });
});

describe('a member', () => {
  test('without a master key takes and shows no secret, and everything else', async () => {
    await set(await clientOf(await opened()), { KEY: secret });
    const serving = await Serving.of(member, { secrets: lockedSecrets });
    const client = new TestClient(serving.address);
    ends.push(
      () => serving.close(),
      () => client.close(),
    );
    const alone = TwinMember.alone();
    const elsewhere = await Serving.of(alone, { secrets: lockedSecrets });
    const toElsewhere = new TestClient(elsewhere.address);
    ends.push(
      () => elsewhere.close(),
      () => toElsewhere.close(),
    );
    expect(await reasonOf(set(client, { NEW: 'x' }))).toBe('SECRETS_LOCKED');
    expect(await reasonOf(set(toElsewhere, { NEW: 'x' }))).toBe('SECRETS_LOCKED');
    expect(await reasonOf(full(client))).toBe('SECRETS_LOCKED');
    const { environment } = await client.call(Environments, 'get', { name: 'a' });
    expect(environment?.variables).toMatchObject([{ name: 'KEY', secret: true }]);
    expect(await reasonOf(toElsewhere.call(Environments, 'write', { operations: [setting('a', { PLAIN: 'x' })] }))).toBe(
      'answered',
    );
    expect(alone.logEntries.some((entry) => Buffer.from(entry).includes('NEW'))).toBe(false);
  });

  test('that has another master key does not open', async () => {
    await opened();
    const other = join(folder, 'other.key');
    addMasterKey(other);
    const opening = Keyring.open(member, { masterKeys: masterKeyFile(other), log });
    await expect(opening).rejects.toThrow(/does not open the keys of this cluster.*Bring the master key/);
  });

  test('that comes later opens what the first one sealed, and new keys as they come', async () => {
    const keyring = await opened();
    const client = await clientOf(keyring);
    await set(client, { KEY: 'one' });
    const follower = member.follower(2);
    const atFollower = await clientOf(await opened(follower), follower);
    expect(await full(atFollower)).toEqual({ KEY: 'one' });
    await keyring.rotateDataKey();
    await set(client, { KEY: 'two' });
    follower.catchUp();
    // A read may come before the key was opened, and says so.
    let answer = 'DATA_KEY_AWAY';
    while (answer === 'DATA_KEY_AWAY')
      answer = await full(atFollower).then(
        ({ KEY }) => KEY!,
        (error: CallFailed) => error.reason,
      );
    expect(answer).toBe('two');
  });

  test('without seals from the cluster takes no secret, and nothing of it is proposed', async () => {
    const client = await clientOf(await opened(member, { sealsAtOnce: 4 }));
    await set(client, { A: '1', B: '2', C: '3' });
    member.leaderless = true;
    expect(await reasonOf(set(client, { A: '4', B: '5', C: '6', D: '7' }))).toBe('NO_LEADER');
  });
});

test('what was moved, changed or sealed for another place is told, and never shown', async () => {
  const client = await clientOf(await opened());
  await set(client, { KEY: secret, OTHER: 'another secret of 24 byt' });
  member.tamper = (proposal) => {
    const [operation] = proposal.body.kind === 'write' ? proposal.body.operations : [];
    if (proposal.body.kind !== 'write' || operation?.kind !== 'set') return proposal;
    const [first, second] = operation.variables;
    // Somebody on the way puts the value of one variable into another.
    const operations = [{ ...operation, variables: [{ ...first!, value: second!.value }, second!] }];
    return { ...proposal, body: { ...proposal.body, operations } };
  };
  await set(client, { KEY: 'x1', OTHER: 'x2' });
  expect(await reasonOf(full(client))).toBe('SECRET_BROKEN');
  const masked = await client.call(Environments, 'get', { name: 'a' });
  expect(masked.environment?.variables).toHaveLength(2);
});

describe('a new data key', () => {
  test('seals, and what older ones sealed is sealed anew in the background', async () => {
    const keyring = await opened();
    const client = await clientOf(keyring);
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`K${String(i).padStart(3, '0')}`, `secret ${i}`]));
    await set(client, many);
    expect(keyring.figures()).toMatchObject({
      secrets_seals_total: 250,
      secrets_seals_in_hand: 2 ** 20 - 250,
      secrets_seals_left: 2 ** 32 - 2 ** 20,
      secrets_data_keys: 1,
      secrets_newest_data_key: 1,
    });
    await keyring.rotateDataKey();
    const resealer = new Resealer(member, keyring, { log, intervalMs: 1 });
    ends.push(() => resealer.stop());
    while (keyring.resealedId < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    const { environment } = await client.call(Environments, 'get', { name: 'a' });
    const ids = await here((tables) => tables.range('environments', { limit: 10 }).flatMap(({ value }) => keyIdsIn(value)));
    expect([ids.length, ...new Set(ids)]).toEqual([250, 2]);
    expect(environment?.modifyRevision).toBe(1n);
    expect(await full(client)).toEqual(many);
    expect(resealer.resealed).toBe(250);
    expect(keyring.figures()).toMatchObject({
      secrets_seals_total: 500,
      secrets_data_keys: 2,
      secrets_newest_data_key: 2,
      secrets_sealing_data_key: 2,
      secrets_resealed_data_key: 2,
    });
  });

  test('takes the place of one that is too old, by itself', async () => {
    const keyring = await opened(member, { dataKeyAgeMaxMs: 1 });
    while (keyring.newestId < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(keyring.status().dataKeys.length).toBeGreaterThan(1);
  });

  test('is not used before the others have had time to open it', async () => {
    const keyring = await opened(member, { settleMs: 600_000 });
    expect(await keyring.rotateDataKey()).toBe(2);
    expect(keyring.sealingId).toBe(1);
  });

  test('takes the place of one whose seals are spent, at once', async () => {
    const keyring = await opened(member, { settleMs: 600_000 });
    await propose({ kind: 'take-seals', id: 1, count: 2 ** 20 });
    for (let taken = await sealsTaken(); taken < 2 ** 32; taken = await sealsTaken())
      await propose({ kind: 'take-seals', id: 1, count: Math.min(2 ** 20, 2 ** 32 - taken) });
    const client = await clientOf(await opened(member, { settleMs: 600_000 }));
    await set(client, { KEY: secret });
    expect((await client.call(Cluster, 'keys', {})).sealingDataKeyId).toBe(2n);
    await keyring.look();
    expect(await full(client)).toEqual({ KEY: secret });
  });
});

describe('the master key', () => {
  test('is replaced while all goes on, and the old one is needed no more', async () => {
    const keyring = await opened();
    const client = await clientOf(keyring);
    await set(client, { KEY: secret });
    expect(await reasonOf(client.call(Cluster, 'rotateMasterKey', {}))).toBe('MASTER_KEY_SAME');
    addMasterKey();
    const { masterKey } = await client.call(Cluster, 'rotateMasterKey', {});
    const { masterKey: inUse, masterKeysHere } = await client.call(Cluster, 'keys', {});
    expect(inUse).toBe(masterKey);
    expect(masterKeysHere.at(-1)).toBe(masterKey);
    await set(client, { KEY2: secret });
    const lines = readFileSync(keyFile, 'utf8').trim().split('\n');
    writeFileSync(keyFile, `${lines.at(-1)}\n`);
    const follower = member.follower(2);
    expect(await full(await clientOf(await opened(follower), follower))).toEqual({ KEY: secret, KEY2: secret });
    writeFileSync(keyFile, `${lines[0]}\n`);
    await expect(opened(member.follower(3))).rejects.toThrow(/does not open/);
  });

  test('opens a member whose own state is older than the rotation: it asks a quorum before it gives up', async () => {
    const keyring = await opened();
    const client = await clientOf(keyring);
    await set(client, { KEY: secret });
    const behind = member.follower(2);
    addMasterKey();
    await client.call(Cluster, 'rotateMasterKey', {});
    writeFileSync(keyFile, `${readFileSync(keyFile, 'utf8').trim().split('\n').at(-1)}\n`);
    // It holds the keys as the old master key wrapped them, and has the new one alone.
    const opening = opened(behind);
    setImmediate(() => behind.catchUp());
    expect(await full(await clientOf(await opening, behind))).toEqual({ KEY: secret });
  });

  test('is not replaced by one that other members lack', async () => {
    const keyring = await opened();
    const follower = member.follower(2);
    const atFollower = await clientOf(await opened(follower), follower);
    addMasterKey();
    expect(await reasonOf(atFollower.call(Cluster, 'rotateMasterKey', {}))).toBe('MASTER_KEY_MISSING');
    expect(keyring.status().version).toBe(1);
    // The leader of the twins has no address: whoever is sure of it says so.
    const rotated = atFollower.call(Cluster, 'rotateMasterKey', { force: true });
    while (keyring.status().version < 2) {
      follower.catchUp();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    follower.catchUp();
    expect((await rotated).masterKey).toMatch(/^[0-9a-f]{16}$/);
  });
});

function here<T>(work: (tables: ReadTables) => T): Promise<T> {
  return member.read({ freshness: { kind: 'any' }, appliedIndex: 0, deadline: Number.MAX_VALUE }, work);
}

function propose(body: CommandBody) {
  return proposeKeys(member, body);
}

async function sealsTaken(): Promise<number> {
  return (await here(readKeyring))!.dataKeys[0]!.sealsTaken;
}

/** The key ids of all sealed values of an environment's row. */
function keyIdsIn(row: Uint8Array): number[] {
  const ids: number[] = [];
  for (const cursor = readLive('default', 'a', row)!.variables(); cursor.next();) {
    const { value } = cursor;
    if (value.kind === 'sealed') ids.push(value.keyId);
  }
  return ids;
}
