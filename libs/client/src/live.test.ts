import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { connect, type Client, type ClientOptions } from './client.ts';
import type { EnvCliError } from './error.ts';
import type { LiveCacheOptions, LiveChange } from './live-options.ts';
import type { Live } from './live.ts';
import { parse } from './parsers.ts';
import { LiveMember } from './testing/live-member.ts';
import type { StandardSchema } from './variables.ts';

const quick: ClientOptions = { lazy: true, connectTimeoutMs: 2000, backoff: { initialMs: 1, maxMs: 20 } };
const ended: (() => unknown)[] = [];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-live-'));
});
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end();
  rmSync(folder, { recursive: true });
});

async function memberOf(values: Readonly<Record<string, string | { readonly secret: string }>>): Promise<LiveMember> {
  const live = await LiveMember.start('shop/prod');
  if (Object.keys(values).length > 0) live.set(values);
  ended.push(() => live.member.stop());
  return live;
}

async function clientOf(address: string, options: ClientOptions = {}): Promise<Client> {
  const client = await connect(address, { ...quick, ...options });
  ended.push(() => client.close());
  return client;
}

/** The same, of one that does not wait for long until a member can be reached. */
const hastyOf = (address: string): Promise<Client> => clientOf(address, { connectTimeoutMs: 50 });

const failure = (promise: Promise<unknown>): Promise<EnvCliError> =>
  promise.then(
    () => Promise.reject(new Error('it went well')),
    (error: EnvCliError) => error,
  );

/** The next change of a kind. */
function next<T, K extends LiveChange<T>['kind']>(live: Live<T>, kind: K): Promise<Extract<LiveChange<T>, { readonly kind: K }>> {
  return new Promise((resolve) => {
    const end = live.onChange((change) => {
      if (change.kind !== kind) return;
      end();
      resolve(change as Extract<LiveChange<T>, { readonly kind: K }>);
    });
  });
}

/** It follows, and says so. */
function following(live: Live<unknown>): Promise<void> {
  return seen(() => live.status.state === 'following');
}

/** Something that only looking can find out has come about. */
function seen(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): unknown => (condition() ? resolve() : setImmediate(look));
    look();
  });
}

/** The member is watched by one more. */
function watchedAgain(live: LiveMember): Promise<void> {
  return new Promise((resolve) => {
    live.onWatch = resolve;
  });
}

describe('a live environment has the values of now', () => {
  test('it is ready with the first state, follows each change, and says which variables differ', async () => {
    const twin = await memberOf({ A: '1', B: '2' });
    const live = (await clientOf(twin.member.address)).live('shop/prod');
    expect(() => live.current).toThrow('shop/prod has not been read yet');
    const watched = watchedAgain(twin);
    expect(await live.ready).toBe(live);
    expect({ ...live.current }).toEqual({ A: '1', B: '2' });
    await watched;
    const change = next(live, 'values');
    twin.set({ A: '1', B: '3', C: '' });
    expect(await change).toMatchObject({ changed: ['B', 'C'], source: 'cluster', revision: 2, values: { B: '3', C: '' } });
    expect([live.get('B'), live.get('C'), live.get('D'), live.get('constructor')]).toEqual(['3', '', undefined, undefined]);
    expect(live.environment).toMatchObject({ version: 2, modifyRevision: 2 });
    expect(live.status).toEqual({
      state: 'following',
      source: 'cluster',
      ageMs: 0,
      revision: 2,
      deleted: false,
      problem: null,
      cache: null,
    });
    expect(twin.reads).toBe(1);
    await live.close();
    expect(live.status.state).toBe('ended');
    expect(live.get('B')).toBe('3');
  });

  test('one that changed between the reading and the watch is not missed', async () => {
    const twin = await memberOf({ A: '1' });
    // The watch begins behind the change, and the reading was before it.
    twin.holdsWatches = true;
    twin.onRead = () => {
      twin.onRead = () => undefined;
      twin.set({ A: '2' });
      twin.releaseWatches();
    };
    const live = (await clientOf(twin.member.address)).live('shop/prod');
    const change = new Promise<unknown>((resolve) => {
      live.onChange(({ kind }) => kind === 'values' && live.get('A') === '2' && resolve(live.current));
    });
    await change;
    expect(twin.asked.map(({ revision }) => revision)).toEqual([0, 2]);
  });

  test('a slow reader is told the newest only, with the names of all that changed', async () => {
    const twin = await memberOf({ A: '1' });
    const live = (await clientOf(twin.member.address)).live('shop/prod');
    const watched = watchedAgain(twin);
    await live.ready;
    await watched;
    const reader = live[Symbol.asyncIterator]();
    const last = new Promise((resolve) => {
      live.onChange((change) => change.kind === 'values' && change.revision === 101 && resolve(null));
    });
    for (let i = 0; i < 100; i++) twin.set({ A: '1', [`V${i % 3}`]: String(i) });
    await last;
    expect((await reader.next()).value).toMatchObject({ kind: 'values', revision: 101, changed: ['V0', 'V1', 'V2'] });
    const waiting = reader.next();
    await live.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    for await (const change of live) throw new Error(`an ended one told ${change.kind}`);
  });
});

