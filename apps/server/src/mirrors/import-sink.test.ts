import assert from 'node:assert/strict';

import { encodeUtf8 } from '@env-cli/support';
import { Environments, Mirrors, View } from '@env-cli/wire';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { lockedSecrets, plainSecrets, type Secrets } from '../secrets/secrets.ts';
import { setting } from '../testing/operations.ts';
import { Serving, TestClient } from '../testing/serving.ts';
import { TwinMember } from '../testing/twin-member.ts';
import { MemberImportSink } from './import-sink.ts';

let member: TwinMember;
let serving: Serving;
let client: TestClient;

beforeEach(async () => {
  member = TwinMember.alone();
  serving = await Serving.of(member);
  client = new TestClient(serving.address);
  const target = { provider: { case: 'file', value: { directory: '/tmp/a' } } } as const;
  await client.call(Mirrors, 'create', { mirror: { name: 'files', target } });
  await client.call(Environments, 'write', { operations: [setting('shop', { PLAIN: 'p', OTHER: 'o' })] });
  const secret = { name: 'SECRET', value: 's', secret: true };
  await client.call(Environments, 'write', {
    operations: [{ environment: 'shop', action: { case: 'set', value: { variables: [secret] } } }],
  });
});
afterEach(async () => {
  client.close();
  await serving.close();
  assert.deepEqual(serving.faults, []);
});

function imported(modifyRevision: number, values: Readonly<Record<string, string>>, secrets: Secrets = plainSecrets) {
  const variables = Object.entries(values).map(([name, value]) => ({ name, value: encodeUtf8(value) }));
  return new MemberImportSink(member, secrets).import({ mirror: 1, environment: 'shop', modifyRevision, variables });
}

async function kept(): Promise<string[]> {
  const { environment } = await client.call(Environments, 'get', { name: 'shop', options: { view: View.FULL } });
  return (environment?.variables ?? []).map(({ name, value, secret }) => `${name}=${value}${secret ? ' (secret)' : ''}`);
}

describe('what somebody else changed at a target', () => {
  test('becomes one write that says where it came from; a secret stays one, and what is new becomes one', async () => {
    expect(await imported(2, { PLAIN: 'p2', SECRET: 's2', NEW: 'n' })).toEqual({ kind: 'written' });
    expect(await kept()).toEqual(['NEW=n (secret)', 'OTHER=o', 'PLAIN=p2', 'SECRET=s2 (secret)']);
    const { changes } = await client.call(Environments, 'history', { name: 'shop' });
    expect(changes[0]).toMatchObject({ principal: 'mirror worker', reason: 'imported from the target of mirror files' });
  });

  test('has its secrets sealed before they are proposed, and nothing else', async () => {
    const sealed: string[] = [];
    const seal: Secrets['seal'] = ({ namespace, environment, variable }, bytes) => {
      sealed.push(`${namespace}/${environment}/${variable}`);
      return plainSecrets.seal({ namespace, environment, variable }, bytes);
    };
    expect(await imported(2, { PLAIN: 'p2', SECRET: 's2', NEW: 'n' }, { ...plainSecrets, seal })).toEqual({ kind: 'written' });
    expect(sealed.toSorted()).toEqual(['default/shop/NEW', 'default/shop/SECRET']);
  });

  test('is refused by a member that has no key for secrets', async () => {
    expect(await imported(2, { SECRET: 's2' }, lockedSecrets)).toMatchObject({ kind: 'refused' });
    expect(await kept()).toContain('SECRET=s (secret)');
  });

  test('is no write when it says what the cluster holds, secrets by their hash', async () => {
    expect(await imported(2, { PLAIN: 'p', SECRET: 's' })).toEqual({ kind: 'unchanged' });
  });

  test('is not written over what was committed since it was compared', async () => {
    expect(await imported(1, { PLAIN: 'p2' })).toEqual({ kind: 'conflict' });
    expect(await kept()).toContain('PLAIN=p');
  });

  test('is refused where the cluster takes no such name, with why', async () => {
    expect(await imported(2, { 'no name': 'x' })).toMatchObject({ kind: 'refused', reason: expect.stringContaining('name') });
  });
});
