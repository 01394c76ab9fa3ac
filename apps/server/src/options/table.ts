import {
  hostName,
  optionalPath,
  optionalText,
  size,
  address,
  type Address,
  duration,
  flag,
  initialMembers,
  integer,
  oneOf,
  optionalAddress,
  type OptionKind,
  path,
} from './kinds.ts';

/** One option of a member, in all its forms. */
export interface Option<T> {
  readonly kind: OptionKind<T>;
  readonly default: T;
  /** The flag, without its dashes. */
  readonly flag: string;
  /** One or two sentences for help and documentation. */
  readonly text: string;
}

function option<T>(flagName: string, kind: OptionKind<T>, defaultValue: T, text: string): Option<T> {
  return { kind, default: defaultValue, flag: flagName, text };
}

const loopback = (port: number): Address => ({ host: '127.0.0.1', port });

/**
 * Every option of a member. The key is its place in a TOML file; `ENV_CLI_` and the key in capitals is its variable; flag,
 * help, `--print-config` and docs/configuration.md are made from the same row.
 */
export const optionTable = {
  'server.member_id': option(
    'member-id',
    integer(1, 0xffff_ffff),
    1,
    'The number of this member. Given once: a member whose disk was lost comes back under a new number.',
  ),
  'server.data_dir': option(
    'data-dir',
    path,
    '.data/member',
    'Where the member keeps its log and its state. Made with mode 0700 if it does not exist.',
  ),
  'server.listen': option('listen', address, loopback(7371), 'Where the API is served to clients.'),
  'server.advertise': option(
    'advertise',
    optionalAddress,
    null,
    'The API address that other members and clients are told. Empty: the one that the member listens on.',
  ),
  'server.peer_listen': option('peer-listen', address, loopback(7381), 'Where other members reach this one.'),
  'server.bootstrap': option(
    'bootstrap',
    flag,
    false,
    'Founds a new cluster of `members`. Each of them is started with it once; a data directory that belongs to a cluster already is left as it is.',
  ),
  'server.join': option(
    'join',
    flag,
    false,
    'Takes part in a cluster that runs, once that has this member added (`env-cli member add`). `members` names members of it, and this one. A data directory that belongs to a cluster already is left as it is.',
  ),
  'server.members': option(
    'members',
    initialMembers,
    [],
    'Numbers and peer addresses: of the members that found the cluster with `bootstrap`, or with `join` of those that this one finds the cluster by. Later the cluster itself knows its members.',
  ),
  'server.insecure': option(
    'insecure',
    flag,
    false,
    'Allows to listen on addresses that other machines reach without TLS, although calls are then neither encrypted nor authenticated.',
  ),
  'server.default_deadline': option(
    'default-deadline',
    duration(1, 3_600_000),
    10_000,
    'How long a call may take when the client states no deadline.',
  ),
  'server.drain_timeout': option(
    'drain-timeout',
    duration(0, 600_000),
    5_000,
    'How long calls that are under way may take to finish when the member is told to stop.',
  ),
  'server.watch_progress_interval': option(
    'watch-progress-interval',
    duration(100, 3_600_000),
    10_000,
    'How often a watch without changes is told up to which revision it has seen everything.',
  ),
  'server.level_raise_after': option(
    'level-raise-after',
    duration(0, 365 * 86_400_000),
    600_000,
    'How long every member must have been connected with a program that understands a higher feature level before the leader raises the level of the cluster, after which no member can go back to an earlier version. The same on all members. See docs/upgrading.md.',
  ),
  'distributed.consistency_level': option(
    'consistency-level',
    oneOf('strong', 'eventual'),
    'strong',
    'The level of a read that states none.',
  ),
  'distributed.heartbeat_interval': option(
    'heartbeat-interval',
    duration(10, 60_000),
    100,
    'How often the leader tells the others that it leads. The same on all members.',
  ),
  'distributed.election_ticks': option(
    'election-ticks',
    integer(3, 1_000),
    10,
    'Heartbeats that a follower misses before it stands for election; each time it waits for up to twice as many.',
  ),
  'distributed.slow_leader_timeout': option(
    'slow-leader-timeout',
    duration(100, 3_600_000),
    8_000,
    'How long the thread of a leader may be late, or the disk of its log slow, before it hands the lead over. Late or slow is what takes more than half an election timeout, again and again.',
  ),
  'distributed.snapshot_bytes_per_second': option(
    'snapshot-bytes-per-second',
    size(64 * 2 ** 10, 2 ** 40),
    64 * 2 ** 20,
    'How much of its state a member sends in a second, to all members together that need a copy of it. What is left of network and disk belongs to the log.',
  ),
  'storage.map_size': option(
    'map-size',
    size(64 * 2 ** 20, 2 ** 43),
    2 ** 36,
    'The address space of the state’s file: the state cannot grow larger, and a member whose file is full stops. At least twice the quota. It costs nothing until it is used.',
  ),
  'storage.log_segment_size': option(
    'log-segment-size',
    size(2 ** 20, 2 ** 32),
    64 * 2 ** 20,
    'The size of one file of the log.',
  ),
  'storage.reserve_size': option(
    'reserve-size',
    size(2 ** 20, 2 ** 34),
    16 * 2 ** 20,
    'Space that is kept for the day on which the disk is full, so that the member can stop in order and start again.',
  ),
  'storage.hash_check_interval': option(
    'hash-check-interval',
    duration(100, 86_400_000),
    10_000,
    'How often the leader lets the members compare their states, if something was written since.',
  ),
  'storage.scrub_interval': option(
    'scrub-interval',
    duration(1_000, 30 * 86_400_000),
    3_600_000,
    'How long after the last time the member reads its whole state again, slowly, to find what its disk has lost or changed.',
  ),
  'backup.directory': option(
    'backup-dir',
    optionalPath,
    '',
    'The folder into which the leader takes backups of the cluster: one that all members share, or one on each machine. Empty: none are taken.',
  ),
  'backup.interval': option(
    'backup-interval',
    duration(1_000, 365 * 86_400_000),
    86_400_000,
    'How long after the newest backup in the folder the next one is taken.',
  ),
  'backup.keep_count': option(
    'backup-keep-count',
    integer(0, 100_000),
    14,
    'How many backups of the cluster the folder keeps. Older ones go once a new one was checked. 0: any number.',
  ),
  'backup.keep_time': option(
    'backup-keep-time',
    duration(0, 3_650 * 86_400_000),
    0,
    'How old backups in the folder may be. Older ones go once a new one was checked; the newest stays. 0s: of any age.',
  ),
  'security.master_key_file': option(
    'master-key-file',
    optionalPath,
    '',
    'The file, of mode 0600, that holds the key by which the keys of all secrets are wrapped: 32 bytes, or one a line in base64, the newest last. The same on all members. See docs/security.md.',
  ),
  'security.master_key_command': option(
    'master-key-command',
    optionalPath,
    '',
    'A program in the place of that file. It is called with the argument `wrap` or `unwrap`, and gets and gives keys in base64 on its standard input and output.',
  ),
  'security.plain_secrets': option(
    'plain-secrets',
    flag,
    false,
    'Keeps secrets on the disks of all members as they are, although whoever reads a disk then reads them. For trials without a master key.',
  ),
  'security.tls_ca_file': option(
    'tls-ca',
    optionalPath,
    '',
    'The certificates (PEM) of the authority that signs those of members and clients. With the two below, all traffic is encrypted, and who has no certificate of it is not let in.',
  ),
  'security.tls_cert_file': option(
    'tls-cert',
    optionalPath,
    '',
    'The certificate of this member (PEM, intermediate ones behind it), with URI:env-cli://member/N among its subject alternative names. Looked at once a second.',
  ),
  'security.tls_key_file': option('tls-key', optionalPath, '', 'Its private key (PEM), of mode 0600.'),
  'security.data_key_age_max': option(
    'data-key-age-max',
    duration(60_000, 3_650 * 86_400_000),
    90 * 86_400_000,
    'How long a data key seals secrets before a new one takes its place.',
  ),
  'mirrors.enabled': option('mirrors', flag, true, 'Whether this member delivers to mirrors while it leads.'),
  'mirrors.deliveries_max': option(
    'mirror-deliveries-max',
    integer(1, 1_000_000),
    10_000,
    'Deliveries at once, over all mirrors.',
  ),
  'mirrors.scan_interval': option(
    'mirror-scan-interval',
    duration(1_000, 7 * 86_400_000),
    600_000,
    'The mean time between two looks at a mirror’s target for what somebody else changed.',
  ),
  'mirrors.default_directory': option(
    'default-mirror',
    optionalPath,
    '',
    'A folder that is kept equal to the namespace `default`, as dotenv files, by a mirror `files` that is made when the cluster is founded. Empty: none.',
  ),
  'cloud.enabled': option(
    'cloud',
    flag,
    true,
    'Whether mirrors to cloud stores may be made on this member, and are delivered to while it leads.',
  ),
  'cloud.providers.aws.region': option(
    'aws-region',
    optionalText(/^[a-z]{2,3}(-[a-z]+){1,3}-\d{1,2}$/, 'a region such as eu-west-1'),
    '',
    'The region of a mirror to AWS that names none.',
  ),
  'cloud.providers.aws.account_id': option(
    'aws-account-id',
    optionalText(/^\d{12}$/, 'the 12 digits of an account'),
    '',
    'The account of a mirror to AWS that names neither an account nor a role. The credentials must be of that account.',
  ),
  'cloud.providers.aws.access_key_id_env': option(
    'aws-access-key-id-env',
    optionalText(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'the name of an environment variable'),
    '',
    'The environment variable that holds the access key id. Empty: the default chain of the AWS SDK (variables, profiles, SSO, container, instance).',
  ),
  'cloud.providers.aws.secret_access_key_env': option(
    'aws-secret-access-key-env',
    optionalText(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'the name of an environment variable'),
    '',
    'The environment variable that holds the secret access key. Given together with the one of its id.',
  ),
  'cloud.providers.aws.session_token_env': option(
    'aws-session-token-env',
    optionalText(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'the name of an environment variable'),
    '',
    'The environment variable that holds the session token, where the access key is a temporary one.',
  ),
  'cloud.providers.aws.ssm_parameter_prefix': option(
    'aws-ssm-parameter-prefix',
    optionalText(/^\/[A-Za-z0-9_./-]{0,511}$/, 'a path such as /env-cli/'),
    '/env-cli/',
    'Below which path a mirror to Parameter Store writes that names none.',
  ),
  'cloud.providers.aws.secrets_manager_prefix': option(
    'aws-secrets-manager-prefix',
    optionalText(/^[A-Za-z0-9_+=.@/-]{1,512}$/, 'a prefix of names such as env-cli/'),
    'env-cli/',
    'Before which names a mirror to Secrets Manager writes that names none.',
  ),
  'observability.enabled': option('observability', flag, true, 'Whether /metrics, /livez and /readyz are served.'),
  'observability.metrics_host': option(
    'metrics-host',
    hostName,
    '127.0.0.1',
    'The address on which /metrics, /livez and /readyz are served.',
  ),
  'observability.metrics_port': option(
    'metrics-port',
    integer(0, 65_535),
    9_090,
    'The port on which /metrics, /livez and /readyz are served.',
  ),
  'observability.log_level': option(
    'log-level',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal'),
    'info',
    'The least severe messages that are logged. The log holds no values of variables at any level.',
  ),
  'observability.log_format': option(
    'log-format',
    oneOf('auto', 'json', 'text'),
    'auto',
    '`json`: one object a line; `text`: for people; `auto`: `text` on a terminal, else `json`.',
  ),
} as const satisfies Record<string, Option<unknown>>;

/** The place of an option in a TOML file. */
export type OptionKey = keyof typeof optionTable;

/** What is set, for every option. */
export type OptionValues = { readonly [Key in OptionKey]: (typeof optionTable)[Key] extends Option<infer T> ? T : never };

/** Options in the order of the table. */
export const optionKeys = Object.keys(optionTable) as OptionKey[];

/** The row of a key that may be any. */
export function optionOf(key: OptionKey): Option<unknown> {
  return optionTable[key];
}

/** The environment variable of an option. */
export function variableOf(key: OptionKey): string {
  return `ENV_CLI_${key.replaceAll('.', '_').toUpperCase()}`;
}
