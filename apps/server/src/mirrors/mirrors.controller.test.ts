import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readProgress } from '@env-cli/keyspace';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { statusOfAll } from '@env-cli/mirroring';
import { type LiveStatus, NotDelivering, TargetError } from '@env-cli/outbox';
import {
  DeliveryState,
  DriftPolicy,
  EmptyValuePolicy,
  Environments,
  FileFormat,
  MirrorLayout,
  Mirrors,
  PlanAction,
  StuckReason,
  UnfitValuePolicy,
  WithdrawalPolicy,
} from '@env-cli/wire';

import { setting } from '../testing/operations.ts';
import { CallFailed, Serving, TestClient } from '../testing/serving.ts';
import { TwinMember } from '../testing/twin-member.ts';
import type { MirrorWorker } from './mirror-worker.ts';
import { plainSecrets } from '../secrets/secrets.ts';
import { MemberReportSink } from './report-sink.ts';

let member: TwinMember;
let serving: Serving;
let client: TestClient;
/** What the worker says. */
let live: Map<string, LiveStatus>;
let planned: MirrorWorker['plan'];

beforeEach(async () => {
  member = TwinMember.alone();
  live = new Map();
  planned = (_mirror, environments) =>
    Promise.resolve(environments.map((environment) => ({ environment, items: [], refusedBecause: null })));
  const worker: MirrorWorker = {
    status: (_mirror, environment) => live.get(environment) ?? null,
    plan: (id, environments) => planned(id, environments),
  };
  serving = await Serving.of(member, {
    worker,
    folderProblem: (path) => (path === '/forbidden' ? 'not there: elsewhere' : null),
  });
  client = new TestClient(serving.address);
});
afterEach(async () => {
  client.close();
  await serving.close();
  assert.deepEqual(serving.faults, []);
});

/** What a definition may say beside its name and folder. */
interface More {
  readonly prefix?: string;
  readonly selector?: string;
  readonly deleteBrakePercent?: number;
  readonly drift?: DriftPolicy;
}

function mirror(name: string, directory: string, more: More = {}) {
  return { name, target: { provider: { case: 'file', value: { directory } } }, ...more } as const;
}

function ssmAt(prefix: string, region = '') {
  return { provider: { case: 'awsSsm', value: { prefix, account: { region } } } } as const;
}

function ssmMirror(value: object) {
  return { name: 'ssm', target: { provider: { case: 'awsSsm', value } } } as const;
}

function create(name: string, directory: string, more: More = {}) {
  return client.call(Mirrors, 'create', { mirror: mirror(name, directory, more) });
}

async function write(environment: string, value = 'x'): Promise<number> {
  return Number((await client.call(Environments, 'write', { operations: [setting(environment, { A: value })] })).revision);
}

function pause() {
  return client.call(Mirrors, 'pause', { name: 'files' });
}

/** An update that changes what is done about drift, and nothing else. */
function drifting() {
  return { mirror: { name: 'files', drift: DriftPolicy.REPORT } };
}

/** Reports, as the worker would, that a mirror's target holds what is due. */
async function deliver(environment: string, revision: number, kind: 'delivered' | 'failed' = 'delivered'): Promise<void> {
  const { due } = await import('./outbox-source.ts').then(({ MemberOutboxSource }) =>
    new MemberOutboxSource(member, plainSecrets).snapshot(1, environment),
  );
  await new MemberReportSink(member).propose(1, [
    {
      kind,
      mirror: 1,
      environment,
      revision: revision as never,
      enqueuedIndex: due?.enqueuedIndex ?? 0,
      contentHash: new Uint8Array(32),
      remoteVersion: '',
      status: statusOfAll(
        kind === 'delivered' ? 'SYNCED' : 'BLOCKED_BY_POLICY',
        kind === 'delivered' ? '' : 'the file is somebody else’s',
      ),
    },
  ]);
}

