/** The ten stories that a mirror is judged by, against an emulator behind a proxy that makes things go wrong. */
import { DeleteSecretCommand, DescribeSecretCommand } from '@aws-sdk/client-secrets-manager';
import { targetsOverlap } from '@env-cli/mirroring';
import { contentHash, type PlainVariable, type WriteCalls } from '@env-cli/outbox';
import { encodeUtf8 } from '@env-cli/support';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { emulatorOrSkip, RunningEmulator } from '../../../../test/support/aws-emulators.ts';
import { awsDefinition } from './aws-target.ts';
import type { AwsStore } from './target-options.ts';
import { RawParameters, RawSecrets } from './testing/aws-stores.ts';
import { AwsWorld, hash } from './testing/aws-world.ts';
import { FaultyProxy, type SeenCall } from './testing/faulty-proxy.ts';

const moto = emulatorOrSkip('moto');
const ministack = emulatorOrSkip('ministack');
const region = 'eu-west-1';

(moto === null ? describe.skip : describe)('Parameter Store (moto)', () => {
  let emulator: RunningEmulator;
  let proxy: FaultyProxy;
  let world: AwsWorld;
  let parameters: RawParameters;

  beforeAll(async () => {
    emulator = await RunningEmulator.start(moto!);
    proxy = await FaultyProxy.before(emulator.port);
  }, 60_000);
  afterAll(async () => {
    await proxy.close();
    await emulator.stop();
  });
  beforeEach(() => {
    proxy.reset();
    world = new AwsWorld({ account: emulator.account, region, endpoint: proxy.endpoint });
    parameters = new RawParameters({ account: emulator.account, region, endpoint: emulator.endpoint }, `/${world.prefix}/`);
  });
  afterEach(async () => {
    await world.close();
    await parameters.close();
  });

  const name = (key: string) => `/${world.prefix}/${key}`;

  test('overlapping targets refused', () => {
    const cases = [
      ['the same prefix', claimOf('/env-cli/'), claimOf('env-cli'), true],
      ['a prefix within the other', claimOf('/env-cli'), claimOf('/env-cli/payments/'), true],
      ['the whole account and one prefix', claimOf('/'), claimOf('/env-cli'), true],
      [
        'the same account by a role',
        claimOf('/a'),
        claimOf('/a', { role_arn: 'arn:aws:iam::123456789012:role/x', account: '' }),
        true,
      ],
      ['neighbours of which one begins with the other', claimOf('/env'), claimOf('/env-cli'), false],
      ['another region', claimOf('/a'), claimOf('/a', { region: 'us-east-1' }), false],
      ['another account', claimOf('/a'), claimOf('/a', { account: '210987654321' }), false],
      ['another store', claimOf('/a'), claimOf('a', {}, 'aws-secrets-manager'), false],
    ] as const;
    for (const [why, a, b, overlaps] of cases) expect([why, targetsOverlap(a, b)]).toEqual([why, overlaps]);
  });

  test('a foreign secret survives every operation', async () => {
    await parameters.put(name('shop/THEIRS'), 'theirs');
    await parameters.put(name('shop/BOTH'), 'theirs too');
    world.define('aws-ssm', {}, { deleteShareMaxPercent: 100 });
    const worker = await world.lead();
    world.cluster.write('shop', { OURS: '1', BOTH: 'ours' });
    await world.settled();
    expect(worker.status(1, 'shop', null)?.status.variables).toMatchObject([{ variable: 'BOTH', state: 'BLOCKED_BY_POLICY' }]);
    world.cluster.write('shop', { OURS: '2' });
    await world.settled();
    world.cluster.remove('shop');
    await world.settled();
    world.cluster.undefine(1);
    await world.settled();
    await world.pass(1_500_000);
    expect(Object.fromEntries(await parameters.all())).toEqual({
      [name('shop/THEIRS')]: 'theirs',
      [name('shop/BOTH')]: 'theirs too',
    });
  });

  test('a source error deletes nothing', async () => {
    world.define('aws-ssm', {}, { deleteShareMaxPercent: 100 });
    await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    const before = await parameters.all();
    world.cluster.unreadable.set('shop', { problem: 'a sealed value cannot be opened', refusals: [] });
    world.cluster.write('shop', {});
    await world.settled();
    await world.pass(1_500_000);
    expect(await parameters.all()).toEqual(before);
    expect(proxy.operations('DeleteParameters', 'DeleteParameter')).toEqual([]);
  });

  describe('an empty value', () => {
    test('is refused before a call is made, its key is left, and the status names the variable', async () => {
      world.define('aws-ssm');
      const worker = await world.lead();
      world.cluster.write('shop', { A: '1', B: 'full' });
      await world.settled();
      proxy.reset();
      world.cluster.write('shop', { A: '2', B: '' });
      await world.settled();
      expect(proxy.writes().filter(({ key }) => key === name('shop/B'))).toEqual([]);
      expect(Object.fromEntries(await parameters.all())).toEqual({ [name('shop/A')]: '2', [name('shop/B')]: 'full' });
      expect(worker.status(1, 'shop', null)?.status.variables).toEqual([
        { variable: 'B', state: 'BLOCKED_BY_POLICY', reason: expect.stringContaining('takes no empty value') },
      ]);
      expect(world.cluster.heldOf(1)).toMatchObject([{ failed: true }]);
    });

    test('is skipped when the mirror says so: the environment counts as delivered, and its status names the variable', async () => {
      world.define('aws-ssm', { empty_values: 'skip' });
      await world.lead();
      world.cluster.write('shop', { A: '1', B: '' });
      await world.settled();
      expect(Object.fromEntries(await parameters.all())).toEqual({ [name('shop/A')]: '1' });
      expect(world.cluster.heldOf(1)).toMatchObject([{ failed: false }]);
      expect(world.cluster.reports.at(-1)).toMatchObject({
        kind: 'delivered',
        status: { state: 'SYNCED', variables: [{ variable: 'B', state: 'BLOCKED_BY_POLICY' }] },
      });
    });

    test('is replaced when the mirror says so', async () => {
      world.define('aws-ssm', { empty_values: 'replace', empty_replacement: '(empty)' });
      await world.lead();
      world.cluster.write('shop', { A: '' });
      await world.settled();
      expect(Object.fromEntries(await parameters.all())).toEqual({ [name('shop/A')]: '(empty)' });
    });

    test('is a value like any other in the layout blob', async () => {
      world.define('aws-ssm', {}, { layout: 'blob' });
      await world.lead();
      world.cluster.write('shop', { A: '', B: 'x {{ y }}' });
      await world.settled();
      const [text = ''] = (await parameters.all()).values();
      expect(JSON.parse(text)).toEqual({ A: '', B: 'x {{ y }}' });
      expect(text).not.toContain('{{');
    });
  });

  test('two names that collide after mapping', async () => {
    world.define('aws-ssm', { name_template: '{environment}/{variable:kebab}' });
    const worker = await world.lead();
    world.cluster.write('shop', { DB_URL: 'one', 'DB.URL': 'another', PORT: '1' });
    await world.settled();
    expect(Object.fromEntries(await parameters.all())).toEqual({ [name('shop/port')]: '1' });
    expect(worker.status(1, 'shop', null)?.status.variables.map(({ variable, reason }) => [variable, reason])).toEqual([
      ['DB.URL', 'DB.URL and DB_URL have the same name at the target: rename all but one'],
      ['DB_URL', 'DB.URL and DB_URL have the same name at the target: rename all but one'],
    ]);
  });

  test('a burst of 44 keys under 3 calls a second with a kill in the middle', async () => {
    const quota = new Quota(3, () => world.host.nowMs());
    proxy.fate = ({ operation }) =>
      operation !== 'PutParameter' || quota.take() ? { kind: 'pass' } : { kind: 'throttle', retryAfterSeconds: 1 };
    world.define('aws-ssm');
    await world.lead();
    const variables = Object.fromEntries(Array.from({ length: 44 }, (_, i) => [`KEY_${i}`, `${i}`]));
    const beganMs = world.host.nowMs();
    world.cluster.write('shop', variables);
    await world.until(() => proxy.operations('PutParameter').length === 20);
    world.kill();
    await world.lead();
    await world.settled();
    const found = await parameters.parameters();
    expect(Object.fromEntries(found.map(({ Name, Value }) => [Name, Value]))).toEqual(
      Object.fromEntries(Object.entries(variables).map(([key, value]) => [name(`shop/${key}`), value])),
    );
    // None was written twice, and the rate was kept so well that the store never had to ask.
    expect(found.every(({ Version }) => Version === 1)).toBe(true);
    expect(quota.refused).toBe(0);
    expect(world.host.nowMs() - beganMs).toBeGreaterThan(13_000);
  });

  test('a store that throttles more than it says is followed, and everything arrives', async () => {
    const quota = new Quota(0.5, () => world.host.nowMs());
    proxy.fate = ({ operation }) => (operation !== 'PutParameter' || quota.take() ? { kind: 'pass' } : { kind: 'throttle' });
    world.define('aws-ssm');
    await world.lead();
    world.cluster.write('shop', Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`KEY_${i}`, `${i}`])));
    await world.settled();
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: false }]);
    expect((await parameters.all()).size).toBe(12);
    expect(quota.refused).toBeGreaterThan(0);
    expect(quota.refused).toBeLessThan(40);
  });

  test('Retry-After is waited for', async () => {
    world.define('aws-ssm');
    await world.lead();
    let throttled = false;
    proxy.fate = ({ operation }) => {
      if (operation !== 'PutParameter' || throttled) return { kind: 'pass' };
      throttled = true;
      return { kind: 'throttle', retryAfterSeconds: 30 };
    };
    const beganMs = world.host.nowMs();
    world.cluster.write('shop', { A: '1' });
    await world.settled();
    expect(world.host.nowMs() - beganMs).toBeGreaterThanOrEqual(30_000);
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: false }]);
  });

  test('a partial failure that lists every key', async () => {
    const value = 'hunter2-hunter2';
    const refused = {
      kind: 'fail',
      status: 400,
      type: 'ValidationException',
      message: `1 validation error: Value '${value}' failed`,
    } as const;
    proxy.fate = ({ operation, key }) => (operation === 'PutParameter' && /B|D$/.test(key) ? refused : { kind: 'pass' });
    world.define('aws-ssm', {}, { deleteShareMaxPercent: 100 });
    const worker = await world.lead();
    world.cluster.write('shop', { A: value, B: value, C: value, D: value });
    await world.settled();
    expect(Object.keys(Object.fromEntries(await parameters.all())).toSorted()).toEqual([name('shop/A'), name('shop/C')]);
    const status = worker.status(1, 'shop', null)?.status;
    expect(status?.variables.map(({ variable, state }) => [variable, state])).toEqual([
      ['B', 'TARGET_ERROR'],
      ['D', 'TARGET_ERROR'],
    ]);
    expect(status?.others).toEqual({ state: 'SYNCED', reason: '' });
    expect(world.told() + JSON.stringify(status)).not.toContain(value);
    expect(status?.reason).toContain('ValidationException');
  });

  test('a promotion that keeps environment-specific values', async () => {
    await parameters.put(name('prod/HAND_MADE'), 'only here');
    world.define('aws-ssm', {}, { deleteShareMaxPercent: 100 });
    await world.lead();
    world.cluster.write('staging', { IMAGE: 'v2', DB_URL: 'postgres://staging' });
    world.cluster.write('prod', { IMAGE: 'v1', DB_URL: 'postgres://prod' });
    await world.settled();
    proxy.reset();
    world.cluster.write('prod', { IMAGE: 'v2', DB_URL: 'postgres://prod' });
    await world.settled();
    expect(Object.fromEntries(await parameters.all())).toEqual({
      [name('prod/HAND_MADE')]: 'only here',
      [name('prod/IMAGE')]: 'v2',
      [name('prod/DB_URL')]: 'postgres://prod',
      [name('staging/IMAGE')]: 'v2',
      [name('staging/DB_URL')]: 'postgres://staging',
    });
    expect(new Set(proxy.writes().map(({ key }) => key))).toEqual(new Set([name('prod/IMAGE')]));
  });

  test('an unchanged revision makes no write call', async () => {
    world.define('aws-ssm');
    await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    proxy.reset();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    await world.pass(1_500_000);
    world.kill();
    await world.lead();
    await world.pass(1_500_000);
    expect(proxy.writes()).toEqual([]);
    expect(proxy.calls.length).toBeGreaterThan(0);
  });

  test('a lost answer is found done, and nothing is written twice', async () => {
    world.define('aws-ssm');
    await world.lead();
    world.cluster.write('shop', { A: '1' });
    await world.settled();
    let cut = 0;
    proxy.fate = ({ operation }) => (operation === 'PutParameter' && cut++ === 0 ? { kind: 'cut-after' } : { kind: 'pass' });
    world.cluster.write('shop', { A: '2' });
    await world.settled();
    expect((await parameters.parameters()).map(({ Value, Version }) => [Value, Version])).toEqual([['2', 2]]);
    expect(world.events.map(({ outcome }) => outcome)).toContain('retry');
  });

  test('a call that hangs is given up at its time limit, and tried again', async () => {
    world.define('aws-ssm');
    await world.lead();
    const end = Promise.withResolvers<void>();
    let hung = false;
    proxy.fate = ({ operation }) => {
      if (operation !== 'PutParameter' || hung) return { kind: 'pass' };
      hung = true;
      return { kind: 'delay', until: end.promise };
    };
    world.cluster.write('shop', { A: '1' });
    // Time stands still for calls that are under way, so the limit of this one is let pass by hand.
    const settled = world.settled();
    await until(() => hung);
    await world.host.pass(15_001);
    await settled;
    end.resolve();
    expect(world.events.find(({ outcome }) => outcome === 'retry')?.status.reason).toContain('did not answer within 15000 ms');
    expect(Object.values(Object.fromEntries(await parameters.all()))).toEqual(['1']);
  });

  test('after the last attempt a key goes to the dead letters, and a retry delivers it', async () => {
    proxy.fate = ({ operation, key }) =>
      operation === 'PutParameter' && key.endsWith('B')
        ? { kind: 'fail', status: 503, type: 'ServiceUnavailable', message: 'later' }
        : { kind: 'pass' };
    world.define('aws-ssm');
    await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: true }]);
    expect(world.cluster.reports.at(-1)?.status.variables).toMatchObject([{ variable: 'B', state: 'TARGET_ERROR' }]);
    proxy.reset();
    world.define('aws-ssm');
    await world.settled();
    expect(proxy.writes().map(({ key }) => key)).toEqual([name('shop/B')]);
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: false }]);
  });

  test('credentials of another account write nothing', async () => {
    const other = new AwsWorld({ account: '999999999999', region, endpoint: proxy.endpoint });
    other.define('aws-ssm');
    const worker = await other.lead();
    other.cluster.write('shop', { A: '1' });
    await other.settled();
    expect(worker.status(1, 'shop', null)?.status.reason).toContain('the credentials are of account 123456789012');
    expect(proxy.writes()).toEqual([]);
    await other.close();
  });

  test('a role is assumed with its external id and session name, and its credentials are used', async () => {
    world.define('aws-ssm', {
      account: '222222222222',
      role_arn: 'arn:aws:iam::222222222222:role/env-cli',
      external_id: 'agreed-on',
      session_name: 'mirror-of-shop',
    });
    await world.lead();
    world.cluster.write('shop', { A: '1' });
    await world.settled();
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: false }]);
    const assumed = proxy.calls.filter(({ body }) => body['Action'] === 'AssumeRole');
    expect(assumed[0]?.body).toMatchObject({
      RoleArn: 'arn:aws:iam::222222222222:role/env-cli',
      RoleSessionName: 'mirror-of-shop',
      ExternalId: 'agreed-on',
      DurationSeconds: '3600',
    });
    // The parameters of the other account: the ones of our own have none.
    expect((await parameters.all()).size).toBe(0);
  });

  test.each([
    ['an hour from now, are used until then', 3_600_000, 2],
    ['within minutes, are renewed before they end', 120_000, 3],
  ])('credentials of a role that end %s', async (_when, leftMs, assumedAtLeast) => {
    const expiration = new Date(Date.now() + leftMs).toISOString();
    proxy.fate = ({ body }) =>
      body['Action'] === 'AssumeRole'
        ? { kind: 'rewrite', answer: (xml) => xml.replace(/<Expiration>[^<]*/, `<Expiration>${expiration}`) }
        : { kind: 'pass' };
    world.define('aws-ssm', { account: '222222222222', role_arn: 'arn:aws:iam::222222222222:role/env-cli' });
    await world.lead();
    for (const value of ['1', '2', '3']) {
      world.cluster.write('shop', { A: value });
      await world.settled();
    }
    expect(world.cluster.heldOf(1)).toMatchObject([{ failed: false }]);
    const assumed = proxy.calls.filter(({ body }) => body['Action'] === 'AssumeRole').length;
    // Each client of the SDK (the store's and the one that asks for the account) keeps its own.
    expect(leftMs > 300_000 ? assumed : Math.min(assumed, assumedAtLeast)).toBe(assumedAtLeast);
  });

  test('a value of more than 4,096 bytes makes an advanced parameter, and it stays one', async () => {
    world.define('aws-ssm');
    await world.lead();
    world.cluster.write('shop', { A: 'x'.repeat(4_097), B: 'y'.repeat(4_096) });
    await world.settled();
    world.cluster.write('shop', { A: 'small', B: 'y' });
    await world.settled();
    const tiers = proxy.calls
      .filter(({ operation }) => operation === 'PutParameter')
      .map(({ key, body }) => `${key.at(-1)} ${String(body['Tier'])}`);
    expect(tiers.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['A Advanced', 'A Advanced', 'B Standard', 'B Standard']);
  });

  test('what becomes a secret is made anew as one, for AWS changes the type of no parameter', async () => {
    const { provider, calls, write } = directly(world, { encryption: 'secrets' });
    const plain = [{ name: 'A', value: encodeUtf8('1'), secret: false }];
    const secret = [{ ...plain[0]!, secret: true }];
    expect(await write(plain)).toBe('done');
    expect((await parameters.parameters()).map(({ Type }) => Type)).toEqual(['String']);
    expect(await write(secret)).toBe('unavailable after 30000 ms');
    expect((await provider.read('shop', [name('shop/A')], calls)).keys).toEqual([]);
    expect(await write(secret)).toBe('done');
    expect((await parameters.parameters()).map(({ Type, Value }) => [Type, Value])).toEqual([['SecureString', '1']]);
    await provider.close();
  });
});

