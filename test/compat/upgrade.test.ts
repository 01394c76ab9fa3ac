import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import { connect, type Client } from '@env-cli/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';
import { Ledger } from '../support/ledger.ts';
import { packedBuilds, readBuild, unpackBuild } from './packed-build.ts';

const execute = promisify(execFile);

/** Of which version a member runs: the build that was packed, or the present sources. */
type Version = 'earlier' | 'present';

const present = 'apps/server/dist/main.js';
/** How long members have to be ready before the level rises. Earlier builds do not know the option. */
const raiseAfter = '--level-raise-after=1s';
const loaded = ['load/a', 'load/b'];
/** The longest that one thing is waited for, in milliseconds: machines that are shared are slow at times. */
const waitMs = 60_000;
/** How often what only asking can tell is asked for, in milliseconds. */
const askMs = 20;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-compat-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A cluster whose members run the build that is set for each. */
class MixedCluster {
  readonly cluster: LocalCluster;
  readonly #versions: Map<number, Version>;

  private constructor(cluster: LocalCluster, versions: Map<number, Version>) {
    this.cluster = cluster;
    this.#versions = versions;
  }

  /** Starts one in which all run `earlier`, the program of a packed build. */
  static async start(memberCount: number, earlier: string): Promise<MixedCluster> {
    const versions = new Map<number, Version>();
    const runsPresent = (memberId: number): boolean => versions.get(memberId) === 'present';
    const cluster = await LocalCluster.start({
      memberCount,
      program: (memberId) => (runsPresent(memberId) ? present : earlier),
      memberFlags: (memberId) => (runsPresent(memberId) ? [raiseAfter] : []),
    });
    return new MixedCluster(cluster, versions);
  }

  /** Starts a member anew, in order, with another version. Answers the exit code of the one before. */
  async change(memberId: number, version: Version): Promise<number | null> {
    const exitCode = await this.cluster.end(memberId, 'SIGTERM');
    this.#versions.set(memberId, version);
    this.cluster.member(memberId).log = '';
    this.cluster.startMember(memberId);
    return exitCode;
  }

  /** Resolves once a member has applied what was committed when this was called. */
  async caughtUp(client: Client, memberId: number): Promise<void> {
    const { commitIndex } = await client.cluster.status();
    const address = this.cluster.member(memberId).apiAddress;
    while ((await client.cluster.status({ address })).appliedIndex < commitIndex) await pause(askMs);
  }

  /** Resolves once a member's log holds a text. */
  async says(memberId: number, text: string): Promise<void> {
    const member = this.cluster.member(memberId);
    await this.cluster
      .until(() => member.log.includes(text), waitMs)
      .catch((error: unknown) => {
        throw new Error(`member ${memberId} does not say '${text}'; its log ends with:\n${member.log.slice(-4000)}`, {
          cause: error,
        });
      });
  }
}

const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'answered',
    (error: { readonly reason: string; readonly message: string }) => `${error.reason}: ${error.message}`,
  );

