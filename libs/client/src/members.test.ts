import { once } from 'node:events';
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net';

import { afterEach, describe, expect, test } from '@jest/globals';

import { boundsFrom } from './bounds.ts';
import { connect, type Client, type ClientOptions } from './client.ts';
import type { EnvCliError } from './error.ts';
import { Members } from './members.ts';
import { refusal, TwinMember, TwinRefused, TwinState, type TwinScript } from './testing/twin.ts';

const quick: ClientOptions = { backoff: { initialMs: 1, maxMs: 5 } };
/** An address at which nobody listens: port 1 needs more rights than a test has. */
const nobody = '127.0.0.1:1';
const ended: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
});

async function member(state: TwinState, script: TwinScript = {}, address?: string): Promise<TwinMember> {
  const started = await TwinMember.start(state, script, address);
  ended.push(() => started.stop());
  return started;
}

async function clientOf(addresses: readonly string[], options: ClientOptions = {}): Promise<Client> {
  const client = await connect(addresses, { ...quick, ...options });
  ended.push(() => client.close());
  return client;
}

/** An address at which connections are taken, and nothing is ever said. */
async function swallower(connected: (count: number) => void = () => undefined): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    connected(sockets.size);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ended.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function stateWith(name: string): TwinState {
  const state = new TwinState();
  state.environments.set(name, new Map());
  return state;
}

const failure = (promise: Promise<unknown>): Promise<EnvCliError> =>
  promise.then(
    () => Promise.reject(new Error('it was answered')),
    (error: EnvCliError) => error,
  );

describe('a client finds a member', () => {
  test('behind addresses at which nobody answers', async () => {
    const twin = await member(stateWith('a'));
    const client = await clientOf([nobody, twin.address]);
    await client.environments.get('a');
    expect(twin.messages.length).toBe(1);
  });

  test('behind addresses that swallow what is sent, without waiting for each of them in turn', async () => {
    const silent = await Promise.all([swallower(), swallower()]);
    const twin = await member(stateWith('a'));
    const client = await clientOf([...silent, twin.address], { connectTimeoutMs: 3000 });
    await client.environments.get('a');
    expect(twin.messages.length).toBe(1);
  });

  test('and says for each address why there is none', async () => {
    const error = await failure(connect([nobody, '127.0.0.1:2'], { ...quick, connectTimeoutMs: 300 }));
    expect(error).toMatchObject({ reason: 'UNREACHABLE', code: 'UNAVAILABLE', outcomeUnknown: false });
    expect(error.message).toBe('no member could be reached: 127.0.0.1:1: connection refused; 127.0.0.1:2: connection refused');
  });

  test('later, when it may connect lazily: calls wait for it within their connect time-out', async () => {
    const port = await member(new TwinState());
    const { address } = port;
    port.stop();
    const client = await clientOf([address], { lazy: true });
    const read = client.environments.get('a');
    const error = await failure((await clientOf([address], { lazy: true, connectTimeoutMs: 50 })).environments.get('a'));
    expect(error.reason).toBe('UNREACHABLE');
    await member(stateWith('a'), {}, address);
    expect((await read).environment.name).toBe('a');
  });

  test.each(['http://localhost:7371', 'a b', 'host:0', 'host:99999', 'host:12x', '', ' , ', '::1'])(
    'but not at %p, which is no address',
    async (address) => {
      expect((await failure(connect(address))).reason).toBe('INVALID_FIELD');
    },
  );
});

test('a client that is closed while it connects tries no other address', async () => {
  const dialed = Promise.withResolvers<number>();
  let others = 0;
  const first = await swallower(dialed.resolve);
  const second = await swallower((count) => (others = count));
  const members = new Members([first, second], {
    attemptMs: 60_000,
    staggerMs: 60_000,
    connectTimeoutMs: 60_000,
    followLeader: true,
    tls: null,
    backoff: { initialMs: 1, maxMs: 5 },
    random: Math.random,
  });
  const connecting = failure(members.channel(boundsFrom(60_000, undefined)));
  await dialed.promise;
  members.close();
  expect(await connecting).toMatchObject({ reason: 'CLIENT_CLOSED' });
  // What is dialed after it is taken after it.
  const [host, port] = second.split(':');
  const socket = connectTo(Number(port), host);
  await once(socket, 'connect');
  socket.end();
  await expectEventually(() => Promise.resolve(others > 0));
  expect(others).toBe(1);
});