(ministack === null ? describe.skip : describe)('Secrets Manager (ministack, which moves stages rightly)', () => {
  let emulator: RunningEmulator;
  let proxy: FaultyProxy;
  let world: AwsWorld;
  let secrets: RawSecrets;

  beforeAll(async () => {
    emulator = await RunningEmulator.start(ministack!);
    proxy = await FaultyProxy.before(emulator.port);
  }, 60_000);
  afterAll(async () => {
    await proxy.close();
    await emulator.stop();
  });
  beforeEach(() => {
    proxy.reset();
    world = new AwsWorld({ account: emulator.account, region, endpoint: proxy.endpoint });
    secrets = new RawSecrets({ account: emulator.account, region, endpoint: emulator.endpoint }, `${world.prefix}/`);
  });
  afterEach(async () => {
    await world.close();
    await secrets.close();
  });

  const name = (key: string) => `${world.prefix}/${key}`;

  test('a name that is soft-deleted at the target', async () => {
    world.define('aws-secrets-manager', { recovery_days: '7' }, { deleteShareMaxPercent: 100 });
    await world.lead();
    world.cluster.write('shop', { A: '1', B: '2' });
    await world.settled();
    world.cluster.write('shop', { B: '2' });
    await world.settled();
    expect(Object.fromEntries(await secrets.all())).toEqual({ [name('shop/B')]: '2' });
    const deletion = proxy.calls.find(({ operation }) => operation === 'DeleteSecret');
    expect(deletion?.body).toMatchObject({ RecoveryWindowInDays: 7 });
    proxy.reset();
    world.cluster.write('shop', { A: 'back', B: '2' });
    await world.settled();
    expect(Object.fromEntries(await secrets.all())).toEqual({ [name('shop/A')]: 'back', [name('shop/B')]: '2' });
    expect(proxy.operations('RestoreSecret', 'CreateSecret')).toEqual(['RestoreSecret']);
  });

  test('a soft-deleted secret of somebody else is not taken back', async () => {
    await secrets.put(name('shop/A'), 'theirs');
    await secrets.client.send(
      new DeleteSecretCommand({
        SecretId: name('shop/A'),
        RecoveryWindowInDays: 7,
      }),
    );
    world.define('aws-secrets-manager');
    const worker = await world.lead();
    world.cluster.write('shop', { A: 'ours' });
    await world.settled();
    expect(proxy.writes()).toEqual([]);
    expect(worker.status(1, 'shop', null)?.status.reason).toContain('scheduled for deletion');
    const found = await secrets.client.send(new DescribeSecretCommand({ SecretId: name('shop/A') }));
    expect(found.DeletedDate).toBeDefined();
  });

  /** The variable A of the one secret that there is. */
  async function newest(): Promise<unknown> {
    return JSON.parse([...(await secrets.all()).values()][0]!).A;
  }

  test('a secret is written 20 times at once, and then once in 10 minutes: what waits is told, and the newest follows', async () => {
    world.define('aws-secrets-manager', {}, { layout: 'blob' });
    const worker = await world.lead();
    for (let i = 1; i <= 20; i++) {
      world.cluster.write('shop', { A: String(i) });
      await world.settled();
    }
    expect(await newest()).toBe('20');
    for (const value of ['21', '22']) {
      world.cluster.write('shop', { A: value });
      await world.pass(1_000);
    }
    expect(await newest()).toBe('20');
    expect(worker.status(1, 'shop', 'deliver')?.status).toMatchObject({
      state: 'PENDING',
      reason: expect.stringContaining('it was written 20 times in short order, and may be once in 600 s in the long run'),
    });
    await world.pass(600_000);
    expect(await newest()).toBe('22');
    expect(proxy.operations('CreateSecret', 'PutSecretValue').length).toBe(21);
  });

  test('a secret is written as often as it changes where the mirror says so', async () => {
    world.define('aws-secrets-manager', { write_interval_ms: '0' }, { layout: 'blob' });
    await world.lead();
    for (let i = 1; i <= 23; i++) {
      world.cluster.write('shop', { A: String(i) });
      await world.settled();
    }
    expect(proxy.operations('CreateSecret', 'PutSecretValue').length).toBe(23);
  });

  test('a rollback moves the stage back to the version before, and makes none', async () => {
    world.define('aws-secrets-manager');
    await world.lead();
    for (const value of ['one', 'two']) {
      world.cluster.write('shop', { A: value });
      await world.settled();
    }
    proxy.reset();
    world.cluster.write('shop', { A: 'one' });
    await world.settled();
    expect(Object.fromEntries(await secrets.all())).toEqual({ [name('shop/A')]: 'one' });
    expect(proxy.writes().map(({ operation }) => operation)).toEqual(['TagResource', 'UpdateSecretVersionStage']);
    const moved = proxy.calls.find(({ operation }) => operation === 'UpdateSecretVersionStage');
    expect(moved?.body['RemoveFromVersionId']).toBeDefined();
  });

  test('what somebody put in front of our version is taken back by the stage, for AWS ignores the same write', async () => {
    world.define('aws-secrets-manager');
    await world.lead();
    world.cluster.write('shop', { A: 'first' });
    await world.settled();
    world.cluster.write('shop', { A: 'ours' });
    await world.settled();
    await secrets.put(name('shop/A'), 'theirs');
    proxy.reset();
    await world.pass(1_500_000);
    expect(Object.fromEntries(await secrets.all())).toEqual({ [name('shop/A')]: 'ours' });
    expect(proxy.operations('PutSecretValue', 'UpdateSecretVersionStage')).toEqual(['UpdateSecretVersionStage']);
  });
});

