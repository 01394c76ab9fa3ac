import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  AlarmKind,
  ChangeKind,
  DeliveryState,
  DriftPolicy,
  FileFormat,
  MemberRole,
  PlanAction,
  StuckReason,
  VariableType,
} from '@env-cli/wire';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { parse } from 'yaml';

import { run as runHere, type Ran, type RunOptions } from './testing/recorded-io.ts';
import { Twin, TwinRefusal, type Answer } from './testing/twin.ts';

const time = { seconds: BigInt(Date.UTC(2026, 10, 23, 8, 0, 0) / 1000), nanos: 0 };
const variables = [
  { name: 'API_KEY', secret: true, valueBytes: 24n, valueHash: 'ab12', modifyRevision: 12n },
  {
    name: 'DB_URL',
    value: 'postgres://db/payments',
    valueBytes: 22n,
    type: VariableType.URL,
    modifyRevision: 9n,
    comment: 'the primary',
  },
  { name: 'GREETING', value: 'two\nlines\u001B[31m', valueBytes: 14n, modifyRevision: 9n },
];
const environment = {
  namespace: 'default',
  name: 'payments/prod',
  variables,
  labels: { team: 'payments', tier: 'prod' },
  createRevision: 3n,
  modifyRevision: 12n,
  version: 4n,
};
const revealed = variables.map((variable) => ({ ...variable, value: variable.value ?? 's3cret' }));
const file = { provider: { case: 'file', value: { directory: '/srv/env', format: FileFormat.JSON } } };
const mirror = {
  namespace: 'default',
  name: 'files',
  prefix: 'payments/',
  target: file,
  drift: DriftPolicy.REPORT,
  deleteBrakePercent: 20,
};
const change = {
  revision: 12n,
  environment: 'payments/prod',
  kind: ChangeKind.UPDATED,
  variables: [
    { name: 'API_KEY', before: { ...variables[0], valueBytes: 20n, valueHash: 'cd' }, after: variables[0] },
    { name: 'NEW', after: { name: 'NEW', value: '1' } },
    { name: 'OLD', before: { name: 'OLD', value: '0' } },
  ],
  labelsBefore: { team: 'payments', gone: 'x' },
  labelsAfter: { team: 'billing', tier: 'prod' },
  principal: 'alice',
  reason: 'rotate the key',
  time,
};

/** A cluster in which everything goes well. */
const healthy: Record<string, (request: any) => Answer> = {
  'Environments.Get': ({ variables: names, options }) => {
    const all = options?.view === 2 ? revealed : variables;
    return {
      environment: { ...environment, variables: names.length === 0 ? all : all.filter(({ name }) => names.includes(name)) },
    };
  },
  'Environments.List': ({ pageToken }) =>
    pageToken === ''
      ? { environments: [environment], nextPageToken: 'next', listRevision: 14n }
      : { environments: [{ ...environment, name: 'payments/staging', labels: {}, variables: [] }], listRevision: 14n },
  'Environments.Write': () => ({ revision: 14n, changed: true }),
  'Environments.History': () => ({
    changes: [change, { ...change, revision: 3n, kind: ChangeKind.CREATED, variables: [], reason: '' }],
    compacted: true,
  }),
  'Environments.Diff': () => ({
    variables: change.variables,
    labelsBefore: change.labelsBefore,
    labelsAfter: change.labelsAfter,
    leftExists: true,
    rightExists: true,
  }),
  'Environments.Watch': () => ({
    responses: [
      { event: { case: 'started', value: { startRevision: 12n } }, revision: 11n, resumeToken: 'r11' },
      { event: { case: 'changes', value: { changes: [change] } }, revision: 12n, resumeToken: 'r12' },
    ],
  }),
  'Mirrors.Create': ({ mirror: asked }) => ({ mirror: asked }),
  'Mirrors.Update': ({ mirror: asked }) => ({ mirror: asked }),
  'Mirrors.Delete': () => ({}),
  'Mirrors.Retry': () => ({ changed: true }),
  'Mirrors.Pause': () => ({ mirror }),
  'Mirrors.Resume': () => ({ mirror }),
  'Mirrors.List': () => ({ mirrors: [mirror] }),
  'Mirrors.Status': () => ({
    mirror,
    pendingCount: 1n,
    deliveredRevision: 9n,
    environments: [
      { environment: 'payments/prod', state: DeliveryState.SYNCED, deliveredRevision: 12n },
      {
        environment: 'payments/staging',
        state: DeliveryState.TARGET_ERROR,
        pendingRevision: 13n,
        attempts: 2,
        error: 'disk full',
        nextAttemptTime: time,
        variables: [{ name: 'X', state: DeliveryState.BLOCKED_BY_POLICY, error: 'a zero byte' }],
      },
    ],
  }),
  'Mirrors.Plan': () => ({
    items: [
      { environment: 'payments/prod', key: 'DB_URL', action: PlanAction.UNCHANGED, valueBytes: 22n },
      { environment: 'payments/prod', key: 'OLD', action: PlanAction.ORPHAN, note: 'no longer wanted' },
    ],
    truncated: true,
  }),
  'Mirrors.Wait': () => ({}),
  'Cluster.Members': () => ({
    members: [
      { memberId: 1n, peerAddress: '127.0.0.1:7381', apiAddress: '', role: MemberRole.LEADER, connected: true },
      { memberId: 2n, peerAddress: '127.0.0.1:7382', apiAddress: '127.0.0.1:1', role: MemberRole.FOLLOWER, connected: false },
    ],
  }),
  'Cluster.Level': () => ({
    featureLevel: {
      level: 1,
      readyLevel: 1,
      levelMax: 2,
      missing: 'member 2 is away: start it, or remove it',
      members: [
        { memberId: 1n, apiAddress: '127.0.0.1:7371', connected: true, featureLevelMax: 2 },
        { memberId: 2n, apiAddress: '127.0.0.1:7372' },
      ],
    },
  }),
  'Cluster.RaiseLevel': () => ({ featureLevel: { level: 2, readyLevel: 2, levelMax: 2, held: true } }),
  'Cluster.HoldLevel': (request) => {
    const { held } = request as { held: boolean };
    const rises = held ? {} : { raisesIn: durationFromMs(580_000) };
    return { featureLevel: { level: 2, readyLevel: 3, levelMax: 3, held, ...rises } };
  },
  'Cluster.Status': () => ({
    clusterId: 'c0ffee',
    epoch: 1n,
    memberId: 1n,
    role: MemberRole.LEADER,
    term: 3n,
    commitIndex: 40n,
    appliedIndex: 40n,
    revision: 14n,
    compactedRevision: 2n,
    storeBytes: 1_572_864n,
    logBytes: 512n,
    version: '0.1.0',
    stateBytes: 858_993_459n,
    quotaBytes: 8_589_934_592n,
  }),
  'Cluster.AddMember': () => ({}),
  'Cluster.RemoveMember': () => ({}),
  'Cluster.ChangeMembers': () => ({}),
  'Cluster.SetQuota': () => ({ quotaBytes: 12_884_901_888n, stateBytes: 858_993_459n }),
  'Cluster.Compact': () => ({ compactedRevision: 9n }),
  'Cluster.Alarms': () => ({
    alarms: [
      { kind: AlarmKind.STATE_ROTTEN, memberId: 3n, index: 41n, raisedTime: time },
      { kind: AlarmKind.STATE_DISAGREED, index: 40n, raisedTime: time },
    ],
  }),
};

