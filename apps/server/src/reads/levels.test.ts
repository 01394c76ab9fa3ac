import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Consistency, Environments, Mirrors } from '@env-cli/wire';

import { ForwardProofs } from '../rpc/forward-proof.ts';
import { CallFailed, Serving, TestClient } from '../testing/serving.ts';
import { setting } from '../testing/operations.ts';
import { TwinMember } from '../testing/twin-member.ts';

/** How long a call may take: the member gives up by itself, whatever the client’s clock says. Half of it is waited, the rest is for the hop to the leader. */
const defaultDeadlineMs = 1_500;

let leader: TwinMember;
let follower: TwinMember;
let atLeader: Serving;
let atFollower: Serving;
let toLeader: TestClient;
let toFollower: TestClient;

beforeEach(async () => {
  leader = TwinMember.alone();
  follower = leader.follower(2);
  atLeader = await Serving.of(leader, { defaultDeadlineMs });
  atFollower = await Serving.of(follower, { defaultDeadlineMs });
  leader.leaderApiAddress = atLeader.address;
  follower.leaderApiAddress = atLeader.address;
  toLeader = new TestClient(atLeader.address);
  toFollower = new TestClient(atFollower.address);
});
afterEach(async () => {
  toLeader.close();
  toFollower.close();
  await Promise.all([atLeader.close(), atFollower.close()]);
  assert.deepEqual([...atLeader.faults, ...atFollower.faults], []);
});