describe('a live environment goes on for ever', () => {
  test('over a member that dies and comes back, without losing what changed meanwhile', async () => {
    const twin = await memberOf({ A: '1' });
    const live = await (await clientOf(twin.member.address)).live('shop/prod').ready;
    const { address } = twin.member;
    twin.member.stop();
    twin.set({ A: '2' }, false);
    const change = next(live, 'values');
    await twin.restart(address);
    expect(await change).toMatchObject({ changed: ['A'], values: { A: '2' } });
    expect(live.status).toMatchObject({ state: 'following', problem: null });
  });

  test('and says that it is away, since when, and why', async () => {
    const twin = await memberOf({ A: '1' });
    const live = await (await clientOf(twin.member.address)).live('shop/prod').ready;
    await following(live);
    twin.member.stop();
    await seen(() => live.status.state === 'away');
    expect(live.status).toMatchObject({ source: 'cluster', problem: { reason: 'CONNECTION_LOST' } });
    expect(live.status.ageMs).toBeGreaterThan(0);
    expect(live.get('A')).toBe('1');
  });

  test('behind a compaction: what changed before it is read', async () => {
    const twin = await memberOf({ A: '1' });
    const live = await (await clientOf(twin.member.address)).live('shop/prod').ready;
    const { address } = twin.member;
    twin.member.stop();
    twin.set({ A: '2' }, false);
    twin.set({ A: '3' }, false);
    twin.oldestWatch = 3;
    const change = next(live, 'values');
    await twin.restart(address);
    expect(await change).toMatchObject({ values: { A: '3' }, revision: 3 });
  });

  test('with an environment that is older than what is kept', async () => {
    const twin = await memberOf({ A: '1' });
    twin.revision = 500;
    twin.oldestWatch = 400;
    const client = await clientOf(twin.member.address);
    const live = await client.live('shop/prod').ready;
    await following(live);
    const change = next(live, 'values');
    twin.states.set(500, twin.states.get(1)!);
    twin.set({ A: '2' });
    expect(await change).toMatchObject({ values: { A: '2' }, revision: 501 });
    // No watch goes through the log from the environment's last change on.
    expect(twin.watchedFrom).toEqual([0]);
  });

  test('over a restored cluster: it takes what is there now, though its revision is lower', async () => {
    const twin = await memberOf({ A: '1' });
    twin.set({ A: '2' });
    const live = await (await clientOf(twin.member.address, { consistency: 'eventual' })).live('shop/prod').ready;
    await following(live);
    const change = next(live, 'values');
    twin.restore(1);
    expect(await change).toMatchObject({ values: { A: '1' }, revision: 1, changed: ['A'] });
    await following(live);
    expect(live.status).toMatchObject({ state: 'following', problem: null });
  });

  test('when the environment leaves what is watched, by reading it again', async () => {
    const twin = await memberOf({ A: '1' });
    const live = (await clientOf(twin.member.address)).live('shop/prod');
    const watched = watchedAgain(twin);
    await live.ready;
    await watched;
    const again = watchedAgain(twin);
    twin.leave();
    await again;
    const change = next(live, 'values');
    twin.set({ A: '2' });
    await change;
    expect(twin.reads).toBe(2);
  });

  test('a lagging member does not take it back', async () => {
    const twin = await memberOf({ A: '1' });
    twin.set({ A: '2' });
    const live = await (await clientOf(twin.member.address)).live('shop/prod', { consistency: 'eventual' }).ready;
    await following(live);
    const told: unknown[] = [];
    live.onChange((change) => told.push(change.kind === 'values' ? change.values : change.kind));
    const newest = twin.states.get(2)!;
    twin.states.delete(2);
    const again = watchedAgain(twin);
    twin.endWatches('COMPACTED');
    await again;
    await following(live);
    twin.states.set(2, newest);
    const change = next(live, 'values');
    twin.set({ A: '3' });
    await change;
    expect(told).toEqual([{ A: '3' }]);
  });

  test('over a cluster that was founded again: a strong reading that is older than what is known is taken', async () => {
    const twin = await memberOf({ A: '1' });
    twin.set({ A: '2' });
    const live = await (await clientOf(twin.member.address)).live('shop/prod').ready;
    await following(live);
    twin.states.delete(2);
    twin.revision = 1;
    const change = next(live, 'values');
    twin.endWatches('COMPACTED');
    expect(await change).toMatchObject({ values: { A: '1' }, revision: 1 });
  });

  test('over a deletion: the values stay, and it follows one that is created again', async () => {
    const twin = await memberOf({ A: '1' });
    const live = (await clientOf(twin.member.address)).live('shop/prod');
    const watched = watchedAgain(twin);
    await live.ready;
    await watched;
    const deleted = next(live, 'deleted');
    twin.delete();
    await deleted;
    expect(live.status).toMatchObject({ state: 'following', deleted: true });
    expect(live.get('A')).toBe('1');
    const change = next(live, 'values');
    twin.set({ B: '2' });
    expect(await change).toMatchObject({ changed: ['A', 'B'] });
    expect(live.status.deleted).toBe(false);
  });

  test('that was deleted while nobody looked is found out', async () => {
    const twin = await memberOf({ A: '1' });
    const live = await (await clientOf(twin.member.address)).live('shop/prod').ready;
    const { address } = twin.member;
    twin.member.stop();
    twin.delete();
    twin.oldestWatch = 3;
    const deleted = next(live, 'deleted');
    await twin.restart(address);
    await deleted;
    const change = next(live, 'values');
    twin.set({ A: '3' });
    expect(await change).toMatchObject({ changed: ['A'], values: { A: '3' } });
  });
});