(moto === null ? describe.skip : describe)('Secrets Manager (moto, which is right about tokens)', () => {
  test('the same write has the same token at every attempt, so that a lost answer makes no second version', async () => {
    const emulator = await RunningEmulator.start(moto!);
    const proxy = await FaultyProxy.before(emulator.port);
    const world = new AwsWorld({ account: emulator.account, region, endpoint: proxy.endpoint });
    try {
      world.define('aws-secrets-manager');
      await world.lead();
      world.cluster.write('shop', { A: '1' });
      await world.settled();
      let cut = 0;
      proxy.fate = (call) => (isPut(call) && cut++ === 0 ? { kind: 'cut-before' } : { kind: 'pass' });
      world.cluster.write('shop', { A: '2' });
      await world.settled();
      const tokens = proxy.calls.filter(isPut).map(({ body }) => String(body['ClientRequestToken']));
      expect(tokens).toHaveLength(2);
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const reader = new RawSecrets({ account: emulator.account, region, endpoint: emulator.endpoint }, '');
      const found = await reader.client.send(new DescribeSecretCommand({ SecretId: `${world.prefix}/shop/A` }));
      expect(Object.keys(found.VersionIdsToStages ?? {})).toHaveLength(2);
      expect(found.VersionIdsToStages?.[tokens[0]!]).toEqual(['AWSCURRENT']);
      reader.client.destroy();
    } finally {
      await world.close();
      await proxy.close();
      await emulator.stop();
    }
  }, 60_000);
});

