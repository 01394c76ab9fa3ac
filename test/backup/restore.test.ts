import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { connect, type Change, type Client } from '@env-cli/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';

const execute = promisify(execFile);

/** Environments that the load writes to, deletes and makes again. */
const environmentCount = 40;
const writers = 6;
const writesBefore = 300;

let cluster: LocalCluster;
let client: Client;
let folder: string;
let backup: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-backup-'));
  backup = join(folder, 'a.backup');
  cluster = await LocalCluster.start();
  client = await connect(cluster.addresses);
}, 90_000);
afterAll(async () => {
  await client.close();
  await cluster.close();
  rmSync(folder, { recursive: true });
});

const nameOf = (place: number): string => `shop/${String(place % environmentCount).padStart(2, '0')}`;

/** One step of the load: mostly sets, now and then a deletion. What is not there to be deleted is no error here. */
async function step(place: number): Promise<void> {
  const environment = nameOf(place * 7);
  if (place % 11 === 5) {
    await client.environments.write({ operations: [{ kind: 'delete', environment }] }).catch(() => undefined);
    return;
  }
  const variables = { V: `value ${place}`, SECRET: { value: `hush ${place}`, secret: true } };
  await client.environments.write({ operations: [{ kind: 'set', environment, variables, createIfAbsent: true }] });
}

/** Clients that write until they are told to stop. */
class Load {
  readonly #ended: Promise<unknown>;
  #next = 0;
  #stopped = false;
  #wanted: { readonly count: number; readonly reached: () => void } | null = null;

  constructor() {
    this.#ended = Promise.all(Array.from({ length: writers }, () => this.#write()));
  }

  hasWritten(count: number): Promise<void> {
    return new Promise((reached) => (this.#wanted = { count, reached }));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      await step(this.#next++);
      if (this.#wanted !== null && this.#next >= this.#wanted.count) this.#wanted.reached();
    }
  }
}

/** What a call came to: its answer, or why there is none. */
async function answerOf<T>(call: Promise<T>): Promise<T | string> {
  return call.catch((error: { readonly reason: string }) => error.reason);
}

/** Everything that can be read of each environment at a revision (0: the newest): what it is, what it was, its history. */
async function everything(revision: number, past: number): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (let place = 0; place < environmentCount; place++) {
    const name = nameOf(place);
    const changes: Change[] = [];
    for await (const change of client.environments.history(name, { revision })) changes.push(change);
    const stateAt = (at: number) =>
      answerOf(client.environments.get(name, { revision: at, view: 'full' }).then(({ environment }) => environment));
    found[name] = { now: await stateAt(revision), past: await stateAt(past), changes };
  }
  return found;
}

const cli = (...args: readonly string[]) =>
  execute(process.execPath, ['apps/cli/bin/env-cli.js', ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ENV_CLI_ENDPOINT: cluster.addresses },
  });

