import type { CloudProvider, TargetLimits } from '@env-cli/outbox';

import type { AwsTarget } from './aws-target.ts';
import { secretNameProblem, secretValueProblem, ssmNameProblem, ssmValueProblem } from './preflight.ts';
import { secretsManagerQuotas, secretWritesBurst, type SsmThroughput, ssmQuotas } from './quotas.ts';
import type { StoreRules } from './rendering.ts';
import type { AwsStore } from './target-options.ts';

/** What of a provider makes calls. */
export type StoreCalls = Required<Omit<CloudProvider, 'limits' | 'render'>>;

/** What a store bears and takes. Known without the SDK, and without a call. */
export interface StoreFace {
  readonly limits: TargetLimits;
  readonly rules: StoreRules;
}

/** The longest that one call may take, in milliseconds. AWS answers in tenths of a second; a new leader waits this long. */
const callMsMax = 15_000;

/** What the store of a target bears and takes. */
export function faceOf(store: AwsStore, target: AwsTarget): StoreFace {
  const { account, region } = target;
  const { encryption, throughput, tier } = target.more;
  const quota = `${store}/${account}/${region}`;
  if (store === 'aws-secrets-manager') {
    const meters = secretsManagerQuotas;
    const intervalMs = Number(target.more['write_interval_ms']);
    const keyWrites = intervalMs === 0 ? {} : { keyWrites: { writesBurst: secretWritesBurst, intervalMs } };
    return {
      limits: { callMsMax, ...meters['read']!, meters, quota, ...keyWrites, deliveriesMax: 16, perMember: false },
      rules: { nameProblem: secretNameProblem, valueProblem: secretValueProblem, attributes: () => '' },
    };
  }
  const meters = ssmQuotas[throughput as SsmThroughput];
  return {
    limits: { callMsMax, ...meters['read']!, meters, quota, deliveriesMax: 8, perMember: false },
    rules: {
      nameProblem: (name) => ssmNameProblem(name, target),
      valueProblem: (bytes) => ssmValueProblem(bytes, tier!),
      attributes: (secret) => (secret || encryption === 'all' ? 'SecureString' : 'String'),
    },
  };
}
