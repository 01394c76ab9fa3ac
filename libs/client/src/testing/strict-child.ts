/**
 * A program that goes through everything that breaks, and handles only the promises that it was given. Run with
 * `--unhandled-rejections=strict`, so that any other rejection ends it. With the argument `control` it makes one of its own.
 */
import { connect, type Client } from '../client.ts';
import { TwinMember, TwinState, type TwinScript } from './twin.ts';

const quick = { lazy: true, connectTimeoutMs: 50, timeoutMs: 100, backoff: { initialMs: 1, maxMs: 5 } };
/** Rounds of each story: what is a race shows in one of them. */
const rounds = 10;

/** Everything that a client can have under way, without anybody who looks at what becomes of it but the callers. */
function everything(client: Client, signal: AbortSignal): Promise<unknown>[] {
  const { environments, mirrors, cluster } = client;
  const watch = environments.watch({ signal });
  // Neither its beginning nor `ready` is waited for: a program need not.
  void watch.started;
  const live = client.live('a', { signal, timeoutMs: 80 });
  void live.ready;
  return [
    ...Array.from({ length: 50 }, () => environments.get('a', { signal })),
    ...Array.from({ length: 50 }, (_, i) => environments.set('a', { X: String(i) }, { signal })),
    environments.batchGet(['a', 'b'], { signal }),
    environments.list({ signal }).pages().next(),
    environments.history('a', { signal }).pages().next(),
    environments.diff('a', { signal }),
    mirrors.list({ signal }),
    mirrors.wait({ signal, timeoutMs: 50 }),
    cluster.status({ signal }),
    cluster.status({ signal, address: '127.0.0.1:1' }),
    watch.next(),
    live[Symbol.asyncIterator]().next(),
    client.ready(),
  ];
}

/** Lets the event loop turn, so that what was called is under way. */
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Never answers, or answers only every second message. */
const mute: TwinScript = { pipeline: () => undefined, unary: { 'Sessions.Open': () => new Promise(() => undefined) } };

type Break = (at: { readonly member: TwinMember; readonly client: Client; readonly abort: AbortController }) => unknown;

const stories: Readonly<Record<string, Break>> = {
  'the connection is lost': ({ member }) => member.cut(),
  'the member dies': ({ member }) => member.stop(),
  'the member says nothing any more': ({ member }) => member.freeze(),
  'all is given up': ({ abort }) => abort.abort(),
  'the client is closed': ({ client }) => client.close(),
  'the connection is lost and the client is closed': ({ member, client }) => {
    member.cut();
    return client.close();
  },
  'the client is closed and then all is given up': ({ client, abort }) => {
    void client.close();
    abort.abort();
  },
};

const isControl = process.argv[2] === 'control';
for (const [name, breakIt] of isControl ? [] : Object.entries(stories)) {
  for (let round = 0; round < rounds; round++) {
    const state = new TwinState();
    state.environments.set('a', new Map());
    const member = await TwinMember.start(state, round % 2 === 0 ? mute : {});
    const client = await connect(member.address, quick);
    const abort = new AbortController();
    const calls = everything(client, abort.signal);
    const settled = Promise.allSettled(calls);
    // In some rounds before anything was sent, in others while answers come.
    await turns(round * 3);
    await breakIt({ member, client, abort });
    await Promise.race([settled, turns(1000)]);
    await client.close();
    const results = await settled;
    const strange = results.filter((each) => each.status === 'rejected' && each.reason?.name !== 'EnvCliError');
    if (strange.length > 0)
      throw new Error(`${name}: ${strange.map((each) => String((each as PromiseRejectedResult).reason)).join('; ')}`);
    member.stop();
  }
  process.stdout.write(`${name}\n`);
}
if (isControl) void Promise.reject(new Error('a rejection that nobody handles'));
await turns(10);