let twin: Twin;
let folder: string;

beforeAll(async () => {
  twin = await Twin.start(healthy);
  folder = await mkdtemp(join(tmpdir(), 'env-cli-'));
});
afterAll(async () => {
  twin.stop();
  await rm(folder, { recursive: true });
});
afterEach(() => {
  twin.asked.length = 0;
  Object.assign(twin.answers, healthy);
});

async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return await runHere(args, { ...options, env: { ENV_CLI_ENDPOINT: twin.address, ...options.env } });
}

/** A refusal whose message is told apart from what the program says by itself. */
const refused = (code: keyof typeof status, reason: string, facts: Record<string, string> = {}): TwinRefusal =>
  new TwinRefusal(code, reason, `the cluster says ${reason}; and what next`, facts);

const strong = { consistency: 'CONSISTENCY_STRONG', view: 'VIEW_MASKED' };
const full = { ...strong, view: 'VIEW_FULL' };

describe('arguments become calls', () => {
  const name = 'payments/prod';
  const set = (extra: object, ...vars: object[]) => ({
    operations: [{ environment: name, set: { variables: vars, ...extra } }],
    namespace: 'default',
  });

  test.each<[string, string, object]>([
    ['get payments/prod', 'Environments.Get', { namespace: 'default', name, options: strong }],
    [
      'get payments/prod DB_URL --reveal -n other',
      'Environments.Get',
      { namespace: 'other', name, options: full, variables: ['DB_URL'] },
    ],
    [
      'get payments/prod --consistency eventual --max-lag 1.5s',
      'Environments.Get',
      { namespace: 'default', name, options: { ...strong, consistency: 'CONSISTENCY_EVENTUAL', maxLag: '1.500s' } },
    ],
    [
      'get payments/prod --consistency read-your-writes --token abc',
      'Environments.Get',
      { namespace: 'default', name, options: { ...strong, consistency: 'CONSISTENCY_READ_YOUR_WRITES', token: 'abc' } },
    ],
    [
      'get payments/prod --revision 12',
      'Environments.Get',
      { namespace: 'default', name, options: { ...strong, revision: '12' } },
    ],
    [
      'list pay -l team=a --names',
      'Environments.List',
      { namespace: 'default', prefix: 'pay', selector: 'team=a', pageSize: 1000, namesOnly: true, options: strong },
    ],
    [
      'set payments/prod A=1 B=x=y C=',
      'Environments.Write',
      set({}, { name: 'A', value: '1' }, { name: 'B', value: 'x=y' }, { name: 'C' }),
    ],
    [
      'set payments/prod A=1 --create --secret',
      'Environments.Write',
      set({ createIfAbsent: true }, { name: 'A', value: '1', secret: true }),
    ],
    [
      'set payments/prod A=1 --no-secret --type number --comment note',
      'Environments.Write',
      set({}, { name: 'A', value: '1', secret: false, type: 'VARIABLE_TYPE_NUMBER', comment: 'note' }),
    ],
    [
      'set payments/prod A=@x B=- --literal',
      'Environments.Write',
      set({}, { name: 'A', value: '@x' }, { name: 'B', value: '-' }),
    ],
    ['set payments/prod A=@@x B=@@', 'Environments.Write', set({}, { name: 'A', value: '@x' }, { name: 'B', value: '@' })],
    [
      'rollback payments/prod 12 --if-revision 14',
      'Environments.Write',
      {
        namespace: 'default',
        operations: [{ environment: name, restore: { revision: '12' } }],
        conditions: [{ environment: name, modifyRevision: '14' }],
        reason: 'rollback to revision 12',
      },
    ],
    [
      'rollback payments/prod 12 --dry-run',
      'Environments.Diff',
      { namespace: 'default', name, otherName: name, otherRevision: '12', options: strong },
    ],
    [
      'set payments/prod A=1 --if-revision 12 --reason why',
      'Environments.Write',
      { ...set({}, { name: 'A', value: '1' }), conditions: [{ environment: name, modifyRevision: '12' }], reason: 'why' },
    ],
    [
      'unset payments/prod A B',
      'Environments.Write',
      { namespace: 'default', operations: [{ environment: name, unset: { names: ['A', 'B'] } }] },
    ],
    [
      'create payments/prod A=1 --label t=p --label u=q --description d',
      'Environments.Write',
      {
        namespace: 'default',
        operations: [
          { environment: name, create: { variables: [{ name: 'A', value: '1' }], labels: { t: 'p', u: 'q' }, description: 'd' } },
        ],
      },
    ],
    [
      'delete payments/prod --if-revision 3',
      'Environments.Write',
      {
        namespace: 'default',
        operations: [{ environment: name, delete: {} }],
        conditions: [{ environment: name, modifyRevision: '3' }],
      },
    ],
    ['history payments/prod --limit 5', 'Environments.History', { namespace: 'default', name, pageSize: 5, options: strong }],
    [
      'diff payments/prod 12',
      'Environments.Diff',
      { namespace: 'default', name, revision: '12', otherName: name, options: strong },
    ],
    [
      'diff payments/prod 12 14',
      'Environments.Diff',
      { namespace: 'default', name, revision: '12', otherName: name, otherRevision: '14', options: strong },
    ],
    [
      'diff a@9 b@14 --reveal',
      'Environments.Diff',
      { namespace: 'default', name: 'a', revision: '9', otherName: 'b', otherRevision: '14', options: full },
    ],
    ['diff a b', 'Environments.Diff', { namespace: 'default', name: 'a', otherName: 'b', options: strong }],
    ['export payments/prod --reveal', 'Environments.Get', { namespace: 'default', name, options: full }],
    [
      'mirror create m --file /srv/x --format json --prefix p/ -l a=b --withdrawal leave --drift report --delete-brake 20%',
      'Mirrors.Create',
      {
        mirror: {
          namespace: 'default',
          name: 'm',
          prefix: 'p/',
          selector: 'a=b',
          target: { file: { directory: '/srv/x', format: 'FILE_FORMAT_JSON' } },
          withdrawal: 'WITHDRAWAL_POLICY_LEAVE',
          drift: 'DRIFT_POLICY_REPORT',
          deleteBrakePercent: 20,
        },
      },
    ],
    [
      'mirror create m --aws-ssm --region eu-west-1 --account 123456789012 --layout blob --empty-values skip --drift import',
      'Mirrors.Create',
      {
        mirror: {
          namespace: 'default',
          name: 'm',
          target: {
            awsSsm: {
              account: { accountId: '123456789012', region: 'eu-west-1' },
              layout: 'MIRROR_LAYOUT_BLOB',
              emptyValues: 'EMPTY_VALUE_POLICY_SKIP',
              unfitValues: 'UNFIT_VALUE_POLICY_REFUSE',
            },
          },
          withdrawal: 'WITHDRAWAL_POLICY_DELETE',
          drift: 'DRIFT_POLICY_IMPORT',
        },
      },
    ],
    [
      'mirror create m --aws-secrets-manager --role-arn arn:aws:iam::123456789012:role/x --target-prefix p --recovery-days 7 --write-interval 1h',
      'Mirrors.Create',
      {
        mirror: {
          namespace: 'default',
          name: 'm',
          target: {
            awsSecretsManager: {
              account: { roleArn: 'arn:aws:iam::123456789012:role/x' },
              prefix: 'p',
              layout: 'MIRROR_LAYOUT_PER_VARIABLE',
              emptyValues: 'EMPTY_VALUE_POLICY_REFUSE',
              unfitValues: 'UNFIT_VALUE_POLICY_REFUSE',
              recoveryDays: 7,
              writeInterval: '3600s',
            },
          },
          withdrawal: 'WITHDRAWAL_POLICY_DELETE',
          drift: 'DRIFT_POLICY_OVERWRITE',
        },
      },
    ],
    ['mirror retry files', 'Mirrors.Retry', { namespace: 'default', name: 'files' }],
    ['mirror retry files e', 'Mirrors.Retry', { namespace: 'default', name: 'files', environment: 'e' }],
    ['mirror pause files', 'Mirrors.Pause', { namespace: 'default', name: 'files' }],
    ['mirror resume files', 'Mirrors.Resume', { namespace: 'default', name: 'files' }],
    ['mirror delete files', 'Mirrors.Delete', { namespace: 'default', name: 'files' }],
    ['mirror delete files --abandon', 'Mirrors.Delete', { namespace: 'default', name: 'files', abandon: true }],
    ['mirror status files', 'Mirrors.Status', { namespace: 'default', name: 'files' }],
    ['mirror plan files payments/prod', 'Mirrors.Plan', { namespace: 'default', name: 'files', environment: 'payments/prod' }],
    [
      'mirror wait files --at-revision 14 --timeout 2s',
      'Mirrors.Wait',
      { namespace: 'default', names: ['files'], revision: '14', timeout: '2s' },
    ],
    ['cluster compact 9', 'Cluster.Compact', { revision: '9' }],
    ['member add 4 h:7381 --learner', 'Cluster.AddMember', { memberId: '4', peerAddress: 'h:7381', learner: true }],
    [
      'member add 4 h:7381 5 i:7381',
      'Cluster.ChangeMembers',
      {
        add: [
          { memberId: '4', peerAddress: 'h:7381' },
          { memberId: '5', peerAddress: 'i:7381' },
        ],
      },
    ],
    ['member remove 3', 'Cluster.RemoveMember', { memberId: '3' }],
    ['member remove 1 2 --force no', 'Cluster.ChangeMembers', { remove: ['1', '2'], force: 'no' }],
    ['cluster quota 12GiB', 'Cluster.SetQuota', { quotaBytes: '12884901888' }],
    ['cluster quota', 'Cluster.Status', {}],
    ['cluster level', 'Cluster.Level', {}],
    ['cluster level --raise', 'Cluster.RaiseLevel', {}],
    ['cluster level --hold', 'Cluster.HoldLevel', { held: true }],
    ['cluster level --release', 'Cluster.HoldLevel', {}],
    [
      'cluster alarms --clear state-rotten:3 --clear state-disagreed',
      'Cluster.Alarms',
      { clear: [{ kind: 'ALARM_KIND_STATE_ROTTEN', memberId: '3' }, { kind: 'ALARM_KIND_STATE_DISAGREED' }] },
    ],
  ])('%s', async (line, method, request) => {
    const ran = await run(line.split(' '));
    expect(ran).toMatchObject({ exitCode: 0 });
    expect(twin.calls.at(0)).toEqual({ method, request });
  });

  test.each([
    ['member add 4 h:7381 5', 'member 5 is given without an address: write its number, then host:port'],
    ['member add 4 h:7381 i:7381 5', 'A member has a number, from 1 on.'],
    ['member remove 1 two', 'A member has a number, from 1 on.'],
    ['mirror create m', 'a mirror needs a target: --file DIRECTORY, --aws-ssm or --aws-secrets-manager'],
    ['mirror create m --aws-ssm --file /srv', 'a mirror has one target'],
    ['mirror create m --file /srv --region eu-west-1', '--region does not go with --file'],
    ['mirror create m --aws-ssm --recovery-days 7', '--recovery-days does not go with --aws-ssm'],
    ['mirror create m --aws-secrets-manager --recovery-days 3', 'It is 7 to 30.'],
    ['mirror create m --aws-ssm --write-interval 1m', '--write-interval does not go with --aws-ssm'],
    ['mirror create m --aws-secrets-manager --write-interval 25h', 'Write a number with its unit: 0s, 90s, 10m, at most 24h.'],
  ])('%s: is refused before a call', async (line, problem) => {
    const { exitCode, stderr } = await run(line.split(' '));
    expect([exitCode, stderr.includes(problem)]).toEqual([2, true]);
    expect(twin.calls).toEqual([]);
  });

  test('set --wait mirrored says which mirrors do not hold it, and that it is written', async () => {
    twin.answers['Environments.Write'] = () => ({ revision: 15n, changed: true, mirrorsBehind: ['files'] });
    const { exitCode, stderr } = await run(['set', 'e', 'A=1', '--wait', 'mirrored']);
    expect(twin.calls.at(0)?.request).toMatchObject({ awaitMirrors: {} });
    expect(exitCode).toBe(5);
    expect(stderr).toContain('e is at revision 15.');
    expect(stderr).toContain("not every mirror holds it after 30 s. See 'env-cli mirror status files' for why.");
  });

  const blocked = 'the file is not from this mirror';
  const deadLetter = {
    mirror: 'files',
    reason: StuckReason.DEAD_LETTER,
    environment: 'e',
    state: DeliveryState.BLOCKED_BY_POLICY,
    error: blocked,
  } as const;
  test.each([
    [
      'a delivery that failed for good',
      deadLetter,
      `Mirror files gave up on e (blocked-by-policy): ${blocked}. Mend that, then 'env-cli mirror retry files e'.`,
    ],
    [
      'one that nobody found the name of',
      { mirror: 'files', reason: StuckReason.DEAD_LETTER },
      "Mirror files gave up on an environment: see 'env-cli mirror status files', mend that, then 'env-cli mirror retry files'.",
    ],
    [
      'a pause',
      { mirror: 'files', reason: StuckReason.PAUSED },
      "Mirror files is paused: 'env-cli mirror resume files' lets it deliver.",
    ],
    [
      'what this program is too old for',
      { mirror: 'files', reason: 9 },
      "Mirror files waits for somebody: see 'env-cli mirror status files'.",
    ],
  ])('a wait that %s ended says so, and what to do', async (_what, stuck, sentence) => {
    twin.answers['Environments.Write'] = () => ({
      revision: 15n,
      changed: true,
      mirrorsBehind: ['files'],
      mirrorsStuck: [stuck],
    });
    const { exitCode, stderr } = await run(['set', 'e', 'A=1', '--wait', 'mirrored']);
    expect([exitCode, stderr]).toEqual([1, `e is at revision 15.\nenv-cli: it is written, but not mirrored. ${sentence}\n`]);
    twin.answers['Mirrors.Wait'] = () => ({ behind: ['files'], stuck: [stuck] });
    expect(await run(['mirror', 'wait'])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `env-cli: not all mirrors hold the newest revision. ${sentence}\n`,
    });
  });

  test('mirror update changes what its flags name and keeps the rest', async () => {
    expect((await run(['mirror', 'update', 'files', '--prefix', ''])).exitCode).toBe(0);
    expect(twin.calls.at(-1)).toMatchObject({
      method: 'Mirrors.Update',
      request: {
        mirror: {
          name: 'files',
          target: { file: { directory: '/srv/env' } },
          drift: 'DRIFT_POLICY_REPORT',
          deleteBrakePercent: 20,
        },
      },
    });
    expect(twin.calls.at(-1)).not.toHaveProperty('request.mirror.prefix');
  });

  test('mirror update --write-interval changes that of a mirror to Secrets Manager, and is refused of another', async () => {
    const vault = {
      name: 'vault',
      target: { provider: { case: 'awsSecretsManager', value: { prefix: 'p/', recoveryDays: 7 } } },
    } as const;
    twin.answers['Mirrors.List'] = () => ({ mirrors: [mirror, vault] });
    expect((await run(['mirror', 'update', 'vault', '--write-interval', '0s'])).exitCode).toBe(0);
    expect(twin.calls.at(-1)).toMatchObject({
      method: 'Mirrors.Update',
      request: { mirror: { target: { awsSecretsManager: { prefix: 'p/', recoveryDays: 7, writeInterval: '0s' } } } },
    });
    const { exitCode, stderr } = await run(['mirror', 'update', 'files', '--write-interval', '0s']);
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining('--write-interval does not go with files, which is no mirror to Secrets Manager'),
    ]);
  });

  test('a value comes from a file or from standard input, without the line break at its end', async () => {
    const path = join(folder, 'key.txt');
    await writeFile(path, 'from a file\n\n');
    await run(['set', 'e', `A=@${path}`, 'B=-', '--secret'], { stdin: 'from stdin\r\n' });
    expect(twin.calls[0]?.request).toMatchObject({
      operations: [
        {
          set: {
            variables: [
              { name: 'A', value: 'from a file\n', secret: true },
              { name: 'B', value: 'from stdin', secret: true },
            ],
          },
        },
      ],
    });
  });

  test('a flag goes before its environment variable', async () => {
    const env = { ENV_CLI_ENDPOINT: '127.0.0.1:1', ENV_CLI_NAMESPACE: 'from-env' };
    expect((await run(['get', 'payments/prod', '-e', twin.address], { env })).exitCode).toBe(0);
    expect(twin.calls[0]?.request).toMatchObject({ namespace: 'from-env' });
  });

  test('import of a folder writes an environment a file, and nothing when one of them has an error', async () => {
    const root = await mkdtemp(join(folder, 'envs-'));
    await mkdir(join(root, 'eu'));
    await writeFile(join(root, 'prod.env'), 'A=1\n');
    await writeFile(join(root, 'eu', 'prod.yaml'), 'A: yes\nB: 1.10\n');
    await writeFile(join(root, 'notes.txt'), 'no variables');
    const ran = await run(['import', root, 'shop/', '--create'], { errTerminal: true });
    expect(ran).toMatchObject({ exitCode: 0, stdout: '' });
    expect(ran.stderr).toContain('100 %  2 of 2 environments\r\u001B[2K');
    expect(ran.stderr).toMatch(/2 environments stand as in .*; 2 of them changed\.\n$/);
    const sent = twin.calls.map(({ request }) => (request as { operations: object[] }).operations[0]);
    expect(sent).toEqual([
      {
        environment: 'shop/eu/prod',
        set: {
          createIfAbsent: true,
          variables: [
            { name: 'A', value: 'yes' },
            { name: 'B', value: '1.10' },
          ],
        },
      },
      { environment: 'shop/prod', set: { createIfAbsent: true, variables: [{ name: 'A', value: '1' }] } },
    ]);
    // Off a terminal there is no bar.
    expect((await run(['import', root, 'shop/', '--create'])).stderr).not.toContain('\u001B');
    twin.asked.length = 0;
    await writeFile(join(root, 'zzz.yml'), 'A: [1]\n');
    expect(await run(['import', root, 'shop/'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('zzz.yml, line 1: A is a list'),
    });
    expect(twin.asked).toEqual([]);
  });

  test('import of a folder tells how far it came when a write is refused', async () => {
    const root = await mkdtemp(join(folder, 'envs-'));
    await writeFile(join(root, 'a.env'), 'A=1\n');
    await writeFile(join(root, 'b.env'), 'A=1\n');
    twin.answers['Environments.Write'] = ({ operations: [{ environment: of }] }) =>
      of === 'b' ? refused('NOT_FOUND', 'ENVIRONMENT_NOT_FOUND', { environment: of }) : { revision: 9n, changed: true };
    expect(await run(['import', root, ''])).toEqual({
      exitCode: 3,
      stdout: '',
      stderr:
        "1 of 2 environments were written before it failed.\nenv-cli: there is no environment b. Add --create to create it, or see 'env-cli list' for those that exist.\n",
    });
  });

  test('import sends all of a file as one write', async () => {
    const path = join(folder, 'x.env');
    await writeFile(path, 'A=1\nexport B="two\nlines"\n');
    const ran = await run(['import', path, 'payments/dev', '--create', '--secret-names', 'B']);
    expect(ran).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('2 variables of') });
    expect(twin.calls).toEqual([
      {
        method: 'Environments.Write',
        request: {
          namespace: 'default',
          operations: [
            {
              environment: 'payments/dev',
              set: {
                createIfAbsent: true,
                variables: [
                  { name: 'A', value: '1' },
                  { name: 'B', value: 'two\nlines', secret: true },
                ],
              },
            },
          ],
        },
      },
    ]);
    await run(['import', '-', 'payments/dev', '--format', 'json', '--replace', '--secret'], {
      stdin: '{"N": 12345678901234567890, "T": true}',
    });
    expect(twin.calls[1]?.request).toMatchObject({
      operations: [
        {
          replace: {
            variables: [
              { name: 'N', value: '12345678901234567890', secret: true },
              { name: 'T', value: 'true', secret: true },
            ],
          },
        },
      ],
    });
  });
});

