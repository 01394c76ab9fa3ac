/** One option of a mirror to AWS, in the words of its definition. */
export interface TargetOption {
  readonly key: string;
  /** What holds when a definition does not say; null: it must say. */
  readonly default: string | null;
  readonly isValid: (value: string) => boolean;
  /** What is allowed, as a phrase behind "must be". */
  readonly allowed: string;
}

const matches = (pattern: RegExp) => (value: string) => pattern.test(value);
const oneOf = (...words: readonly string[]) => ({
  isValid: (value: string) => words.includes(value),
  allowed: `one of ${words.join(', ')}`,
});

/** Options of both stores. */
const common: readonly TargetOption[] = [
  { key: 'account', default: null, isValid: matches(/^\d{12}$/), allowed: 'the 12 digits of an AWS account' },
  {
    key: 'empty_replacement',
    default: '',
    isValid: matches(/^[\x20-\x7e]{0,256}$/),
    allowed: 'at most 256 printable ASCII characters',
  },
  { key: 'empty_values', default: 'refuse', ...oneOf('refuse', 'skip', 'replace') },
  {
    key: 'external_id',
    default: '',
    isValid: matches(/^([A-Za-z0-9_+=,.@:/-]{2,1224})?$/),
    allowed: '2 to 1,224 letters, digits and _+=,.@:/-',
  },
  {
    key: 'kms_key_id',
    default: '',
    isValid: matches(/^([A-Za-z0-9:/_-]{1,2048})?$/),
    allowed: 'the id, ARN or alias of a KMS key',
  },
  { key: 'name_template', default: '', isValid: matches(/^.{0,512}$/), allowed: 'at most 512 characters' },
  { key: 'prefix', default: null, isValid: matches(/^[A-Za-z0-9_.+=@/-]{0,512}$/), allowed: 'a prefix of names' },
  {
    key: 'region',
    default: null,
    isValid: matches(/^[a-z]{2,3}(-[a-z]+){1,3}-\d{1,2}$/),
    allowed: 'the name of a region, such as eu-west-1',
  },
  {
    key: 'role_arn',
    default: '',
    isValid: matches(/^(arn:aws[a-z-]*:iam::\d{12}:role\/[A-Za-z0-9_+=,.@/-]{1,512})?$/),
    allowed: 'the ARN of a role, such as arn:aws:iam::123456789012:role/env-cli',
  },
  {
    key: 'session_name',
    default: '',
    isValid: matches(/^([A-Za-z0-9_+=,.@-]{2,64})?$/),
    allowed: '2 to 64 letters, digits and _+=,.@-',
  },
  { key: 'unfit_values', default: 'refuse', ...oneOf('refuse', 'skip') },
];

const ssm: readonly TargetOption[] = [
  ...common,
  { key: 'encryption', default: 'all', ...oneOf('all', 'secrets') },
  { key: 'throughput', default: 'default', ...oneOf('default', 'high') },
  { key: 'tier', default: 'auto', ...oneOf('auto', 'standard', 'advanced') },
];

/** The longest interval between two writes of a secret in the long run: 24 hours. */
const writeIntervalMsMax = 86_400_000;

const secretsManager: readonly TargetOption[] = [
  ...common,
  {
    key: 'recovery_days',
    default: '30',
    isValid: (value) => /^\d{1,2}$/.test(value) && Number(value) >= 7 && Number(value) <= 30,
    allowed: '7 to 30',
  },
  {
    key: 'write_interval_ms',
    default: '600000',
    isValid: (value) => /^\d{1,8}$/.test(value) && Number(value) <= writeIntervalMsMax,
    allowed: 'a duration of at most 24 hours',
  },
];

/** The options of each store, in any order. */
export const targetOptions = { 'aws-ssm': ssm, 'aws-secrets-manager': secretsManager } as const;

/** A store of AWS, as definitions name it. */
export type AwsStore = keyof typeof targetOptions;