test('whatever breaks in whatever order, it never goes back, and comes to what is there', async () => {
  const steps = fc.array(fc.constantFrom('set', 'untold', 'delete', 'cut', 'compact', 'replace', 'leave', 'turn'), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom('strong', 'eventual' as const), async (script, consistency) => {
      const twin = await memberOf({ V: '0' });
      const live = await (await clientOf(twin.member.address, { consistency })).live('shop/prod').ready;
      const revisions: number[] = [];
      live.onChange((change) => change.kind === 'values' && revisions.push(change.revision));
      for (const [i, step] of script.entries()) {
        const exists = twin.states.get(twin.revision) !== null;
        if (step === 'set') twin.set({ V: String(i), [`V${i % 2}`]: 'x' });
        else if (step === 'untold') twin.set({ V: String(i) }, false);
        else if (step === 'delete' && exists) twin.delete();
        else if (step === 'cut') twin.member.cut();
        else if (step === 'leave' && exists) twin.leave();
        else if (step === 'replace') twin.endWatches('STATE_REPLACED');
        else if (step === 'compact') {
          twin.oldestWatch = twin.revision + 1;
          twin.endWatches('COMPACTED');
        } else await new Promise((resolve) => setImmediate(resolve));
      }
      // What was not told is found with the next break, which a member that fails to tell comes to in the end.
      twin.set({ V: 'last' });
      twin.endWatches('STATE_REPLACED');
      await seen(() => live.get('V') === 'last');
      expect({ ...live.current }).toEqual({ V: 'last' });
      expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
      for (const end of ended.splice(0).toReversed()) await end();
    }),
    { numRuns: 40 },
  );
});