describe('what a person sees', () => {
  test.each([
    ['get payments/prod'],
    ['get payments/prod DB_URL'],
    ['get payments/prod --reveal -o shell'],
    ['list'],
    ['list --names'],
    ['history payments/prod'],
    ['diff payments/prod 9 12'],
    ['rollback payments/prod 9 --dry-run'],
    ['rollback payments/prod 9'],
    ['help exit-codes'],
    ['help options'],
    ['help values'],
    ['help rollback'],
    ['export payments/prod --reveal'],
    ['export payments/prod --reveal -o json'],
    ['set payments/prod A=1'],
    ['delete payments/prod'],
    ['mirror list'],
    ['mirror status files'],
    ['mirror plan files'],
    ['mirror wait'],
    ['mirror create files --file /srv/env'],
    ['member list'],
    ['cluster compact 9'],
    ['cluster quota'],
    ['cluster quota 12GiB'],
    ['cluster level'],
    ['cluster level --raise'],
    ['cluster level --hold'],
    ['cluster level --release'],
    ['cluster alarms'],
    ['version'],
  ])('%s', async (line) => {
    const { exitCode, stdout, stderr } = await run(line.split(' '));
    expect(`exit ${exitCode}\n${stdout}---\n${stderr}`).toMatchSnapshot();
  });

  test('colours are for terminals, and NO_COLOR turns them off', async () => {
    const plain = await run(['get', 'payments/prod']);
    const coloured = await run(['get', 'payments/prod'], { terminal: true, columns: 80 });
    expect(plain.stdout).not.toContain('\u001B');
    expect(coloured.stdout).toContain('\u001B[1mNAME');
    expect(await run(['get', 'payments/prod'], { terminal: true, columns: 80, env: { NO_COLOR: '1' } })).toEqual(plain);
    expect(await run(['get', 'payments/prod', '--color', 'never'], { terminal: true, columns: 80 })).toEqual(plain);
    expect(await run(['get', 'payments/prod'], { terminal: true, columns: 80, env: { ENV_CLI_COLOR: 'never' } })).toEqual(plain);
    expect((await run(['get', 'payments/prod', '--color', 'always'], { env: { NO_COLOR: '1' } })).stdout).toBe(coloured.stdout);
  });

  test('a long value is cut to the width of the terminal, and whole where a program reads', async () => {
    const value = 'x'.repeat(300);
    twin.answers['Environments.Get'] = () => ({
      environment: { name: 'e', variables: [{ name: 'LONG', value, valueBytes: 300n, modifyRevision: 9n }] },
    });
    const { stdout } = await run(['get', 'e'], { terminal: true, env: { NO_COLOR: '1' } });
    expect(stdout).toBe(`NAME  VALUE${' '.repeat(41)}REVISION\nLONG  ${'x'.repeat(31)}… (300 bytes)${' '.repeat(9)}9\n`);
    expect((await run(['get', 'e', 'LONG'], { terminal: true })).stdout).toBe(`${value}\n`);
    expect((await run(['export', 'e'])).stdout).toBe(`LONG='${value}'\n`);
  });

  test('cluster status asks every member itself, and shows those that do not answer', async () => {
    twin.answers['Cluster.Members'] = () => ({
      members: [
        { memberId: 1n, apiAddress: twin.address, role: MemberRole.LEADER },
        { memberId: 2n, apiAddress: '127.0.0.1:1' },
        { memberId: 3n },
      ],
    });
    const alarm = { kind: AlarmKind.STATE_DIVERGED, memberId: 2n, index: 40n, raisedTime: time };
    twin.answers['Cluster.Status'] = (request) => ({
      ...(healthy['Cluster.Status'] as (asked: unknown) => object)(request),
      featureLevel: 1,
      featureLevelMax: 2,
      alarms: [alarm],
    });
    const { stdout, stderr, exitCode } = await run(['cluster', 'status']);
    expect(exitCode).toBe(0);
    expect(`${stdout}---\n${stderr}`.replaceAll(twin.address.padEnd(15), '127.0.0.1:7371 ')).toMatchSnapshot();
  });

  test('watch writes a line a change, until it is interrupted', async () => {
    const interrupted = new AbortController();
    const onOutput = (): void => interrupted.abort();
    expect(await run(['watch', 'payments/prod', '--from-revision', '12'], { interrupted: interrupted.signal, onOutput })).toEqual(
      {
        exitCode: 0,
        stdout: '12  2026-11-23 08:00:00Z  updated  payments/prod  ~API_KEY +NEW -OLD labels  alice: rotate the key\n',
        stderr: '',
      },
    );
    expect(twin.calls[0]?.request).toMatchObject({ name: 'payments/prod', startRevision: '12', view: 'VIEW_MASKED' });
  });
});