/** A provider by itself, without a worker. */
function directly(world: AwsWorld, options: Readonly<Record<string, string>>) {
  const owner = { clusterId: 'c0ffee', mirror: 'default/files' };
  const provider = world.provider('aws-ssm', options, { owner, hash });
  const calls: WriteCalls = {
    read: (call) => call(new AbortController().signal),
    write: (call) => call(new AbortController().signal),
  };
  const write = async (variables: readonly PlainVariable[]): Promise<string> => {
    const [{ key, content } = { key: '', content: null }] = provider.render('shop', variables);
    if (content?.kind !== 'value') throw new Error('it is refused');
    const { bytes, attributes = '' } = content;
    const [found = null] = (await provider.read('shop', [key], calls)).keys;
    const stamp = { ...owner, epoch: 1, environment: 'shop', revision: 1, valueHash: contentHash(hash, bytes, attributes) };
    const [result] = await provider.apply([{ kind: 'write', key, bytes, attributes, stamp, found }], calls);
    const failure = result?.failure ?? null;
    return failure === null ? 'done' : `${failure.class} after ${failure.retryAfterMs} ms`;
  };
  return { provider, calls, write };
}

/** What a mirror with this prefix claims. */
function claimOf(prefix: string, over: Readonly<Record<string, string>> = {}, store: AwsStore = 'aws-ssm'): string {
  return awsDefinition(store, 'per-variable', { account: '123456789012', region, prefix, ...over }).targetKey;
}

function isPut({ operation }: SeenCall): boolean {
  return operation === 'PutSecretValue';
}

/** What AWS lets through: so many calls a second, with a burst as large. */
class Quota {
  refused = 0;
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: () => number) {
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#left = Math.max(1, perSecond);
    this.#atMs = nowMs();
  }

  take(): boolean {
    const now = this.#nowMs();
    this.#left = Math.min(Math.max(1, this.#perSecond), this.#left + ((now - this.#atMs) / 1000) * this.#perSecond);
    this.#atMs = now;
    if (this.#left < 0.999) {
      this.refused++;
      return false;
    }
    this.#left--;
    return true;
  }
}

/** Resolves once something holds, without letting the world's time pass. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((look) => setImmediate(look));
}