describe('a live environment that cannot begin says why, and is ended', () => {
  test.each([
    ['there is no such environment', 'ENVIRONMENT_NOT_FOUND'],
    ['the request is refused', 'INVALID_FIELD'],
  ] as const)('%s', async (_why, reason) => {
    const twin = await memberOf(reason === 'INVALID_FIELD' ? { A: '1' } : {});
    if (reason === 'INVALID_FIELD') twin.refusals.push(reason);
    const live = (await clientOf(twin.member.address)).live('shop/prod');
    expect((await failure(live.ready)).reason).toBe(reason);
    expect(live.status).toMatchObject({ state: 'ended', source: null, problem: { reason } });
    await live.close();
  });

  test('nobody answers within its time', async () => {
    const live = (await hastyOf('127.0.0.1:1')).live('shop/prod', { timeoutMs: 500 });
    const error = await failure(live.ready);
    expect(error).toMatchObject({ reason: 'UNREACHABLE' });
    expect(error.message).toContain('127.0.0.1:1: connection refused');
  });

  test('it was given up, closed, or its client was closed', async () => {
    const twin = await memberOf({ A: '1' });
    twin.silent = true;
    const client = await clientOf(twin.member.address);
    const abort = new AbortController();
    const gone = new AbortController();
    gone.abort();
    const lives = [
      client.live('shop/prod', { signal: abort.signal }),
      client.live('shop/prod', { signal: gone.signal }),
      client.live('shop/prod'),
      client.live('shop/prod'),
    ];
    abort.abort();
    void lives[2]!.close();
    await client.close();
    expect((await Promise.all(lives.map(({ ready }) => failure(ready)))).map(({ reason }) => reason)).toEqual(
      lives.map(() => 'CANCELLED'),
    );
    expect(() => client.live('shop/prod')).toThrow('the client was closed');
  });

  test('the signal ends it also later', async () => {
    const twin = await memberOf({ A: '1' });
    const abort = new AbortController();
    const live = await (await clientOf(twin.member.address)).live('shop/prod', { signal: abort.signal }).ready;
    abort.abort();
    expect(live.status).toMatchObject({ state: 'ended', problem: null });
  });
});