describe('a client follows the leader', () => {
  test('that an answer names, without a call that waits for it', async () => {
    const state = stateWith('a');
    const [follower, leader] = [await member(state), await member(state)];
    state.leaderAddress = leader.address;
    const client = await clientOf([follower.address]);
    await client.environments.get('a');
    await expectEventually(async () => {
      await client.environments.get('a');
      return leader.messages.length > 0;
    });
    const before = follower.messages.length;
    await client.environments.get('a');
    expect(follower.messages.length).toBe(before);
  });

  test('and comes back to the given addresses when the leader dies', async () => {
    const state = stateWith('a');
    const [follower, leader] = [await member(state), await member(state)];
    state.leaderAddress = leader.address;
    const client = await clientOf([follower.address]);
    await client.environments.get('a');
    await expectEventually(async () => {
      await client.environments.get('a');
      return leader.messages.length > 0;
    });
    state.leaderAddress = '';
    leader.stop();
    const before = follower.messages.length;
    await client.environments.set('a', { X: '1' }, { reason: 'w' });
    expect(follower.messages.length).toBeGreaterThan(before);
    expect(state.executed.get('w')).toBe(1);
  });

  test('but stays where it is when the leader cannot be reached, or when it was told to', async () => {
    const state = stateWith('a');
    const follower = await member(state);
    state.leaderAddress = nobody;
    const client = await clientOf([follower.address]);
    for (let i = 0; i < 5; i++) await client.environments.get('a');
    expect(follower.pipelinesOpened).toBe(1);

    const leader = await member(state);
    state.leaderAddress = leader.address;
    const homely = await clientOf([follower.address], { followLeader: false });
    for (let i = 0; i < 5; i++) await homely.environments.get('a');
    expect(leader.messages.length).toBe(0);
  });
});

describe('a single call', () => {
  const page = { environments: [{ name: 'a' }], nextPageToken: '', listRevision: 3n };

  test('that reads is made again after a broken connection and after what says that nothing was done', async () => {
    let attempts = 0;
    const twin = await member(new TwinState(), {
      unary: {
        'Environments.List': (_request: unknown, self: TwinMember) => {
          attempts++;
          if (attempts === 1) self.cut();
          if (attempts === 2) throw new TwinRefused(refusal('NO_LEADER'));
          return page;
        },
      },
    });
    const client = await clientOf([twin.address]);
    for await (const { name } of client.environments.list()) expect(name).toBe('a');
    expect(attempts).toBe(3);
  });

  test('that creates a mirror is not made again once it may have been done', async () => {
    let attempts = 0;
    const twin = await member(new TwinState(), {
      unary: {
        'Mirrors.Create': (_request: unknown, self: TwinMember) => {
          attempts++;
          if (attempts === 1) throw new TwinRefused(refusal('NO_LEADER'));
          self.cut();
          return {};
        },
      },
    });
    const client = await clientOf([twin.address]);
    const target = { provider: 'file', directory: '/tmp/x', format: 'json' } as const;
    expect(await failure(client.mirrors.create({ name: 'm', target }))).toMatchObject({
      reason: 'OUTCOME_UNKNOWN',
      outcomeUnknown: true,
    });
    expect(attempts).toBe(2);
  });

  test('is given up at its deadline and by its signal', async () => {
    const twin = await member(new TwinState(), { unary: { 'Cluster.Members': () => new Promise<object>(() => undefined) } });
    const client = await clientOf([twin.address]);
    expect((await failure(client.cluster.members({ timeoutMs: 30 }))).reason).toBe('DEADLINE_EXCEEDED');
    const abort = new AbortController();
    const given = failure(client.cluster.members({ signal: abort.signal }));
    abort.abort();
    expect((await given).reason).toBe('CANCELLED');
    const compact = failure(client.cluster.compact(-1));
    expect((await compact).reason).toBe('INVALID_FIELD');
  });
});

/** Repeats until it holds; what it waits for is another connection, of which nothing tells. */
async function expectEventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(setImmediate);
}