/** Resolves once a revision is applied. */
async function applied(revision: number): Promise<void> {
  while (readProgress(member.tables).revision < revision) {
    await new Promise<void>((done) => {
      const stop = member.onApplied(() => {
        stop();
        done();
      });
    });
  }
}

async function failureOf(call: Promise<unknown>): Promise<CallFailed> {
  try {
    await call;
  } catch (error) {
    if (error instanceof CallFailed) return error;
    throw error;
  }
  throw new Error('the call was answered');
}

describe('a mirror', () => {
  test('is kept as it was defined, with what was left open filled in', async () => {
    const { mirror: made } = await create('files', '/tmp/a/', { prefix: 'pay/', selector: 'b = 2 , a' });
    expect(made).toMatchObject({
      namespace: 'default',
      name: 'files',
      prefix: 'pay/',
      selector: 'b=2,a',
      target: { provider: { value: { directory: '/tmp/a', format: FileFormat.DOTENV } } },
      withdrawal: WithdrawalPolicy.DELETE,
      drift: DriftPolicy.OVERWRITE,
      deleteBrakePercent: 50,
    });
    const { mirrors } = await client.call(Mirrors, 'list', {});
    expect(mirrors).toEqual([made]);
  });

  test('is changed without naming its target again, which cannot be another', async () => {
    await create('files', '/tmp/a');
    const { mirror: changed } = await client.call(Mirrors, 'update', {
      mirror: { name: 'files', prefix: 'x', drift: DriftPolicy.REPORT },
    });
    expect(changed).toMatchObject({
      prefix: 'x',
      drift: DriftPolicy.REPORT,
      target: { provider: { value: { directory: '/tmp/a' } } },
    });
    const failure = await failureOf(client.call(Mirrors, 'update', { mirror: mirror('files', '/tmp/b') }));
    expect([failure.code, failure.reason]).toEqual(['FAILED_PRECONDITION', 'MIRROR_TARGET_FIXED']);
  });

  test('is gone once it is deleted and holds nothing any more', async () => {
    await create('files', '/tmp/a');
    await client.call(Mirrors, 'delete', { name: 'files' });
    expect((await client.call(Mirrors, 'list', {})).mirrors).toEqual([]);
  });

  test('to AWS is kept with what the member that was asked fills in, and says what it is', async () => {
    const ssm = {
      case: 'awsSsm',
      value: { nameTemplate: '{environment}/{variable:kebab}', emptyValues: EmptyValuePolicy.SKIP },
    } as const;
    const { mirror: made } = await client.call(Mirrors, 'create', { mirror: { name: 'ssm', target: { provider: ssm } } });
    expect(made?.target?.provider).toMatchObject({
      case: 'awsSsm',
      value: {
        account: { accountId: '123456789012', region: 'eu-west-1' },
        prefix: '/env-cli/',
        layout: MirrorLayout.PER_VARIABLE,
        emptyValues: EmptyValuePolicy.SKIP,
        unfitValues: UnfitValuePolicy.REFUSE,
      },
    });
    const role = { roleArn: 'arn:aws:iam::222222222222:role/env-cli', region: 'us-east-1' };
    const secrets = {
      case: 'awsSecretsManager',
      value: { account: role, layout: MirrorLayout.BLOB, recoveryDays: 7, writeInterval: durationFromMs(90_000) },
    } as const;
    const { mirror: other } = await client.call(Mirrors, 'create', { mirror: { name: 'vault', target: { provider: secrets } } });
    expect(other?.target?.provider).toMatchObject({
      value: {
        account: { accountId: '222222222222', ...role },
        prefix: 'env-cli/',
        layout: MirrorLayout.BLOB,
        recoveryDays: 7,
        writeInterval: { seconds: 90n },
      },
    });
  });

  test('to AWS within the prefix of another is refused, in another region it is not', async () => {
    await client.call(Mirrors, 'create', { mirror: { name: 'all', target: ssmAt('/env-cli') } });
    const failure = await failureOf(
      client.call(Mirrors, 'create', { mirror: { name: 'some', target: ssmAt('/env-cli/payments/') } }),
    );
    expect([failure.code, failure.reason]).toEqual(['FAILED_PRECONDITION', 'MIRROR_OVERLAPS']);
    expect(failure.message).toContain('aws-ssm/123456789012/eu-west-1/env-cli');
    await client.call(Mirrors, 'create', { mirror: { name: 'elsewhere', target: ssmAt('/env-cli', 'us-east-1') } });
  });

  test.each([
    ['a template that cannot be read back', { nameTemplate: '{variable}' }, 'the name template {variable} cannot be used'],
    ['a prefix that AWS keeps', { prefix: '/aws/x' }, 'AWS keeps names that begin with aws or ssm'],
    ['a policy that there is not', { emptyValues: 9 as EmptyValuePolicy }, 'must be one of the values of its enum'],
    ['a role that is none', { account: { roleArn: 'nobody' } }, 'the account is not known'],
  ])('to AWS with %s is refused by its field', async (_why, value, problem) => {
    const target = { provider: { case: 'awsSsm', value } } as const;
    const failure = await failureOf(client.call(Mirrors, 'create', { mirror: { name: 'ssm', target } }));
    expect([failure.code, failure.reason]).toEqual(['INVALID_ARGUMENT', 'INVALID_FIELD']);
    expect(failure.message).toContain(problem);
    expect(failure.message).toContain('mirror.target.aws_ssm');
  });

  test.each([
    ['above 24 hours', 86_400_001, 'must be at most 24 hours'],
    ['below 0', -1, 'must be a duration of 0 or more'],
  ])('to Secrets Manager with a write interval %s is refused by its field', async (_why, intervalMs, problem) => {
    const target = {
      provider: { case: 'awsSecretsManager', value: { writeInterval: durationFromMs(intervalMs) } },
    } as const;
    const failure = await failureOf(client.call(Mirrors, 'create', { mirror: { name: 'vault', target } }));
    expect(failure.message).toContain(`mirror.target.aws_secrets_manager.write_interval: ${problem}`);
  });

  test('to Secrets Manager writes a secret once in 10 minutes in the long run, unless it is told otherwise', async () => {
    const target = { provider: { case: 'awsSecretsManager', value: {} } } as const;
    const { mirror: made } = await client.call(Mirrors, 'create', { mirror: { name: 'vault', target } });
    expect(made?.target?.provider).toMatchObject({ value: { writeInterval: { seconds: 600n, nanos: 0 } } });
  });

  test('to AWS keeps its layout and its names, for under others it would not find its own', async () => {
    await client.call(Mirrors, 'create', { mirror: ssmMirror({}) });
    for (const value of [{ layout: MirrorLayout.BLOB }, { nameTemplate: '{environment}/x/{variable}' }]) {
      const failure = await failureOf(client.call(Mirrors, 'update', { mirror: ssmMirror(value) }));
      expect(failure.message).toContain('INVALID_ARGUMENT: mirror.target: must keep its');
    }
    const { mirror: changed } = await client.call(Mirrors, 'update', {
      mirror: ssmMirror({ emptyValues: EmptyValuePolicy.SKIP }),
    });
    expect(changed?.target?.provider).toMatchObject({ value: { emptyValues: EmptyValuePolicy.SKIP } });
  });

  test('rests while it is paused, also across an update, and delivers again', async () => {
    await create('files', '/tmp/a');
    expect((await client.call(Mirrors, 'pause', { name: 'files' })).mirror?.paused).toBe(true);
    const { mirror: updated } = await client.call(Mirrors, 'update', { mirror: { name: 'files', prefix: 'x' } });
    expect([updated?.paused, updated?.prefix]).toEqual([true, 'x']);
    expect((await client.call(Mirrors, 'resume', { name: 'files' })).mirror?.paused).toBe(false);
    const failure = await failureOf(client.call(Mirrors, 'pause', { name: 'nope' }));
    expect(failure.reason).toBe('MIRROR_NOT_FOUND');
  });

  test.each([
    ['an update between the beginning and the end of a pause', () => pause(), () => client.call(Mirrors, 'update', drifting())],
    ['a pause between the beginning and the end of an update', () => client.call(Mirrors, 'update', drifting()), () => pause()],
  ])('loses nothing by %s', async (_which, outer, inner) => {
    await create('files', '/tmp/a');
    const propose = member.propose.bind(member);
    member.propose = async (...args) => {
      member.propose = propose;
      await inner();
      return propose(...args);
    };
    await outer();
    const { mirrors } = await client.call(Mirrors, 'list', {});
    expect(mirrors).toMatchObject([{ drift: DriftPolicy.REPORT, paused: true }]);
  });

  test('that rests while it is deleted can be let work again, so that it comes to its end', async () => {
    await create('files', '/tmp/a');
    await deliver('e', await write('e'));
    await pause();
    await client.call(Mirrors, 'delete', { name: 'files' });
    const { mirror: resumed } = await client.call(Mirrors, 'resume', { name: 'files' });
    expect(resumed).toMatchObject({ deleting: true, paused: false });
  });

  test('whose target is gone can be abandoned, also while it is being deleted: its target is free then', async () => {
    await create('files', '/tmp/a');
    await deliver('e', await write('e'));
    await client.call(Mirrors, 'delete', { name: 'files' });
    expect((await failureOf(create('other', '/tmp/a'))).reason).toBe('MIRROR_OVERLAPS');
    await client.call(Mirrors, 'delete', { name: 'files', abandon: true });
    expect((await client.call(Mirrors, 'list', {})).mirrors).toEqual([]);
    await create('other', '/tmp/a');
  });

  test('delivers again what failed, of one environment or of all', async () => {
    await create('files', '/tmp/a');
    await deliver('e', await write('e'), 'failed');
    const { environments } = await client.call(Mirrors, 'status', { name: 'files' });
    expect(environments[0]).toMatchObject({ state: DeliveryState.BLOCKED_BY_POLICY });
    expect((await client.call(Mirrors, 'list', {})).mirrors).toMatchObject([{ failedCount: 1n, pendingCount: 0n }]);
    expect((await client.call(Mirrors, 'retry', { name: 'files', environment: 'other' })).changed).toBe(false);
    expect((await client.call(Mirrors, 'retry', { name: 'files', environment: 'e' })).changed).toBe(true);
    const { pendingCount } = await client.call(Mirrors, 'status', { name: 'files' });
    expect(pendingCount).toBe(1n);
    expect((await client.call(Mirrors, 'retry', { name: 'files' })).changed).toBe(true);
  });

  test('is waited for by a write: it is answered once the target holds it, or says who does not', async () => {
    await create('files', '/tmp/a');
    const operations = [setting('e', { A: '1' })];
    const late = await client.call(Environments, 'write', { operations, awaitMirrors: { timeout: { nanos: 1_000_000 } } });
    expect(late.mirrorsBehind).toEqual(['files']);
    await deliver('e', Number(late.revision));
    const writing = client.call(Environments, 'write', {
      operations: [setting('e', { A: '2' })],
      awaitMirrors: { names: ['files'] },
    });
    await applied(Number(late.revision) + 1);
    await deliver('e', Number(late.revision) + 1);
    expect((await writing).mirrorsBehind).toEqual([]);
    const unknown = await client.call(Environments, 'write', {
      operations,
      awaitMirrors: { names: ['no'], timeout: { nanos: 1_000 } },
    });
    expect(unknown.mirrorsBehind).toEqual(['no']);
    const failure = await failureOf(
      client.call(Environments, 'write', { operations, awaitMirrors: { timeout: { seconds: 601n } } }),
    );
    expect(failure.message).toContain('await_mirrors.timeout: must be at most 600 s');
  });

  test('that would overlap with another is refused by the names and targets of both, and what to do', async () => {
    await create('files', '/tmp/a');
    const failure = await failureOf(create('other', '/tmp/a/within'));
    expect(failure.message).toContain(
      'mirror other to file/tmp/a/within would overlap with mirror files of namespace default, which writes to file/tmp/a: the two would undo each other’s work; choose a target outside of file/tmp/a, or delete mirror files of namespace default first',
    );
  });

  test('that is deleted while it holds something is listed as one that goes', async () => {
    await create('files', '/tmp/a');
    await deliver('payments/prod', await write('payments/prod'));
    expect((await client.call(Mirrors, 'list', {})).mirrors).toMatchObject([{ name: 'files', deleting: false }]);
    await client.call(Mirrors, 'delete', { name: 'files' });
    expect((await client.call(Mirrors, 'list', {})).mirrors).toMatchObject([{ name: 'files', deleting: true }]);
  });

  test.each([
    ['of a name that is taken', () => create('files', '/tmp/b'), 'MIRROR_EXISTS'],
    ['whose folder lies in that of another', () => create('other', '/tmp/a/within'), 'MIRROR_OVERLAPS'],
    ['whose folder is not absolute', () => create('other', 'a'), 'INVALID_FIELD'],
    ['whose folder is the member’s own', () => create('other', '/forbidden'), 'INVALID_FIELD'],
    ['without a target', () => client.call(Mirrors, 'create', { mirror: { name: 'other' } }), 'INVALID_FIELD'],
    ['without anything', () => client.call(Mirrors, 'create', {}), 'INVALID_FIELD'],
    ['with a selector that is none', () => create('other', '/tmp/b', { selector: '=' }), 'INVALID_FIELD'],
    ['with a brake above 100', () => create('other', '/tmp/b', { deleteBrakePercent: 101 }), 'INVALID_FIELD'],
    ['with a policy that there is not', () => create('other', '/tmp/b', { drift: 9 as DriftPolicy }), 'INVALID_FIELD'],
    ['that does not exist is not deleted', () => client.call(Mirrors, 'delete', { name: 'none' }), 'MIRROR_NOT_FOUND'],
    ['that does not exist has no status', () => client.call(Mirrors, 'status', { name: '../x' }), 'MIRROR_NOT_FOUND'],
    ['that does not exist has no plan', () => client.call(Mirrors, 'plan', { name: 'none' }), 'MIRROR_NOT_FOUND'],
    ['that does not exist is not waited for', () => client.call(Mirrors, 'wait', { names: ['none'] }), 'MIRROR_NOT_FOUND'],
    [
      'is not waited for at a revision of the future',
      () => client.call(Mirrors, 'wait', { revision: 99n }),
      'REVISION_IN_FUTURE',
    ],
    ['has no list of the past', () => client.call(Mirrors, 'list', { options: { revision: 1n } }), 'INVALID_FIELD'],
  ])('%s', async (_why, call, reason) => {
    await create('files', '/tmp/a');
    expect((await failureOf(call())).reason).toBe(reason);
  });
});