describe('what a program reads', () => {
  test.each([
    ['get payments/prod'],
    ['list'],
    ['history payments/prod'],
    ['diff payments/prod 9'],
    ['set payments/prod A=1'],
    ['mirror status files'],
    ['mirror plan files'],
    ['member list'],
    ['context list'],
    ['version'],
  ])('%s -o json is JSON and nothing else', async (line) => {
    const { exitCode, stdout, stderr } = await run([...line.split(' '), '-o', 'json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchSnapshot();
  });

  test.each([
    ['get payments/prod'],
    ['list'],
    ['history payments/prod'],
    ['diff payments/prod 9'],
    ['mirror status files'],
    ['member list'],
    ['version'],
  ])('%s -o yaml holds what -o json does', async (line) => {
    const yaml = await run([...line.split(' '), '-o', 'yaml']);
    expect(yaml).toMatchObject({ exitCode: 0, stderr: '' });
    expect(parse(yaml.stdout)).toEqual(JSON.parse((await run([...line.split(' '), '-o', 'json'])).stdout));
  });

  test('a text that YAML could take for something else is quoted', async () => {
    const values = ['yes', '1.10', 'null', '~', '0x1F', '12:30:00', ' x', '#x', '- x', '', 'two\nlines\n', '*a', '2026-11-23'];
    const all = values.map((value, i) => ({ name: `V${i}`, value, valueBytes: 1n, modifyRevision: 1n }));
    twin.answers['Environments.Get'] = () => ({ environment: { name: 'e', variables: all } });
    const { stdout } = await run(['export', 'e', '-o', 'yaml']);
    for (const version of ['1.1', '1.2'] as const) expect(Object.values(parse(stdout, { version }))).toEqual(values);
  });

  test('an empty list is an empty list', async () => {
    twin.answers['Environments.List'] = () => ({ listRevision: 1n });
    expect(parse((await run(['list', '-o', 'yaml'])).stdout)).toEqual({ revision: 1, environments: [] });
    expect(JSON.parse((await run(['list', '-o', 'json'])).stdout)).toEqual({ revision: 1, environments: [] });
    expect(await run(['list', 'pay'])).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: "Namespace default has no environment whose name begins with 'pay'. See 'env-cli list' for all.\n",
    });
  });

  test('the history of a name that never was an environment is not found, in any form', async () => {
    twin.answers['Environments.History'] = () => ({});
    for (const form of ['table', 'json']) {
      expect(await run(['history', 'nope', '-o', form])).toEqual({
        exitCode: 3,
        stdout: '',
        stderr: "env-cli: there is no environment nope, and there never was. See 'env-cli list' for those that exist.\n",
      });
    }
    // What was forgotten once was there.
    twin.answers['Environments.History'] = () => ({ compacted: true });
    expect(await run(['history', 'old'])).toEqual({ exitCode: 0, stdout: '', stderr: 'Older changes are no longer kept.\n' });
  });

  test('a mirror that is paused, or that something failed for good at, is shown as such, with what to do', async () => {
    const failing = { ...mirror, paused: true, failedCount: 2n, pendingCount: 3n };
    twin.answers['Mirrors.List'] = () => ({ mirrors: [failing, mirror] });
    const { stdout } = await run(['mirror', 'list']);
    expect(stdout.split('\n')[1]).toMatch(/ paused, 2 failed, 3 pending$/);
    twin.answers['Mirrors.Status'] = () => ({
      mirror: failing,
      pendingCount: 3n,
      environments: [
        {
          environment: 'e',
          state: DeliveryState.BLOCKED_BY_POLICY,
          error: 'e.env: the file is current but for what it cannot hold: X: a zero byte (and 1 variables more)',
          variables: [
            { name: 'X', state: DeliveryState.BLOCKED_BY_POLICY, error: 'a zero byte' },
            { name: 'Y', state: DeliveryState.BLOCKED_BY_POLICY, error: 'a carriage return' },
          ],
        },
      ],
    });
    const status = await run(['mirror', 'status', 'files']);
    const lines = status.stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(lines.slice(1, -1)).toEqual([
      ['e', 'blocked-by-policy', '-', 'e.env: the file is current but for what it cannot hold'],
      ['X', 'blocked-by-policy', 'a zero byte'],
      ['Y', 'blocked-by-policy', 'a carriage return'],
    ]);
    expect(status.stderr).toBe(
      'Mirror files: 3 environments to be delivered; 2 environments failed for good.\n' +
        "Mend what is said of them, then 'env-cli mirror retry files'.\n" +
        "It is paused: 'env-cli mirror resume files' lets it go on.\n",
    );
  });

  test('a mirror that is being deleted is shown as one, and one that never delivered does not name a revision', async () => {
    twin.answers['Mirrors.List'] = () => ({
      mirrors: [
        { ...mirror, deleting: true },
        { ...mirror, name: 'other' },
      ],
    });
    const { stdout } = await run(['mirror', 'list']);
    expect(stdout.split('\n').map((line) => line.trim().split(/ {2,}/).at(-1))).toEqual(['STATE', 'deleting', '20 %', '']);
    twin.answers['Mirrors.Status'] = () => ({ mirror, deliveredRevision: 9n });
    expect((await run(['mirror', 'status', 'files'])).stderr).toBe(
      'Mirror files: nothing is to be delivered; nothing was delivered yet.\n',
    );
    twin.answers['Mirrors.Status'] = () => ({ mirror: { ...mirror, deleting: true }, pendingCount: 2n });
    expect((await run(['mirror', 'status', 'files'])).stderr).toBe(
      'Mirror files: it is being deleted; 2 environments to be withdrawn.\n',
    );
  });
});

