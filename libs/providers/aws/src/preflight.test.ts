import type { PlainVariable } from '@env-cli/outbox';
import { encodeUtf8 } from '@env-cli/support';
import { describe, expect, test } from '@jest/globals';

import { openAwsTarget } from './aws-provider.ts';
import { awsDefinition } from './aws-target.ts';
import type { AwsStore } from './target-options.ts';
import { hash } from './testing/aws-world.ts';

const account = '123456789012';
const region = 'eu-west-1';

function rendered(
  store: AwsStore,
  environment: string,
  variables: Readonly<Record<string, string>>,
  options: Record<string, string> = {},
) {
  const { layout = 'per-variable', ...others } = options;
  const definition = awsDefinition(store, layout as 'per-variable' | 'blob', { account, region, prefix: 'env-cli', ...others });
  const settings = { accessKeyIdEnv: 'K', secretAccessKeyEnv: 'S', sessionTokenEnv: '', env: {} };
  const provider = openAwsTarget(definition, { owner: { clusterId: 'c', mirror: 'default/m' }, hash }, settings);
  const plain: PlainVariable[] = Object.entries(variables).map(([name, value]) => ({
    name,
    value: encodeUtf8(value),
    secret: true,
  }));
  const keys = provider.render(environment, plain);
  void provider.close();
  return keys;
}

/** Why the one variable is refused; empty: it is not. */
function reason(store: AwsStore, environment: string, value: string, options: Record<string, string> = {}, name = 'A'): string {
  const [key] = rendered(store, environment, { [name]: value }, options);
  return key?.content.kind === 'refused'
    ? key.content.refusals.map((refusal) => `${refusal.variable}: ${refusal.reason}`).join()
    : '';
}

const deep = (levels: number) => Array.from({ length: Math.min(levels, 8) }, () => 'x').join('/');

describe('what Parameter Store refuses is refused before a call, with the variable and what to do', () => {
  const cases = [
    ['a value that fits', 'shop', 'v', {}, ''],
    ['an empty value', 'shop', '', {}, 'A: Parameter Store takes no empty value'],
    ['4,096 bytes', 'shop', 'x'.repeat(4_096), { tier: 'standard' }, ''],
    ['4,097 bytes in the standard tier', 'shop', 'x'.repeat(4_097), { tier: 'standard' }, 'A: 4097 bytes are more than the 4096'],
    ['4,097 bytes where the tier may be either', 'shop', 'x'.repeat(4_097), {}, ''],
    ['8,193 bytes', 'shop', 'x'.repeat(8_193), {}, 'A: 8193 bytes are more than the 8192'],
    ['bytes, not characters', 'shop', 'ž'.repeat(4_097), {}, 'A: 8194 bytes are more than the 8192'],
    ['a reference of its own', 'shop', 'a {{ssm:x}} b', {}, 'A: Parameter Store takes no value with {{ }}'],
    ['braces that open and do not close', 'shop', 'a {{ b', {}, ''],
    ['15 levels', deep(8), 'v', { prefix: 'a/b/c/d/e/f' }, ''],
    ['16 levels', deep(8), 'v', { prefix: 'a/b/c/d/e/f/g' }, 'A: its name has 16 levels, and Parameter Store takes 15'],
    [
      'a name that is too long',
      'y'.repeat(256),
      'v',
      { prefix: 'p'.repeat(500), name_template: `{environment}/${'t'.repeat(256)}{variable}` },
      'A: its name is',
    ],
  ] as const;
  test.each(cases)('%s', (_why, environment, value, options, problem) => {
    const found = reason('aws-ssm', environment, value, options);
    expect(problem === '' ? found : found.slice(0, problem.length)).toBe(problem);
    expect(value.length > 3 && found.includes(value)).toBe(false);
  });
});

describe('what Secrets Manager refuses is refused before a call, with the variable and what to do', () => {
  const cases = [
    ['65,536 bytes', 'shop', 'x'.repeat(65_536), {}, 'A', ''],
    ['65,537 bytes', 'shop', 'x'.repeat(65_537), {}, 'A', 'A: 65537 bytes are more than the 65536'],
    ['an empty value', 'shop', '', {}, 'A', 'A: Secrets Manager takes no empty value'],
    ['braces', 'shop', '{{ x }}', {}, 'A', ''],
    [
      'a name that ends like an ARN',
      'shop',
      'v',
      {},
      'A-bcdefg',
      'A-bcdefg: env-cli/shop/A-bcdefg ends in a hyphen and six characters',
    ],
    [
      'a name of more than 512 characters',
      'y'.repeat(256),
      'v',
      {},
      'Z'.repeat(256),
      `${'Z'.repeat(256)}: its name is 9 characters too long`,
    ],
  ] as const;
  test.each(cases)('%s', (_why, environment, value, options, name, problem) => {
    const found = reason('aws-secrets-manager', environment, value, options, name);
    expect(problem === '' ? found : found.slice(0, problem.length)).toBe(problem);
  });

  test('a blob that is too large names the largest variable', () => {
    const [key] = rendered(
      'aws-secrets-manager',
      'shop',
      { A: 'x'.repeat(40_000), B: 'y'.repeat(30_000), C: '' },
      { layout: 'blob' },
    );
    expect(key?.content).toMatchObject({
      kind: 'refused',
      refusals: [{ variable: 'A', reason: expect.stringContaining('it is the largest') }],
    });
  });
});

describe('a definition that makes no target is refused with what is wrong', () => {
  const cases = [
    ['no account', 'aws-ssm', { account: '' }, 'the account is not known'],
    [
      'a role of another account',
      'aws-ssm',
      { role_arn: 'arn:aws:iam::210987654321:role/x' },
      'the role is of account 210987654321',
    ],
    ['no region', 'aws-ssm', { region: '' }, 'the region is not known'],
    ['a region that is none', 'aws-ssm', { region: 'mars' }, 'the option region must be the name of a region'],
    ['a prefix that AWS keeps', 'aws-ssm', { prefix: '/aws/x' }, 'AWS keeps names that begin with aws or ssm'],
    [
      'a template without the variable',
      'aws-ssm',
      { name_template: '{environment}/x' },
      'the name template {environment}/x cannot be used',
    ],
    ['a template with both in one part', 'aws-ssm', { name_template: '{environment}-{variable}' }, 'the name template'],
    ['a replacement that is missing', 'aws-ssm', { empty_values: 'replace' }, 'give empty_replacement'],
    ['an option of the other store', 'aws-ssm', { recovery_days: '7' }, 'a mirror to aws-ssm has no option recovery_days'],
    [
      'an interval above a day',
      'aws-secrets-manager',
      { write_interval_ms: '86400001' },
      'the option write_interval_ms must be a duration of at most 24 hours',
    ],
    ['days beyond what AWS keeps', 'aws-secrets-manager', { recovery_days: '31' }, 'the option recovery_days must be 7 to 30'],
  ] as const;
  test.each(cases)('%s', (_why, store, options, problem) => {
    expect(() => awsDefinition(store, 'per-variable', { account, region, prefix: 'p', ...options })).toThrow(problem);
  });
});
