import type { AwsDefaults } from '../mirrors/aws-definition.ts';

/** What mirrors of tests have where they do not say. */
export const testAwsDefaults: AwsDefaults = {
  enabled: true,
  account: '123456789012',
  region: 'eu-west-1',
  ssmPrefix: '/env-cli/',
  secretsManagerPrefix: 'env-cli/',
};
