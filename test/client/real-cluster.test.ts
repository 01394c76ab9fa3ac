import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect, type Client, type EnvCliError } from '@env-cli/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';

/** What the twins of libs/client and apps/cli say of the cluster's behaviour, said by a real one. */
let cluster: LocalCluster;
let client: Client;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'env-cli-real-'));
  cluster = await LocalCluster.start();
  client = await connect(cluster.addresses, { timeoutMs: 30_000 });
}, 90_000);
afterAll(async () => {
  await client.close();
  await cluster.close();
  await rm(folder, { recursive: true });
});

const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it was answered',
    (error: EnvCliError) => error.reason,
  );

describe('the SDK', () => {
  test('reads what it wrote, at every level, by every method', async () => {
    const { environments } = client;
    const created = await environments.create('sdk/a', {
      variables: { A: '1', B: { value: 'b', secret: true, type: 'string', comment: 'c' } },
      labels: { team: 'x' },
      description: 'd',
    });
    const set = await environments.set('sdk/a', { A: '2' }, { ifRevision: created.revision, reason: 'why' });
    expect(set).toMatchObject({ changed: true, replayed: false, revision: created.revision + 1 });
    for (const consistency of ['strong', 'read-your-writes', { maxLagMs: 10_000 }] as const) {
      const { environment } = await environments.get('sdk/a', { consistency });
      expect(environment).toMatchObject({
        name: 'sdk/a',
        version: 2,
        createRevision: created.revision,
        modifyRevision: set.revision,
        labels: { team: 'x' },
        description: 'd',
      });
      expect(environment.variables).toMatchObject([
        { name: 'A', value: '2', secret: false, type: null, modifyRevision: set.revision },
        { name: 'B', value: null, secret: true, valueBytes: 1, type: 'string', comment: 'c', modifyRevision: created.revision },
      ]);
    }
    expect((await environments.get('sdk/a', { view: 'full', variables: ['B'] })).environment.variables).toMatchObject([
      { value: 'b' },
    ]);
    expect((await environments.get('sdk/a', { revision: created.revision })).environment.variables[0]?.value).toBe('1');
    expect(await environments.batchGet(['sdk/a', 'sdk/none'])).toMatchObject({
      environments: [{ name: 'sdk/a' }],
      missing: ['sdk/none'],
    });
    const history = [];
    for await (const { revision, kind, reason } of environments.history('sdk/a', { pageSize: 1 }))
      history.push([revision, kind, reason]);
    expect(history).toEqual([
      [set.revision, 'updated', 'why'],
      [created.revision, 'created', ''],
    ]);
    const diff = await environments.diff('sdk/a', { revision: created.revision });
    expect(diff.variables).toMatchObject([{ name: 'A', before: { value: '1' }, after: { value: '2' } }]);
  });

  test('lists over pages at one revision', async () => {
    await Promise.all(Array.from({ length: 25 }, (_, i) => client.environments.create(`pages/${String(i).padStart(2, '0')}`)));
    const names: string[] = [];
    for await (const { name } of client.environments.list({ prefix: 'pages/', pageSize: 10, namesOnly: true })) names.push(name);
    expect(names).toEqual(Array.from({ length: 25 }, (_, i) => `pages/${String(i).padStart(2, '0')}`));
  });

  test('is told the reasons of the cluster by their names', async () => {
    const { environments, mirrors } = client;
    await environments.create('sdk/b');
    expect(
      await Promise.all(
        [
          environments.get('sdk/none'),
          environments.create('sdk/b'),
          environments.set('sdk/b', { A: '1' }, { ifRevision: 1 }),
          environments.set('sdk/none', { A: '1' }),
          environments.set('sdk/b', { '9': '1' }),
          environments.get('sdk/b', { revision: 1_000_000_000 }),
          environments.get('sdk/b', { token: 'nonsense' }),
          mirrors.delete('none'),
          environments.set('sdk/b', { A: 'x'.repeat(300 * 1024) }),
        ].map(reasonOf),
      ),
    ).toEqual([
      'ENVIRONMENT_NOT_FOUND',
      'ENVIRONMENT_EXISTS',
      'CONDITION_FAILED',
      'ENVIRONMENT_NOT_FOUND',
      'INVALID_FIELD',
      'REVISION_IN_FUTURE',
      'TOKEN_MALFORMED',
      'MIRROR_NOT_FOUND',
      'TOO_LARGE',
    ]);
  });

  test('carries ten thousand writes at once, each of them done once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10_000 }, (_, i) =>
        client.environments.set(`many/${i % 100}`, { [`V${i}`]: String(i) }, { createIfAbsent: true }),
      ),
    );
    expect(new Set(answers.map(({ revision }) => revision)).size).toBe(10_000);
    const { environments } = await client.environments.batchGet(Array.from({ length: 100 }, (_, i) => `many/${i}`));
    expect(environments.every(({ variables, version }) => variables.length === 100 && version === 100)).toBe(true);
  }, 60_000);

  test('goes on when the member dies that it talks to: no write is lost or doubled, no change is missed', async () => {
    const { memberId } = (await client.environments.get('sdk/a')).header;
    const interruptions: string[] = [];
    const first = await client.environments.create('failover/0');
    const watch = client.environments.watch({
      prefix: 'failover/',
      startRevision: first.revision,
      onInterrupted: ({ reason }) => interruptions.push(reason),
    });
    await watch.started;
    const writes = Array.from({ length: 3000 }, (_, i) =>
      client.environments.set(`failover/${i % 10}`, { N: String(i) }, { createIfAbsent: true, reason: String(i) }),
    );
    await writes[0];
    await cluster.end(memberId);
    const written = (await Promise.all(writes)).filter(({ changed }) => changed).map(({ revision }) => revision);
    const seen: { readonly revision: number; readonly reason: string }[] = [];
    for await (const event of watch) {
      if (event.kind === 'changes') seen.push(...event.changes);
      if (seen.length > written.length) break;
    }
    expect(new Set(seen.map(({ revision }) => revision)).size).toBe(seen.length);
    expect(new Set(seen.map(({ reason }) => reason)).size).toBe(seen.length);
    expect(seen.map(({ revision }) => revision)).toEqual([first.revision, ...written].toSorted((a, b) => a - b));
    cluster.startMember(memberId);
    await cluster.ready();
  }, 60_000);
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function cli(...args: string[]): Promise<Ran> {
  const env = { ...process.env, ENV_CLI_ENDPOINT: cluster.addresses };
  return new Promise((resolve) => {
    execFile(process.execPath, ['apps/cli/bin/env-cli.js', ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('the CLI', () => {
  test('imports a file and exports it again, byte for byte in meaning', async () => {
    const path = join(folder, 'in.env');
    await writeFile(path, `# a file\nexport A=1\nB="two\nlines"\nC='it is "so"'\r\nD="it's $5 \\\\ \\"x\\""\n`);
    expect(await cli('import', path, 'cli/env', '--create', '--secret-names', 'C')).toMatchObject({ code: 0, stdout: '' });
    const again = join(folder, 'again.env');
    await writeFile(again, (await cli('export', 'cli/env', '--reveal')).stdout);
    expect(await cli('import', again, 'cli/env', '--secret-names', 'C')).toMatchObject({
      code: 0,
      stderr: 'Nothing was to be changed.\n',
    });
    expect(JSON.parse((await cli('export', 'cli/env', '--reveal', '-o', 'json')).stdout)).toEqual({
      A: '1',
      B: 'two\nlines',
      C: 'it is "so"',
      D: 'it\'s $5 \\ "x"',
    });
    const shell = join(folder, 'env.sh');
    await writeFile(shell, `${(await cli('export', 'cli/env', '--reveal', '-o', 'shell')).stdout}printf %s "$D"`);
    expect((await cli('run', 'cli/env', '--', 'sh', shell)).stdout).toBe('it\'s $5 \\ "x"');
    expect(await readFile(path, 'utf8')).toContain('# a file');
  }, 30_000);

  test('answers a conflict with who, when and where to look', async () => {
    await cli('create', 'cli/c', 'A=1');
    const { stdout } = await cli('set', 'cli/c', 'A=2', '-o', 'json');
    const { revision } = JSON.parse(stdout) as { revision: number };
    const { code, stderr } = await cli('set', 'cli/c', 'A=3', '--if-revision', String(revision - 1));
    expect(code).toBe(4);
    expect(stderr).toMatch(
      new RegExp(
        `^env-cli: cli/c is at revision ${revision}, not ${revision - 1} \\(changed by .*, \\d+ seconds? ago\\)\\. See 'env-cli diff cli/c ${revision - 1} ${revision}'\\.\\n$`,
      ),
    );
    expect(await cli('set', 'cli/c', '9=x')).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^env-cli: '9': must begin with a letter/),
    });
    expect(await cli('get', 'cli/none')).toMatchObject({ code: 3 });
  }, 30_000);

  test('defines a mirror, waits for it, and shows what it holds', async () => {
    const directory = join(folder, 'mirrored');
    await cli('create', 'mirrored/a', 'X=1', '--label', 'mirror=yes');
    expect(await cli('mirror', 'create', 'real', '--file', directory, '--prefix', 'mirrored/', '--format', 'json')).toMatchObject(
      { code: 0 },
    );
    expect(await cli('mirror', 'wait', 'real', '--timeout', '20s')).toMatchObject({ code: 0 });
    expect((await cli('mirror', 'status', 'real')).stdout).toMatch(/mirrored\/a +synced/);
    expect((await cli('mirror', 'plan', 'real')).stdout).toMatch(/mirrored\/a.*unchanged/);
    expect((await cli('mirror', 'list')).stdout).toContain(directory);
    expect(await cli('mirror', 'update', 'real', '--drift', 'report')).toMatchObject({ code: 0 });
    expect(JSON.parse((await cli('mirror', 'list', '-o', 'json')).stdout)).toMatchObject({
      mirrors: [{ name: 'real', drift: 'report', prefix: 'mirrored/' }],
    });
    // What cannot be delivered ends a wait long before its time, and is delivered once that is mended.
    const path = join(directory, 'mirrored/b.json');
    await writeFile(path, 'somebody else’s');
    const failed = await cli('set', 'mirrored/b', 'X=1', '--create', '--wait', 'mirrored');
    expect([failed.code, failed.stderr]).toEqual([
      1,
      expect.stringMatching(
        /it is written, but not mirrored\. Mirror real gave up on mirrored\/b \(blocked-by-policy\): .* Mend that, then 'env-cli mirror retry real mirrored\/b'\.\n$/,
      ),
    ]);
    expect(await cli('mirror', 'wait', 'real', '--timeout', '1h')).toMatchObject({ code: 1 });
    await rm(path);
    expect(await cli('mirror', 'retry', 'real', 'mirrored/b')).toMatchObject({ code: 0 });
    expect(await cli('mirror', 'wait', 'real', '--timeout', '20s')).toMatchObject({ code: 0 });
    expect(await cli('mirror', 'delete', 'real')).toMatchObject({ code: 0 });
  }, 60_000);

  test('shows every member, also one that does not answer', async () => {
    const leader = (await client.cluster.status()).leaderId;
    const other = leader === 1 ? 2 : 1;
    await cluster.end(other);
    const { stdout } = await cli('cluster', 'status');
    expect(stdout).toMatch(/leader/);
    expect(stdout).toMatch(/unreached.*connection refused/);
    cluster.startMember(other);
    await cluster.ready();
  }, 60_000);
});