describe('a schema gives the values their types', () => {
  const schema = {
    PORT: parse.integer,
    DEBUG: parse.withDefault(parse.boolean, false),
    RATE: parse.optional(parse.number),
    LEVEL: parse.oneOf('info', 'debug'),
    WAIT: parse.durationMs,
    LIMITS: (text: string) => parse.json(text) as { readonly max: number },
    HOME: parse.url,
    SALT: parse.bytes,
  };
  const good = { PORT: '80', LEVEL: 'debug', WAIT: '1h30m', LIMITS: '{"max":3}', HOME: 'https://x.example/', SALT: 'AAEC' };

  test('by a parser for each variable', async () => {
    const twin = await memberOf({ ...good, OTHER: 'x' });
    const live = await (await clientOf(twin.member.address)).live('shop/prod', { schema }).ready;
    const level: 'info' | 'debug' = live.get('LEVEL');
    const { PORT, DEBUG, RATE, WAIT, LIMITS, HOME, SALT } = live.current;
    expect([PORT + 1, DEBUG, RATE, level, WAIT, LIMITS.max, HOME.host, [...SALT]]).toEqual([
      81,
      false,
      undefined,
      'debug',
      5_400_000,
      3,
      'x.example',
      [0, 1, 2],
    ]);
    expect(Object.keys(live.current)).not.toContain('OTHER');
  });

  test('what is not as it wants is named: all of it, and never the value of a secret', async () => {
    const secret = 'sk_live_9f3a';
    const twin = await memberOf({ ...good, PORT: 'eighty', LEVEL: 'loud', LIMITS: { secret }, DEBUG: { secret } });
    const picky = {
      ...schema,
      GONE: parse.text,
      LIMITS: (text: string): never => {
        throw new Error(`cannot read ${text}`);
      },
    };
    const error = await failure((await clientOf(twin.member.address)).live('shop/prod', { schema: picky }).ready);
    expect(error.reason).toBe('VARIABLES_INVALID');
    expect(error.details.violations).toEqual([
      { field: 'PORT', description: 'must be an integer, as in 8080' },
      { field: 'DEBUG', description: 'is not what the schema wants' },
      { field: 'LEVEL', description: 'must be one of info, debug' },
      { field: 'LIMITS', description: 'is not what the schema wants' },
      { field: 'GONE', description: 'does not exist' },
    ]);
    expect(error.message).toMatch(/^shop\/prod at revision 1: PORT must be an integer/);
    expect(JSON.stringify([error, String(error), error.stack, error.cause])).not.toContain(secret);
  });

  test('a later state that it refuses leaves the values as they were, and the next good one mends it', async () => {
    const twin = await memberOf({ PORT: '80' });
    const live = (await clientOf(twin.member.address)).live('shop/prod', { schema: { PORT: Number } });
    const watched = watchedAgain(twin);
    await live.ready;
    await watched;
    const invalid = next(live, 'invalid');
    twin.set({ PORT: 'x' });
    expect((await invalid).error.message).toBe('shop/prod at revision 2: PORT must be a number');
    expect(live.get('PORT')).toBe(80);
    expect(live.status).toMatchObject({ state: 'following', revision: 1, problem: { reason: 'VARIABLES_INVALID' } });
    const change = next(live, 'values');
    twin.set({ PORT: '81' });
    await change;
    expect(live.status.problem).toBeNull();
  });

  test('by a library that speaks Standard Schema', async () => {
    const secret = 'sk_live_9f3a';
    const twin = await memberOf({ PORT: '80' });
    const standard: StandardSchema<{ readonly port: number }> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (values) => {
          const { PORT, KEY } = values as { readonly PORT: string; readonly KEY?: string };
          if (KEY !== undefined)
            return { issues: [{ message: `not ${KEY}`, path: [{ key: 'KEY' }] }, { message: `all: ${KEY}` }] };
          return { value: { port: Number(PORT) } };
        },
      },
    };
    const client = await clientOf(twin.member.address);
    const live = client.live('shop/prod', { schema: standard });
    const watched = watchedAgain(twin);
    await live.ready;
    await watched;
    expect(live.get('port')).toBe(80);
    const invalid = next(live, 'invalid');
    twin.set({ PORT: '80', KEY: { secret } });
    const { error } = await invalid;
    expect(error.message).toBe(
      'shop/prod at revision 2: KEY is not what the schema wants; the environment is not what the schema wants',
    );
    const later: StandardSchema<string> = {
      '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error(secret)) },
    };
    const refused = await failure(client.live('shop/prod', { schema: later }).ready);
    expect(refused.message).toContain('cannot be checked by a schema that answers later');
  });

  test('a masked secret is said to be one', async () => {
    const twin = await memberOf({ KEY: 'x' });
    twin.states.get(1)!.variables.set('KEY', { name: 'KEY', secret: true, valueHash: 'h', valueBytes: 1n });
    const options = { schema: { KEY: parse.text }, view: 'masked' } as const;
    const error = await failure((await clientOf(twin.member.address)).live('shop/prod', options).ready);
    expect(error.message).toContain("KEY is a secret that this view masks: ask for the view 'full'");
  });
});

/** Turns over the bits of one byte of a file; a place below 0 counts from its end. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 0xff;
  writeFileSync(path, bytes);
}

const fileOf = (): string => join(folder, 'cache', readdirSync(join(folder, 'cache'))[0]!);

/** The file is known to hold something. */
function identified(live: Live<unknown>): Promise<void> {
  return seen(() => live.status.cache?.confirmedTime != null);
}