describe('the status of a mirror', () => {
  test('says what waits, what is there and what failed, by what the cluster holds', async () => {
    await create('files', '/tmp/a');
    const [a, b] = [await write('a'), await write('b')];
    await write('c');
    await deliver('a', a);
    await deliver('b', b, 'failed');
    const { environments, pendingCount, deliveredRevision } = await client.call(Mirrors, 'status', { name: 'files' });
    expect(
      environments.map(({ environment, state, deliveredRevision: held, pendingRevision, error }) => [
        environment,
        state,
        Number(held),
        Number(pendingRevision),
        error,
      ]),
    ).toEqual([
      ['a', DeliveryState.SYNCED, 1, 0, ''],
      ['b', DeliveryState.BLOCKED_BY_POLICY, 0, 2, 'the file is somebody else’s'],
      ['c', DeliveryState.PENDING, 0, 3, ''],
    ]);
    // What failed for good tells nothing of what the target holds.
    expect([pendingCount, deliveredRevision]).toEqual([1n, 0n]);
  });

  test('says up to which revision everything is there', async () => {
    await create('files', '/tmp/a');
    await deliver('a', await write('a'));
    expect((await client.call(Mirrors, 'status', { name: 'files' })).deliveredRevision).toBe(1n);
    await write('b');
    await write('c');
    expect((await client.call(Mirrors, 'status', { name: 'files' })).deliveredRevision).toBe(1n);
  });

  test('and what the worker knows beyond that', async () => {
    await create('files', '/tmp/a');
    await write('a');
    live.set('a', { status: statusOfAll('TARGET_ERROR', 'the disk is full'), attempts: 3, nextAttemptInMs: 5_000 });
    const { environments } = await client.call(Mirrors, 'status', { name: 'files' });
    expect(environments[0]).toMatchObject({
      state: DeliveryState.TARGET_ERROR,
      error: 'the disk is full',
      attempts: 3,
      pendingRevision: 1n,
    });
    expect(Number(environments[0]!.nextAttemptTime!.seconds)).toBeGreaterThan(Date.now() / 1_000);
  });

  test('and since when a call hangs, if one does', async () => {
    await create('files', '/tmp/a');
    await write('a');
    const status = statusOfAll('TARGET_ERROR', 'a write at file/tmp/a hangs');
    live.set('a', { status, attempts: 1, nextAttemptInMs: null, hangsForMs: 60_000 });
    const [environment] = (await client.call(Mirrors, 'status', { name: 'files' })).environments;
    expect(environment).toMatchObject({ state: DeliveryState.TARGET_ERROR, attempts: 1 });
    const [, since = ''] = /^a write at file\/tmp\/a hangs \(since (\S+Z)\)$/.exec(environment!.error) ?? [];
    const hangsForMs = Date.now() - Date.parse(since);
    expect([hangsForMs >= 60_000, hangsForMs < 90_000]).toEqual([true, true]);
  });

  test('comes in pages', async () => {
    await create('files', '/tmp/a');
    for (const name of ['a', 'b', 'c']) await write(name);
    const first = await client.call(Mirrors, 'status', { name: 'files', pageSize: 2 });
    const second = await client.call(Mirrors, 'status', { name: 'files', pageSize: 2, pageToken: first.nextPageToken });
    expect([first, second].map(({ environments }) => environments.map(({ environment }) => environment))).toEqual([
      ['a', 'b'],
      ['c'],
    ]);
    expect(second.nextPageToken).toBe('');
  });
});

