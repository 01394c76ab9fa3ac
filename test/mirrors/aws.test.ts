import { type Client, connect } from '@env-cli/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { emulatorOrSkip, RunningEmulator } from '../support/aws-emulators.ts';
import { EmulatedStore } from '../support/aws-store.ts';
import { LocalCluster } from '../support/cluster.ts';

const moto = emulatorOrSkip('moto');
const variables = Object.fromEntries(Array.from({ length: 24 }, (_, i) => [`KEY_${i}`, `value ${i}`]));

(moto === null ? describe.skip : describe)('real members before Parameter Store (moto)', () => {
  let aws: RunningEmulator;
  let store: EmulatedStore;
  let cluster: LocalCluster;
  let client: Client;

  beforeAll(async () => {
    aws = await RunningEmulator.start(moto!);
    store = new EmulatedStore(aws);
    const { AWS_ENDPOINT_URL = '', AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = aws.clientEnv;
    // The credentials stand in variables that the configuration names, and nowhere that the SDK would look by itself.
    const env = {
      AWS_ENDPOINT_URL,
      AWS_EC2_METADATA_DISABLED: 'true',
      OUR_KEY: AWS_ACCESS_KEY_ID,
      OUR_SECRET: AWS_SECRET_ACCESS_KEY,
    };
    const flags = [
      '--aws-region=eu-west-1',
      `--aws-account-id=${aws.account}`,
      '--aws-access-key-id-env=OUR_KEY',
      '--aws-secret-access-key-env=OUR_SECRET',
      '--mirror-scan-interval=2s',
    ];
    cluster = await LocalCluster.start({ env, flags });
    client = await connect(cluster.addresses, { timeoutMs: 30_000 });
  }, 120_000);
  afterAll(async () => {
    await client.close();
    await cluster.close();
    await aws.stop();
  });

  test('a leader that is killed in the middle of a burst leaves nothing unwritten, and nothing is written twice', async () => {
    await client.mirrors.create({ name: 'params', target: { provider: 'aws-ssm' } });
    await client.environments.set('shop/prod', variables, { createIfAbsent: true });
    await until(async () => (await store.parameters('/env-cli/shop/prod')).size >= 6);
    const { leaderId } = await client.cluster.status();
    await cluster.end(leaderId, 'SIGKILL');
    const { behind } = await client.mirrors.wait({ names: ['params'], timeoutMs: 120_000 });
    expect(behind).toEqual([]);
    expect(Object.fromEntries(await store.parameters('/env-cli/shop/prod'))).toEqual(variables);
    expect(new Set((await store.versions('/env-cli/shop/prod')).values())).toEqual(new Set([1]));
    cluster.startMember(leaderId);
    await cluster.ready();
  }, 240_000);

  test('what somebody changed at the target is imported, and shows in the history', async () => {
    await client.mirrors.update({ name: 'params', target: { provider: 'aws-ssm' }, drift: 'import' });
    await store.putParameter('/env-cli/shop/prod/KEY_1', 'changed by hand');
    await until(async () => {
      const { environment } = await client.environments.get('shop/prod', { view: 'full', consistency: 'strong' });
      return environment.variables.some(({ name, value }) => name === 'KEY_1' && value === 'changed by hand');
    });
    const reasons: string[] = [];
    for await (const change of client.environments.history('shop/prod')) reasons.push(change.reason);
    expect(reasons[0]).toBe('imported from the target of mirror params');
    expect((await store.parameters('/env-cli/shop/prod')).get('KEY_1')).toBe('changed by hand');
  }, 120_000);

  test('a key that somebody else holds is a dead letter by its name, and a retry delivers it once it is free', async () => {
    await store.putParameter('/env-cli/shop/test/TAKEN', 'theirs');
    const { mirrorsStuck } = await client.environments.set(
      'shop/test',
      { TAKEN: 'ours', FREE: 'ours' },
      { createIfAbsent: true, awaitMirrors: { names: ['params'], timeoutMs: 600_000 } },
    );
    expect(mirrorsStuck).toMatchObject([
      { mirror: 'params', reason: 'dead-letter', environment: 'shop/test', state: 'blocked-by-policy' },
    ]);
    const standing = async () => {
      for await (const delivery of client.mirrors.status('params')) if (delivery.environment === 'shop/test') return delivery;
      return null;
    };
    expect((await standing())?.variables.map(({ name, state }) => [name, state])).toEqual([['TAKEN', 'blocked-by-policy']]);
    expect((await store.parameters('/env-cli/shop/test')).get('FREE')).toBe('ours');
    await store.deleteParameter('/env-cli/shop/test/TAKEN');
    await client.mirrors.retry('params', { environment: 'shop/test' });
    await until(async () => (await standing())?.state === 'synced');
    expect((await store.parameters('/env-cli/shop/test')).get('TAKEN')).toBe('ours');
  }, 120_000);
});

/** Looks at another process until something holds there: nothing tells of it. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 90_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it did not come to hold within 90 s');
    await new Promise((wake) => setTimeout(wake, 100));
  }
}