describe('a cache starts a program while the cluster is away', () => {
  const secret = 'sk_live_planted_51';
  const key = randomBytes(32);
  const options = (more: Partial<LiveCacheOptions> = {}): { readonly cache: LiveCacheOptions } => ({
    cache: { directory: join(folder, 'cache'), key, afterMs: 50, ...more },
  });

  /** A member that was followed with a cache, and is gone. Answers its address. */
  async function kept(
    values: Readonly<Record<string, string | { readonly secret: string }>> = { KEY: { secret } },
  ): Promise<LiveMember> {
    const twin = await memberOf(values);
    const client = await clientOf(twin.member.address);
    const live = await client.live('shop/prod', options()).ready;
    await identified(live);
    await client.close();
    twin.member.stop();
    return twin;
  }

  test('it is sealed and of mode 0600, and is used only while the cluster is away, which it says', async () => {
    const twin = await kept();
    const { address } = twin.member;
    const bytes = readFileSync(fileOf());
    for (const word of [secret, 'KEY', 'shop', twin.clusterId, address]) expect(bytes.includes(word)).toBe(false);
    expect(statSync(fileOf()).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'cache')).mode & 0o777).toBe(0o700);
    const live = await (await hastyOf(address)).live('shop/prod', options()).ready;
    expect(live.get('KEY')).toBe(secret);
    expect(live.status).toMatchObject({ state: 'away', source: 'cache', problem: { reason: 'UNREACHABLE' } });
    expect(live.status.ageMs).toBeLessThan(60_000);
    const change = next(live, 'values');
    await twin.restart(address);
    expect(await change).toMatchObject({ source: 'cluster', changed: [], revision: 1 });
    await following(live);
    expect(live.status).toMatchObject({ state: 'following', source: 'cluster', ageMs: 0, problem: null });
  });

  test('it is not used when the cluster answers, and follows what it answers', async () => {
    const twin = await kept();
    await twin.restart(twin.member.address);
    twin.set({ KEY: 'new' });
    // It answers, however slow this machine is.
    const live = await (await clientOf(twin.member.address)).live('shop/prod', options({ afterMs: 20_000 })).ready;
    expect([live.status.source, live.get('KEY')]).toEqual(['cluster', 'new']);
    await live.close();
    await (await hastyOf(twin.member.address)).close();
    twin.member.stop();
    const again = await (await hastyOf(twin.member.address)).live('shop/prod', options()).ready;
    expect([again.status.source, again.get('KEY')]).toEqual(['cache', 'new']);
  });

  test('it goes with a deleted environment', async () => {
    const twin = await kept();
    await twin.restart(twin.member.address);
    const live = (await clientOf(twin.member.address)).live('shop/prod', options({ afterMs: 20_000 }));
    const watched = watchedAgain(twin);
    await live.ready;
    await watched;
    await identified(live);
    const deleted = next(live, 'deleted');
    twin.delete();
    await deleted;
    await live.close();
    expect(readdirSync(join(folder, 'cache'))).toEqual([]);
  });

  describe('a file that must not be used is refused with the reason, and the cluster is waited for', () => {
    const damages: readonly (readonly [string, (path: string) => void, Partial<LiveCacheOptions>, RegExp])[] = [
      ['damaged', (path) => flip(path, -20), {}, /it is damaged, or was sealed with another key or for another environment/],
      ['cut short', (path) => truncateSync(path, 20), {}, /it is cut short/],
      ['empty', (path) => truncateSync(path, 0), {}, /it is not a sealed file/],
      ['of something else', (path) => writeFileSync(path, 'KEY=x\n'), {}, /it is not a sealed file/],
      ['of another format', (path) => flip(path, 15), {}, /it has format 254, and this client reads 1/],
      ['sealed with another key', () => undefined, { key: randomBytes(32) }, /sealed with another key/],
      ['of another cluster', () => undefined, { clusterId: 'c2' }, /it is of the cluster c1, not of c2/],
      ['too old', () => undefined, { ageMsMax: 0 }, /s old, and at most 0 s are allowed/],
      ['not there', (path) => rmSync(path), {}, /there is none yet/],
      ['too large', (path) => truncateSync(path, 64 * 1024 * 1024), {}, /it has 67108864 bytes, and at most 33554432 are read/],
    ];

    test.each(damages)('%s', async (_what, damage, more, why) => {
      const twin = await kept();
      const { address } = twin.member;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      damage(fileOf());
      const client = await hastyOf(address);
      const error = await failure(client.live('shop/prod', { ...options(more), timeoutMs: 400 }).ready);
      expect(error).toMatchObject({ reason: 'UNREACHABLE' });
      expect(error.message).toMatch(why);
      expect(error.message).toContain('the cache ');
      await twin.restart(address);
      const live = await client.live('shop/prod', options(more)).ready;
      expect(live.status.source).toBe('cluster');
    });

    test('of another environment, or another namespace, under its name', async () => {
      await kept();
      const bytes = readFileSync(fileOf());
      const client = await hastyOf('127.0.0.1:1');
      for (const [name, namespace] of [
        ['shop/test', 'default'],
        ['shop/prod', 'other'],
      ] as const) {
        const live = client.live(name, { ...options(), namespace, timeoutMs: 300 });
        // Its place is known once it was looked at.
        await failure(live.ready);
        writeFileSync(live.status.cache!.path, bytes);
        expect((await failure(client.live(name, { ...options(), namespace, timeoutMs: 300 }).ready)).message).toMatch(
          /sealed with another key or for another environment/,
        );
      }
    });

    test('written through other addresses', async () => {
      await kept();
      const error = await failure((await hastyOf('127.0.0.1:1')).live('shop/prod', { ...options(), timeoutMs: 300 }).ready);
      expect(error.message).toMatch(/it was written through 127.0.0.1:\d+, and none of these is an address of now/);
    });

    test('not as the schema wants it', async () => {
      const twin = await kept({ PORT: 'x' });
      const live = (await hastyOf(twin.member.address)).live('shop/prod', {
        ...options(),
        schema: { PORT: parse.integer },
        timeoutMs: 300,
      });
      expect((await failure(live.ready)).message).toContain('was not used: PORT must be an integer');
    });
  });

  test('there is none without a good key: that is refused at once, not found out when the cluster is away', async () => {
    const twin = await memberOf({ KEY: { secret } });
    const client = await hastyOf(twin.member.address);
    const path = join(folder, 'key');
    const refused = async (cacheKey: LiveCacheOptions['key']): Promise<string> => {
      const error = await failure(client.live('shop/prod', options({ key: cacheKey })).ready);
      expect(error.reason).toBe('INVALID_FIELD');
      return error.message;
    };
    expect(await refused(undefined as never)).toBe('cache.key: a cache of variables needs a key');
    expect(await refused(new Uint8Array(31))).toBe('cache.key: a key has 32 bytes, not 31');
    expect(await refused({ file: path })).toBe(`cache.key: ${path} cannot be read (ENOENT)`);
    writeFileSync(path, key, { mode: 0o600 });
    chmodSync(path, 0o640);
    expect(await refused({ file: path })).toBe(`cache.key: ${path} has mode 0640, so that others may use it`);
    chmodSync(path, 0o600);
    for (const content of [key, `${key.toString('hex')}\n`, `${key.toString('base64')}\n`]) {
      writeFileSync(path, content);
      await (await client.live('shop/prod', options({ key: { file: path } })).ready).close();
    }
    writeFileSync(path, 'hunter2');
    expect(await refused({ file: path })).toBe(
      `cache.key: ${path} does not hold 32 bytes, raw, in hexadecimal digits or in base64`,
    );
  });

  test('a folder that cannot be written is said, and nothing else suffers', async () => {
    const twin = await memberOf({ A: '1' });
    const directory = join(folder, 'none', 'cache');
    const live = await (await hastyOf(twin.member.address)).live('shop/prod', options({ directory })).ready;
    await seen(() => live.status.cache?.problem?.includes('could not be written (ENOENT)') === true);
    expect(live.get('A')).toBe('1');
  });

  test('another cluster than the wanted one is followed and not cached', async () => {
    const twin = await memberOf({ A: '1' });
    const live = await (await hastyOf(twin.member.address)).live('shop/prod', options({ clusterId: 'c2' })).ready;
    await seen(() => live.status.cache?.problem === 'nothing is cached: the cluster is c1, not c2');
    expect(readdirSync(folder)).toEqual([]);
  });
});