describe('a plan', () => {
  test('is made of the environments that are selected, and shows no value', async () => {
    await create('files', '/tmp/a', { prefix: 'pay/' });
    await write('pay/a', 'hunter2');
    await write('other');
    planned = (_mirror, environments) =>
      Promise.resolve(
        environments.map((environment) => ({
          environment,
          items: [{ key: `${environment}.env`, action: 'create', step: 'write', valueBytes: 7, note: '' }],
          refusedBecause: null,
        })),
      );
    const { items, truncated } = await client.call(Mirrors, 'plan', { name: 'files' });
    expect(items).toMatchObject([{ environment: 'pay/a', key: 'pay/a.env', action: PlanAction.CREATE, valueBytes: 7n }]);
    expect(truncated).toBe(false);
  });

  test('says of what it can do nothing why', async () => {
    await create('files', '/tmp/a');
    planned = (_mirror, environments) =>
      Promise.resolve(environments.map((environment) => ({ environment, items: [], refusedBecause: 'it is sealed' })));
    const { items } = await client.call(Mirrors, 'plan', { name: 'files', environment: 'a' });
    expect(items).toMatchObject([{ environment: 'a', key: '', note: 'it is sealed' }]);
  });

  test.each([
    ['the worker is not at work', () => new NotDelivering('not here'), 'UNAVAILABLE', 'MIRROR_WORKER_AWAY'],
    [
      'the target cannot be read',
      () => new TargetError('refused', 'no such folder'),
      'FAILED_PRECONDITION',
      'MIRROR_TARGET_UNREADABLE',
    ],
  ])('is refused when %s', async (_why, error, code, reason) => {
    await create('files', '/tmp/a');
    planned = () => Promise.reject(error());
    const failure = await failureOf(client.call(Mirrors, 'plan', { name: 'files' }));
    expect([failure.code, failure.reason]).toEqual([code, reason]);
  });
});