describe('secrets', () => {
  test('are never shown without --reveal, by any verb and in any form', async () => {
    twin.answers['Environments.Get'] = ({ options }) => ({
      environment: { ...environment, variables: options.view === 2 ? revealed : variables },
    });
    for (const line of [
      'get payments/prod',
      'get payments/prod -o json',
      'get payments/prod -o dotenv',
      'get payments/prod -o shell',
      'export payments/prod',
      'history payments/prod',
      'diff payments/prod 1',
    ]) {
      const { stdout, stderr } = await run(line.split(' '));
      expect(stdout + stderr).not.toContain('s3cret');
    }
    expect(twin.calls.every(({ request }) => (request as { options: { view: string } }).options.view === 'VIEW_MASKED')).toBe(
      true,
    );
  });

  test.each(['get payments/prod API_KEY', 'export payments/prod', 'get payments/prod -o dotenv'])(
    '%s is refused rather than incomplete',
    async (line) => {
      const { exitCode, stdout, stderr } = await run(line.split(' '));
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toContain('--reveal');
    },
  );
});

describe('a failure tells what, where and what next, and has its exit code', () => {
  const at = { changed_by: 'alice', changed_at: '2026-11-23T08:00:00.000Z' };

  test.each<[string, string, TwinRefusal, number, string]>([
    [
      'set payments/prod A=1 --if-revision 12',
      'Environments.Write',
      refused('FAILED_PRECONDITION', 'CONDITION_FAILED', {
        environment: 'payments/prod',
        current_revision: '14',
        current_exists: 'true',
        ...at,
      }),
      4,
      "payments/prod is at revision 14, not 12 (changed by alice, 2 minutes ago). See 'env-cli diff payments/prod 12 14'.",
    ],
    [
      'delete payments/prod --if-revision 12',
      'Environments.Write',
      refused('FAILED_PRECONDITION', 'CONDITION_FAILED', {
        environment: 'payments/prod',
        current_revision: '14',
        current_exists: 'false',
        ...at,
      }),
      4,
      "payments/prod was deleted at revision 14 (changed by alice, 2 minutes ago). See 'env-cli history payments/prod'.",
    ],
    [
      'set nope A=1',
      'Environments.Write',
      refused('NOT_FOUND', 'ENVIRONMENT_NOT_FOUND', { environment: 'nope' }),
      3,
      "there is no environment nope. Add --create to create it, or see 'env-cli list' for those that exist.",
    ],
    [
      'get nope',
      'Environments.Get',
      refused('NOT_FOUND', 'ENVIRONMENT_NOT_FOUND', { environment: 'nope' }),
      3,
      "there is no environment nope. See 'env-cli list' for those that exist.",
    ],
    [
      'create payments/prod',
      'Environments.Write',
      refused('ALREADY_EXISTS', 'ENVIRONMENT_EXISTS', { environment: 'payments/prod', ...at }),
      4,
      "payments/prod exists already (changed by alice, 2 minutes ago). See 'env-cli get payments/prod', or set its variables with 'env-cli set payments/prod NAME=value'.",
    ],
    [
      'get payments/prod --revision 1',
      'Environments.Get',
      refused('OUT_OF_RANGE', 'COMPACTED', { asked: '1', oldest: '9' }),
      1,
      'revision 1 is no longer kept; the oldest that can be read is 9.',
    ],
    [
      'set payments/prod 9=1',
      'Environments.Write',
      refused('INVALID_ARGUMENT', 'INVALID_FIELD'),
      1,
      'the cluster says INVALID_FIELD; and what next.',
    ],
    [
      'set payments/prod A=1 --timeout 800ms',
      'Environments.Write',
      refused('UNAVAILABLE', 'NO_LEADER'),
      5,
      'the cluster says NO_LEADER; and what next (tried for 0.8 s).',
    ],
    [
      'set payments/prod A=1 --timeout 800ms',
      'Environments.Write',
      refused('UNKNOWN', 'OUTCOME_UNKNOWN'),
      5,
      "the write was not answered within 0.8 s; whether it was done is not known. Look before you write again: 'env-cli history payments/prod'.",
    ],
    [
      'mirror status nope',
      'Mirrors.Status',
      refused('NOT_FOUND', 'MIRROR_NOT_FOUND', { mirror: 'nope' }),
      3,
      "there is no mirror nope. See 'env-cli mirror list' for those that exist.",
    ],
    [
      'mirror create m --file /x',
      'Mirrors.Create',
      refused('FAILED_PRECONDITION', 'MIRROR_OVERLAPS'),
      4,
      'the cluster says MIRROR_OVERLAPS; and what next.',
    ],
  ])('%s: %s', async (line, method, refusal, exitCode, text) => {
    twin.answers[method] = () => refusal;
    expect(await run(line.split(' '))).toEqual({ exitCode, stdout: '', stderr: `env-cli: ${text}\n` });
  });

  test('a variable that does not exist, and a mirror that is behind', async () => {
    Object.assign(twin.answers, healthy, { 'Mirrors.Wait': () => ({ behind: ['files', 'eu'] }) });
    expect(await run(['get', 'payments/prod', 'NOPE'])).toEqual({
      exitCode: 3,
      stdout: '',
      stderr: "env-cli: payments/prod has no variable NOPE. See 'env-cli get payments/prod' for those it has.\n",
    });
    expect(await run(['mirror', 'wait', '--timeout', '1s'])).toEqual({
      exitCode: 5,
      stdout: '',
      stderr: "env-cli: not all mirrors hold the newest revision after 1 s: files, eu. See 'env-cli mirror status files'.\n",
    });
  });

  test('a member that does not answer in time', async () => {
    const silent = new Promise<never>(() => undefined);
    twin.answers['Cluster.Members'] = () => silent;
    expect(await run(['member', 'list', '--timeout', '300ms'])).toEqual({
      exitCode: 5,
      stdout: '',
      stderr: "env-cli: no answer within 0.3 s. See 'env-cli cluster status', or allow more time with --timeout.\n",
    });
  });

  test('nobody who answers', async () => {
    const { exitCode, stderr } = await run(['get', 'x', '-e', '127.0.0.1:1', '--timeout', '200ms']);
    expect(exitCode).toBe(5);
    expect(stderr).toBe(
      "env-cli: no member could be reached: 127.0.0.1:1: connection refused. Check that the cluster runs ('npm start' starts one here), or name it with --endpoint or ENV_CLI_ENDPOINT.\n",
    );
  });

  test.each<[string, string]>([
    ['gte payments/prod', 'Did you mean get?'],
    ['get', "missing required argument 'environment'"],
    ['get x --revision twelve', 'A revision is a whole number from 1 to 9007199254740991'],
    ['get x --revision 0', 'A revision is a whole number from 1 to 9007199254740991 (2^53 - 1). Leave it out for the newest.'],
    ['history x --revision 0', 'Leave it out for the newest.'],
    ['watch x --from-revision 0', 'A revision is a whole number from 1'],
    ['mirror wait --at-revision 0', 'A revision is a whole number from 1'],
    ['diff x 0', "'0' is no revision. A revision is a whole number from 1"],
    ['diff x 1 0', "'0' is no revision. A revision is a whole number from 1"],
    ['diff x@0 y', "'x@0' is no environment at a revision"],
    ['set x A=1 --if-revision y', '0 means that there is no such environment'],
    ['get x --timeout 10', 'Write a number with its unit'],
    ['get x -o xml', 'Allowed choices are table, json, yaml, dotenv, shell.'],
    ['get x --colour never', 'Did you mean --color?'],
    ['get x --color sometimes', 'flag --color: Allowed choices are auto, always, never'],
    ['mirror lsit', 'Did you mean list?'],
    ['help gte', "there is no help of 'gte': exit-codes"],
    ['rollback x 0', 'A revision is a whole number from 1'],
    ['run x --grace 1s -- true', '--on-change and --grace go with --watch'],
    ['run x --watch --on-change signal=KILL -- true', '--on-change is restart or signal=NAME'],
    ['run x --watch --revision 3 -- true', 'it does not go with --revision'],
    ['completion tcsh', 'Allowed choices are bash, zsh, fish.'],
    ['context set ../x -e a:1', 'is no name of a context'],
    ['context set x', 'nothing to set: give --endpoint <addresses>'],
    ['get x --max-lag 1s', '--consistency eventual'],
    ['get x --consistency read-your-writes', 'needs --token'],
    ['set x A', 'what follows the environment is no NAME=value'],
    ['set x A=1 B', 'number 2 of what follows the environment is no NAME=value'],
    ['set x A=@', 'Write A=@@ for a value that is @ itself'],
    ['set x A=1 A=2', 'A is given twice'],
    ['set x A=- B=-', 'only one value can come from standard input'],
    ['set x A=1 --type text', 'Allowed choices are'],
    ['unset x A=1', "'A=…' is no name: unset takes names alone"],
    ['diff x', "missing required argument 'others'"],
    ['diff a b c', 'is one too many'],
    ['diff a@x b', "'a@x' is no environment at a revision"],
    ['diff a@1 2', 'has a revision already'],
    ['mirror create m', 'needs a target'],
    ['mirror update m', 'nothing to change'],
    ['mirror create m --file x --delete-brake 101', 'It is a whole number of 0 to 100.'],
    [
      'cluster alarms --clear state-rotten:x',
      'An alarm is state-diverged, state-disagreed, state-rotten, space-low, with the member',
    ],
    ['cluster alarms --clear broken', 'An alarm is'],
    ['cluster quota 12GB', 'It is a size such as 512MiB or 8GiB.'],
    ['cluster compact 0', 'A revision is a whole number from 1 to'],
    ['', 'Usage: env-cli'],
  ])('%p is wrong usage', async (line, text) => {
    const { exitCode, stdout, stderr } = await run(line === '' ? [] : line.split(' '));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(text);
    expect(twin.asked).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['bad.env', 'A=1\nB="two\nthree\n', 'bad.env, line 2: the quote " that opens here is never closed. Nothing was written.'],
    ['bad.json', '{"A": {}}', 'bad.json: A is an object, not a text. Nothing was written.'],
    ['worse.json', '{"A": 1,}', 'worse.json, line 1: this is no valid JSON. Nothing was written.'],
    ['cut.json', '{"A": 1,\n"B": [', 'cut.json, line 2: this is no valid JSON'],
    ['word.json', '{\n"A": "x",\n"B": yes\n}\n', 'word.json, line 3: this is no valid JSON'],
    ['list.json', '[]', 'expected one object of names and values'],
    ['empty.env', '# nothing\n', 'holds no variable. Nothing was written.'],
    ['latin1.env', 'A=\u00E9', 'is no UTF-8 text'],
  ])('import of %s writes nothing', async (name, text, problem) => {
    const path = join(folder, name);
    await writeFile(path, text, name.startsWith('latin1') ? 'latin1' : 'utf8');
    const { exitCode, stdout, stderr } = await run(['import', path, 'payments/dev']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(problem);
    expect(twin.asked).toEqual([]);
  });

  test('what stands in a file that cannot be read as JSON is not told: it may be a secret', async () => {
    const path = join(folder, 'secret.json');
    for (const text of ['{"A": hunter2}', '{"A": "hunter2"hunter2}', 'hunter2', `{"A": "x${' '.repeat(100)}", hunter2}`]) {
      await writeFile(path, text);
      const { exitCode, stderr } = await run(['import', path, 'payments/dev']);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: `env-cli: ${path}, line 1: this is no valid JSON. Nothing was written.\n`,
      });
    }
  });

  test('a file that is not there', async () => {
    const { exitCode, stderr } = await run(['set', 'x', `A=@${join(folder, 'absent')}`]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('absent cannot be read: ENOENT') });
  });
});

function leave(): never {
  throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
}

test('a reader that leaves early is no failure', async () => {
  expect(await run(['list'], { onOutput: leave })).toMatchObject({ exitCode: 0, stderr: '' });
});

test.each([
  'get',
  'set',
  'unset',
  'list',
  'create',
  'delete',
  'history',
  'diff',
  'watch',
  'import',
  'export',
  'run',
  'mirror create',
  'mirror wait',
  'cluster level',
  'cluster status',
  'version',
])('%s --help shows examples', async (verb) => {
  const { exitCode, stdout } = await run([...verb.split(' '), '--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`  $ env-cli ${verb}`);
});