describe('a cluster is upgraded from the newest packed build, member by member and under load,', () => {
  let mixed: MixedCluster;
  let client: Client;
  const ledger = new Ledger();
  const stop = new AbortController();
  let load: Promise<unknown>;

  /** Writes a value and reads it back, one after another until told to stop: a member that starts needs the machine too. */
  async function writeAndRead(environment: string): Promise<void> {
    for (let next = 1; !stop.signal.aborted; next++) {
      const write = { environment, value: `${environment}#${next}`, revision: null };
      ledger.writes.push(write);
      await ledger.note(write, client.environments.set(environment, { X: write.value }, { createIfAbsent: true }));
      await ledger.read(client, environment, 'strong');
    }
  }

  /** Resolves once so many writes were acknowledged that began after the call. */
  async function goesOn(count = 20): Promise<void> {
    const before = ledger.writes.length;
    const done = (): number => ledger.writes.slice(before).filter(({ revision }) => revision !== null).length;
    await mixed.cluster.until(() => done() >= count, waitMs);
  }

  /** Resolves once a member runs another version and the cluster goes on; with the exit code of the one before. */
  async function restarted(memberId: number, version: Version): Promise<number | null> {
    const exitCode = await mixed.change(memberId, version);
    await mixed.cluster.ready();
    await mixed.caughtUp(client, memberId);
    await goesOn();
    return exitCode;
  }

  /** A client that talks to one member alone. */
  async function at<T>(memberId: number, work: (one: Client) => Promise<T>): Promise<T> {
    const one = await connect(mixed.cluster.member(memberId).apiAddress);
    try {
      return await work(one);
    } finally {
      await one.close();
    }
  }

  beforeAll(async () => {
    const earlier = unpackBuild(packedBuilds().at(-1)!, join(folder, 'build'));
    mixed = await MixedCluster.start(3, earlier);
    client = await connect(mixed.cluster.addresses);
    await client.environments.set('shop/prod', { URL: 'x', KEY: { value: 'hush', secret: true } }, { createIfAbsent: true });
    load = Promise.all(loaded.map((environment) => writeAndRead(environment)));
    await goesOn();
  }, 120_000);
  afterAll(async () => {
    stop.abort();
    await load;
    await client.close();
    await mixed.cluster.close();
  });

  test('and two members, and one of them back', async () => {
    expect(await restarted(1, 'present')).toBe(0);
    expect(await restarted(2, 'present')).toBe(0);
    expect(await restarted(1, 'earlier')).toBe(0);
    expect(await restarted(1, 'present')).toBe(0);
  }, 120_000);

  test('and as long as one member is of the earlier build nothing that it cannot read is let in, whoever leads', async () => {
    for (const leader of [3, 1]) {
      await client.cluster.transferLeader(leader);
      // A client of its own each time: one that lives on goes to the leader, which does not know these calls while it is of the earlier build.
      expect(await at(2, ({ cluster }) => cluster.level())).toMatchObject({
        level: 1,
        readyLevel: 1,
        levelMax: 2,
        raisesInMs: null,
      });
      const { members } = await at(2, ({ cluster }) => cluster.level());
      expect(members.map(({ featureLevelMax }) => featureLevelMax)).toEqual([2, 2, 1]);
      const raised = await reasonOf(at(2, ({ cluster }) => cluster.raiseLevel()));
      expect(raised).toMatch(/^MEMBERS_NOT_READY: .*: member 3 runs a program that understands 1, not 2: upgrade it/);
      const held = await reasonOf(at(2, ({ cluster }) => cluster.holdLevel(true)));
      expect(held).toMatch(/^FEATURE_LEVEL_TOO_LOW: this needs feature level 2, and the cluster has 1/);
      await goesOn();
    }
    expect(await reasonOf(at(3, ({ cluster }) => cluster.level()))).toMatch(
      /^EARLIER_VERSION: .* is of an earlier version and does not know this call/,
    );
    // It would have stopped at the first command that it does not understand.
    expect(await mixed.cluster.isReady(3)).toBe(true);
  }, 90_000);

  test('and the last: then the level rises by itself, and what needs it is let in', async () => {
    await restarted(3, 'present');
    await Promise.all([1, 2, 3].map((memberId) => mixed.says(memberId, 'the feature level was raised from 1 to 2')));
    expect(await client.cluster.holdLevel(true)).toMatchObject({ level: 2, held: true, missing: '' });
    await goesOn();
  }, 90_000);

  test('and one that goes back after that is not let in, and told why; the others go on, and have it again when it is upgraded', async () => {
    await mixed.change(3, 'earlier');
    await mixed.says(3, 'understands commands up to feature level 1, the cluster is at 2. Start it with a newer version.');
    await goesOn();
    expect(await mixed.cluster.isReady(3)).toBe(false);
    await restarted(3, 'present');
  }, 90_000);

  test('and every write that was acknowledged is there, once; no strong read was stale; the members hold the same', async () => {
    stop.abort();
    await load;
    expect(await ledger.flaws(client)).toEqual([]);
    expect(ledger.staleReads).toEqual([]);
    expect(ledger.strongReads).toBeGreaterThan(100);
    const { environment } = await client.environments.get('shop/prod', { view: 'full' });
    expect(environment.variables.map(({ name, value }) => [name, value])).toEqual([
      ['KEY', 'hush'],
      ['URL', 'x'],
    ]);
    const hashes = new Set<string>();
    for (const { id, apiAddress } of mixed.cluster.members) {
      await mixed.caughtUp(client, id);
      const status = await client.cluster.status({ address: apiAddress });
      expect(status).toMatchObject({ featureLevel: 2, alarms: [] });
      hashes.add(JSON.stringify(status.hashes));
    }
    expect(hashes.size).toBe(1);
  }, 90_000);
});

test.each(packedBuilds())('the build %s says what it was made of, and the README what it is', (build) => {
  expect(readBuild(build)).toMatchObject({ name: build, commit: expect.stringMatching(/^[0-9a-f]{40}$/) });
  expect(readFileSync(new URL('README.md', import.meta.url), 'utf8')).toContain(`\`${build}\``);
});

describe.each(packedBuilds())('what the build %s left is read:', (build) => {
  test('a backup, and the data directory itself', async () => {
    const earlier = unpackBuild(build, join(folder, `${build}-alone`));
    const alone = await MixedCluster.start(1, earlier);
    const restored = await LocalCluster.create({
      memberCount: 1,
      directory: join(folder, `${build}-restored`),
      flags: [raiseAfter],
    });
    const clients: Client[] = [];
    try {
      const writer = await connect(alone.cluster.addresses);
      clients.push(writer);
      for (const value of ['1', '2', '3']) await writer.environments.set('a', { V: value }, { createIfAbsent: true });
      const backup = join(folder, `${build}.backup`);
      const cli = ['apps/cli/bin/env-cli.js', 'backup', backup, '-e', alone.cluster.addresses];
      await execute(process.execPath, cli, { env: { ...process.env, NODE_OPTIONS: '' } });
      await alone.change(1, 'present');
      const [member] = restored.members;
      const from = [`--from=${backup}`, `--data-dir=${member!.dataDir}`, `--members=1=${member!.peerAddress}`];
      await execute(process.execPath, ['--disable-warning=ExperimentalWarning', present, 'restore', ...from]);
      copyFileSync(alone.cluster.masterKeyFile, restored.masterKeyFile);
      restored.startMember(1);
      await Promise.all([alone.cluster.ready(), restored.ready()]);
      for (const { addresses } of [alone.cluster, restored]) {
        const reader = await connect(addresses);
        clients.push(reader);
        const values: unknown[] = [];
        for await (const { variables } of reader.environments.history('a')) values.push(variables[0]?.after?.value);
        expect(values).toEqual(['3', '2', '1']);
      }
      await Promise.all([alone.says(1, 'from 1 to 2'), restored.until(() => member!.log.includes('from 1 to 2'), 30_000)]);
    } finally {
      for (const each of clients) await each.close();
      await Promise.all([alone.cluster.close(), restored.close()]);
    }
  }, 120_000);
});