describe('waiting for mirrors', () => {
  test('ends once all of them hold the revision', async () => {
    await create('files', '/tmp/a');
    const revision = await write('a');
    const waiting = client.call(Mirrors, 'wait', { revision: BigInt(revision) });
    await deliver('a', revision);
    expect((await waiting).behind).toEqual([]);
  });

  test('says at the end of its time which do not', async () => {
    await create('files', '/tmp/a');
    await write('a');
    const { behind } = await client.call(Mirrors, 'wait', { timeout: { seconds: 0n, nanos: 50_000_000 } });
    expect(behind).toEqual(['files']);
  });

  const deadLetter = {
    mirror: 'files',
    reason: StuckReason.DEAD_LETTER,
    environment: 'a',
    state: DeliveryState.BLOCKED_BY_POLICY,
    error: 'the file is somebody else’s',
  };

  test('ends at once over what failed for good, before it or meanwhile, and goes on once that is due again', async () => {
    await create('files', '/tmp/a');
    const revision = await write('a');
    const during = client.call(Mirrors, 'wait', { timeout: { seconds: 600n } });
    await deliver('a', revision, 'failed');
    const { behind, stuck } = await during;
    expect([behind, stuck]).toMatchObject([['files'], [deadLetter]]);
    expect((await client.call(Mirrors, 'wait', { timeout: { seconds: 600n } })).stuck).toMatchObject([deadLetter]);
    await client.call(Mirrors, 'retry', { name: 'files', environment: 'a' });
    const again = client.call(Mirrors, 'wait', { timeout: { seconds: 600n } });
    await deliver('a', revision);
    expect(await again).toMatchObject({ behind: [], stuck: [] });
  });

  test('ends at once over a mirror that is paused, unless it holds all that is asked for', async () => {
    await create('files', '/tmp/a');
    await pause();
    expect(await client.call(Mirrors, 'wait', { timeout: { seconds: 600n } })).toMatchObject({ behind: [], stuck: [] });
    await write('a');
    const { behind, stuck } = await client.call(Mirrors, 'wait', { timeout: { seconds: 600n } });
    expect([behind, stuck]).toMatchObject([['files'], [{ mirror: 'files', reason: StuckReason.PAUSED, environment: '' }]]);
  });

  test('of a write ends at once over its own environment, and over no other', async () => {
    await create('files', '/tmp/a');
    await deliver('other', await write('other'), 'failed');
    const operations = [setting('a', { A: '1' })];
    const writing = client.call(Environments, 'write', { operations, awaitMirrors: { timeout: { seconds: 600n } } });
    await applied(2);
    await deliver('a', 2, 'failed');
    const { revision, mirrorsBehind, mirrorsStuck } = await writing;
    expect([revision, mirrorsBehind, mirrorsStuck]).toMatchObject([2n, ['files'], [deadLetter]]);
  });

  test('ends with the deadline of its call, and still says which do not', async () => {
    await create('files', '/tmp/a');
    await write('a');
    const { behind } = await client.call(Mirrors, 'wait', {}, { deadlineMs: 1_000 });
    expect(behind).toEqual(['files']);
  });
});