describe('a cluster that is restored from a backup taken under load', () => {
  test('has every environment and its history; tokens, watches, sessions and mirrors notice', async () => {
    const mirrored = join(folder, 'mirrored');
    await client.mirrors.create({
      name: 'files',
      prefix: 'shop/',
      target: { provider: 'file', directory: mirrored, format: 'dotenv' },
      deleteBrakePercent: 100,
    });
    const load = new Load();
    await load.hasWritten(writesBefore);
    await cli('backup', backup);
    await load.stop();
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    const facts = JSON.parse((await cli('backup', 'verify', backup, '-o', 'json')).stdout) as {
      readonly revision: number;
      readonly environments: number;
    };
    expect(facts.revision).toBeGreaterThan(100);

    const past = Math.floor(facts.revision / 2);
    const before = await everything(facts.revision, past);
    // What is lost, and what saw it.
    const lost = await client.environments.write({
      operations: [{ kind: 'set', environment: nameOf(0), variables: { LOST: '1' }, createIfAbsent: true }],
    });
    await client.mirrors.wait();
    expect(readFileSync(join(mirrored, `${nameOf(0)}.env`), 'utf8')).toContain('LOST');
    const token = lost.header.token;
    const watch = client.environments.watch({ prefix: 'shop/' });
    await watch.started;

    await Promise.all(cluster.members.map((member) => cluster.end(member.id, 'SIGTERM')));
    for (const member of cluster.members) {
      rmSync(member.dataDir, { recursive: true });
      const members = cluster.members.map((other) => `${other.id}=${other.peerAddress}`).join(',');
      await execute(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        'apps/server/dist/main.js',
        'restore',
        `--from=${backup}`,
        `--member-id=${member.id}`,
        `--data-dir=${member.dataDir}`,
        `--members=${members}`,
      ]);
    }
    for (const member of cluster.members) cluster.startMember(member.id);
    await cluster.ready();

    // The same client goes on: without the token that it kept, and in a new session.
    const newest = facts.revision + 2 ** 32;
    const { value: first } = await client.environments.list({ consistency: 'read-your-writes' }).pages().next();
    expect(first?.header.revision).toBe(newest);
    expect(await everything(0, past)).toEqual(before);
    expect(await everything(facts.revision, past)).toEqual(before);
    await expect(client.environments.get(nameOf(0), { revision: lost.revision })).rejects.toMatchObject({ reason: 'COMPACTED' });
    await expect(client.environments.get(nameOf(0), { token, consistency: 'read-your-writes' })).rejects.toMatchObject({
      reason: 'EPOCH_CHANGED',
    });
    await expect(watch.next()).rejects.toMatchObject({ reason: 'EPOCH_CHANGED' });
    const after = await client.environments.write({
      operations: [{ kind: 'set', environment: nameOf(2), variables: { AFTER: '1' }, createIfAbsent: true }],
    });
    expect(after.revision).toBeGreaterThan(newest);

    // The target held what was lost, and is made equal to what is there.
    await client.mirrors.wait();
    const zero = join(mirrored, `${nameOf(0)}.env`);
    expect(existsSync(zero) ? readFileSync(zero, 'utf8') : '').not.toContain('LOST');
    const { epoch } = await client.cluster.status();
    expect(epoch).toBeGreaterThan(1);
    for (const member of cluster.members) {
      expect(await client.cluster.status({ address: member.apiAddress })).toMatchObject({ epoch });
    }
  }, 180_000);
});

describe('a backup with sealed secrets', () => {
  test('opens with the master key of the cluster that it was taken of; with another one or none no member starts', async () => {
    const flags: string[] = [];
    const restored = await LocalCluster.create({ memberCount: 1, directory: join(folder, 'restored'), flags });
    const [member] = restored.members;
    const other = readFileSync(restored.masterKeyFile);
    let one: Client | undefined;
    const refusal = async (): Promise<string> => {
      member!.log = '';
      restored.startMember(1);
      expect(await restored.exited(1)).toBe(5);
      return member!.log;
    };
    try {
      await execute(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        'apps/server/dist/main.js',
        'restore',
        `--from=${backup}`,
        `--data-dir=${member!.dataDir}`,
        `--members=1=${member!.peerAddress}`,
      ]);
      expect(await refusal()).toMatch(/does not open the keys of this cluster: they are wrapped by the master key [0-9a-f]{16}/);
      flags.push('--master-key-file=');
      expect(await refusal()).toMatch(/this cluster seals its secrets, and no master key was given/);

      flags.length = 0;
      writeFileSync(restored.masterKeyFile, readFileSync(cluster.masterKeyFile));
      restored.startMember(1);
      await restored.ready();
      one = await connect(restored.addresses);
      const opened: string[] = [];
      for await (const { name } of one.environments.list({ prefix: 'shop/' })) {
        const { environment } = await one.environments.get(name, { view: 'full' });
        for (const { secret, value } of environment.variables) if (secret) opened.push(value!);
      }
      expect(opened.length).toBeGreaterThan(environmentCount / 2);
      expect(opened.filter((text) => !/^hush \d+$/.test(text))).toEqual([]);
      const history: Change[] = [];
      for await (const change of one.environments.history(nameOf(0), { view: 'full' })) history.push(change);
      const past = history.flatMap(({ variables }) => variables.flatMap(({ before, after }) => [before, after]));
      expect(past.filter((side) => side?.secret === true && !/^hush \d+$/.test(side.value ?? ''))).toEqual([]);
      expect(readFileSync(restored.masterKeyFile)).not.toEqual(other);
    } finally {
      await one?.close();
      await restored.close();
    }
  }, 120_000);
});