async function write(value: string): Promise<{ revision: bigint; token: string }> {
  const { revision, header } = await toLeader.call(Environments, 'write', { operations: [setting('e', { A: value })] });
  return { revision, token: header!.token };
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

/** What a read at the follower sees, and which member answered. */
async function readAtFollower(options: object, settings: object = {}): Promise<[string | undefined, bigint]> {
  const { environment, header } = await toFollower.call(Environments, 'get', { name: 'e', options }, settings);
  return [environment?.variables.at(0)?.value, header!.memberId];
}

describe('a follower that is behind', () => {
  let token: string;
  beforeEach(async () => {
    await write('old');
    follower.catchUp();
    ({ token } = await write('new'));
  });

  test('answers an eventual read as it is', async () => {
    expect(await readAtFollower({ consistency: Consistency.EVENTUAL })).toEqual(['old', 2n]);
  });

  test('answers within the lag that is allowed, and hands on what is not', async () => {
    follower.lagMs = 100;
    const answers = [200, 50].map((ms) =>
      readAtFollower({ consistency: Consistency.EVENTUAL, maxLag: { seconds: 0n, nanos: ms * 1e6 } }),
    );
    expect(await Promise.all(answers)).toEqual([
      ['old', 2n],
      ['new', 1n],
    ]);
  });

  test.each([
    ['a strong read', () => ({ consistency: Consistency.STRONG })],
    ['a read of one’s own writes', () => ({ consistency: Consistency.READ_YOUR_WRITES, token })],
    ['an eventual read with a token', () => ({ consistency: Consistency.EVENTUAL, token })],
    ['a read that states no level', () => ({})],
    ['a read at a revision that it does not have yet', () => ({ consistency: Consistency.EVENTUAL, revision: 2n })],
  ])('waits for half of the time for %s, then hands it to the leader', async (_why, options) => {
    expect(await readAtFollower(options())).toEqual(['new', 1n]);
  });

  test('answers a read of one’s own writes itself once it has caught up', async () => {
    const reading = readAtFollower({ consistency: Consistency.READ_YOUR_WRITES, token });
    setImmediate(() => follower.catchUp());
    expect(await reading).toEqual(['new', 2n]);
  });

  test('hands on no read that was handed to it', async () => {
    // It takes itself for the leader's address: what it hands on comes back to it, and is handed on no more.
    follower.leaderApiAddress = atFollower.address;
    const failure = await failureOf(readAtFollower({ consistency: Consistency.STRONG }));
    expect([failure.code, failure.reason]).toEqual(['UNAVAILABLE', 'FORWARDED_TWICE']);
  });

  test('says which leader it did not reach', async () => {
    follower.leaderApiAddress = '127.0.0.1:1';
    const failure = await failureOf(readAtFollower({ consistency: Consistency.STRONG }));
    expect([failure.code, failure.reason, failure.facts['leader']]).toEqual(['UNAVAILABLE', 'LEADER_UNREACHED', '127.0.0.1:1']);
  });

  test('hands on the reads of a pipeline too, and answers with a token that has seen them', async () => {
    const pipeline = toFollower.stream(Environments, 'pipeline');
    pipeline.send({
      calls: [
        { id: 7n, call: { case: 'get', value: { name: 'e', options: { consistency: Consistency.EVENTUAL, revision: 2n } } } },
      ],
    });
    const answer = await pipeline.next();
    expect(answer?.results[0]).toMatchObject({ id: 7n, result: { case: 'get', value: { environment: { modifyRevision: 2n } } } });
    expect(answer?.header?.revision).toBe(2n);
    pipeline.end();
    expect(await pipeline.next()).toBeNull();
  });

  test('asks the leader for the status of a mirror, whose worker knows', async () => {
    const mirror = { name: 'm', target: { provider: { case: 'file', value: { directory: '/tmp/m' } } } } as const;
    await toLeader.call(Mirrors, 'create', { mirror });
    const { header } = await toFollower.call(Mirrors, 'status', { name: 'm' });
    expect(header?.memberId).toBe(1n);
  });
});

test('a refusal of the leader reaches the client as the leader said it', async () => {
  await write('x');
  const failure = await failureOf(toFollower.call(Environments, 'get', { name: 'none' }));
  expect([failure.code, failure.reason, failure.facts['environment']]).toEqual(['NOT_FOUND', 'ENVIRONMENT_NOT_FOUND', 'none']);
});

test('a token from beyond all that the leader has is refused at the deadline', async () => {
  const other = TwinMember.alone();
  const elsewhere = await Serving.of(other);
  const toElsewhere = new TestClient(elsewhere.address);
  let token = '';
  for (const value of ['1', '2', '3']) {
    token = (await toElsewhere.call(Environments, 'write', { operations: [setting('e', { A: value })] })).header!.token;
  }
  toElsewhere.close();
  await elsewhere.close();
  const failure = await failureOf(toLeader.call(Environments, 'get', { name: 'e', options: { token } }));
  expect([failure.code, failure.reason]).toEqual(['OUT_OF_RANGE', 'TOKEN_AHEAD']);
});

describe('without a leader', () => {
  beforeEach(async () => {
    await write('kept');
    follower.catchUp();
    leader.leaderless = true;
    follower.leaderless = true;
  });

  test('an eventual read is answered', async () => {
    expect(await readAtFollower({ consistency: Consistency.EVENTUAL })).toEqual(['kept', 2n]);
  });

  test.each([
    ['a strong read', { consistency: Consistency.STRONG }, 'NO_LEADER'],
    ['a read within a lag', { consistency: Consistency.EVENTUAL, maxLag: { seconds: 1n, nanos: 0 } }, 'TOO_STALE'],
  ])('%s is not, and may be tried again', async (_why, options, reason) => {
    const failure = await failureOf(readAtFollower(options));
    expect([failure.code, failure.reason]).toEqual(['UNAVAILABLE', reason]);
  });
});

describe('a write', () => {
  const cases = [
    ['no-leader', 'UNAVAILABLE', 'NO_LEADER'],
    ['too-busy', 'UNAVAILABLE', 'TOO_BUSY'],
    ['stopping', 'UNAVAILABLE', 'STOPPING'],
    ['outcome-unknown', 'UNKNOWN', 'OUTCOME_UNKNOWN'],
    ['deadline-exceeded', 'DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'],
  ] as const;
  test.each(cases)('that meets %s ends with %s', async (code, grpcCode, reason) => {
    leader.proposalsFailWith = code;
    const failure = await failureOf(write('x'));
    expect([failure.code, failure.reason]).toEqual([grpcCode, reason]);
  });
});

test('a level that no request states is the one of the configuration', async () => {
  await write('old');
  follower.catchUp();
  await write('new');
  const relaxed = await Serving.of(follower, { defaultConsistency: 'eventual' });
  const client = new TestClient(relaxed.address);
  const { environment } = await client.call(Environments, 'get', { name: 'e' });
  expect(environment?.variables.at(0)?.value).toBe('old');
  client.close();
  await relaxed.close();
});

describe('a client is no member', () => {
  const claim = { 'env-cli-forwarded-by': '2', 'env-cli-principal': 'member 2' };
  test.each([
    ['without a proof', {}],
    ['with a proof that is none', { 'env-cli-forward-proof-bin': Buffer.alloc(32) }],
    ['with a proof of another length', { 'env-cli-forward-proof-bin': Buffer.from('x') }],
  ])('that says a member passed its call on is refused, %s, and nothing is written', async (_why, proof) => {
    await write('before');
    const metadata = { ...claim, ...proof };
    const request = { operations: [setting('e', { A: 'after' })] };
    const failure = await failureOf(toLeader.call(Environments, 'write', request, { metadata }));
    expect([failure.code, failure.reason]).toEqual(['UNAUTHENTICATED', 'FORWARD_UNPROVEN']);
    expect(failure.message).toContain('leave it out');
    expect(leader.revision).toBe(1);
  });

  test('whatever name it gives itself, the history holds that nobody vouched for it', async () => {
    const request = { operations: [setting('e', { A: '1' })] };
    await toLeader.call(Environments, 'write', request, { metadata: { 'env-cli-principal': 'member 2' } });
    const { changes } = await toLeader.call(Environments, 'history', { name: 'e' });
    expect(changes.map(({ principal }) => principal)).toEqual(['unauthenticated']);
  });

  test('a proof of one call is none of a call of another method, of another member or for somebody else', async () => {
    await write('x');
    const proofs = new ForwardProofs(leader);
    const made = { memberId: 2, principal: 'unauthenticated', path: '/envcli.v1.Environments/Get' };
    await new Promise(setImmediate);
    const proof = Buffer.from(proofs.prove(made)!);
    proofs.close();
    const asked = (forwardedBy: string, principal: string) => ({
      metadata: {
        'env-cli-forwarded-by': forwardedBy,
        'env-cli-principal': principal,
        'env-cli-forward-proof-bin': proof,
      },
    });
    const get = (settings: object) => toLeader.call(Environments, 'get', { name: 'e' }, settings);
    expect((await get(asked('2', 'unauthenticated'))).environment?.name).toBe('e');
    const others = [
      get(asked('3', 'unauthenticated')),
      get(asked('2', 'alice')),
      toLeader.call(Environments, 'history', { name: 'e' }, asked('2', 'unauthenticated')),
    ];
    expect((await Promise.all(others.map(failureOf))).map(({ reason }) => reason)).toEqual([
      'FORWARD_UNPROVEN',
      'FORWARD_UNPROVEN',
      'FORWARD_UNPROVEN',
    ]);
  });
});
