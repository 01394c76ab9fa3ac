import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { promisify } from 'node:util';

import { type Client, type ClientOptions, connect, type EnvCliError } from '@env-cli/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { LocalCluster } from '../support/cluster.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'env-cli-tls-'));
const certs = join(folder, 'certs');
const others = join(folder, 'others');

let cluster: LocalCluster;
let client: Client;

function cli(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, ['apps/cli/dist/bundle-main.js', ...args]);
}

function tlsOf(user: string, from = certs, ca = certs): NonNullable<ClientOptions['tls']> {
  return { caFile: join(ca, 'ca.pem'), certFile: join(from, `user-${user}.pem`), keyFile: join(from, `user-${user}-key.pem`) };
}

/** Why no connection came about; empty when one did. */
async function whyNot(options: ClientOptions, address = cluster.addresses): Promise<string> {
  try {
    const other = await connect(address, { connectTimeoutMs: 3_000, ...options });
    await other.close();
    return '';
  } catch (error) {
    return (error as EnvCliError).message;
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: certs });
}

/** The certificate that a member shows to a new connection. */
async function shownBy(id: number): Promise<string> {
  const [host, port] = cluster.member(id).apiAddress.split(':');
  const socket = tlsConnect({ host: host!, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** Writes on one connection, and makes further ones: what was made before the change is believed after it. */
async function loadUntil(over: AbortSignal, progress: { writes: number; readonly refused: string[] }): Promise<void> {
  while (!over.aborted) {
    await client.environments.set('load', { N: String(++progress.writes) }, { createIfAbsent: true });
    const why = progress.writes % 20 === 0 ? await whyNot({ tls: tlsOf('alice') }) : '';
    if (why !== '') progress.refused.push(why);
  }
}

beforeAll(async () => {
  await cli('certs', 'create', certs, '--user', 'alice');
  await cli('certs', 'create', others, '--user', 'mallory');
  cluster = await LocalCluster.start({
    memberFlags: (id) => [
      `--tls-ca=${join(certs, 'ca.pem')}`,
      `--tls-cert=${join(certs, `member-${id}.pem`)}`,
      `--tls-key=${join(certs, `member-${id}-key.pem`)}`,
    ],
  });
  client = await connect(cluster.addresses, { tls: tlsOf('alice'), timeoutMs: 30_000 });
}, 120_000);
afterAll(async () => {
  await client?.close();
  await cluster?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a client', () => {
  test('is the one that its certificate names, in the history too, whichever member it asks', async () => {
    await client.environments.set('a', { X: '1' }, { createIfAbsent: true });
    for (const { apiAddress } of cluster.members) {
      const one = await connect(apiAddress, { tls: tlsOf('alice'), followLeader: false, timeoutMs: 30_000 });
      await one.environments.set('a', { X: apiAddress });
      const { environment } = await one.environments.get('a', { consistency: 'strong' });
      expect(environment.variables[0]?.value).toBe(apiAddress);
      await one.close();
    }
    const principals = new Set<string>();
    for await (const { principal } of client.environments.history('a')) principals.add(principal);
    expect([...principals]).toEqual(['alice']);
  }, 60_000);

  test('by the common name, where the certificate has no name of ours', async () => {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'user-carol-key.pem',
      '-subj',
      '/CN=carol',
      '-out',
      'carol.csr',
    );
    openssl('x509', '-req', '-in', 'carol.csr', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-days', '1', '-out', 'user-carol.pem');
    const carol = await connect(cluster.addresses, { tls: tlsOf('carol') });
    await carol.environments.set('c', { X: '1' }, { createIfAbsent: true });
    for await (const { principal } of carol.environments.history('c')) expect(principal).toBe('carol');
    await carol.close();
  }, 60_000);

  test('that calls itself as the members do in the log is nobody', async () => {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'user-fake-key.pem',
      '-subj',
      '/CN=mirror worker',
      '-out',
      'fake.csr',
    );
    openssl('x509', '-req', '-in', 'fake.csr', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-days', '1', '-out', 'user-fake.pem');
    const fake = await connect(cluster.addresses, { tls: tlsOf('fake') });
    await expect(fake.environments.get('a')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await fake.close();
  }, 60_000);

  test('without a certificate is not let in, and told what it lacks', async () => {
    expect(await whyNot({ tls: { caFile: join(certs, 'ca.pem') } })).toMatch(/wants a certificate/);
  });

  test('with one of another authority is not let in', async () => {
    expect(await whyNot({ tls: tlsOf('mallory', others) })).not.toBe('');
  });

  test('with one that has expired is not let in', async () => {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'user-old-key.pem',
      '-subj',
      '/CN=old',
      '-out',
      'old.csr',
    );
    openssl('x509', '-req', '-in', 'old.csr', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-days', '0', '-out', 'user-old.pem');
    expect(await whyNot({ tls: tlsOf('old') })).not.toBe('');
  });

  test('does not believe members of another authority', async () => {
    expect(await whyNot({ tls: tlsOf('alice', certs, others) })).toMatch(/not signed by the authority/);
  });

  test('that speaks no TLS is not let in', async () => {
    expect(await whyNot({})).not.toBe('');
  });

  test('of the command line takes its certificates from flags and variables', async () => {
    const { caFile, certFile, keyFile } = tlsOf('alice') as Required<NonNullable<ClientOptions['tls']>>;
    const flags = ['--ca', caFile, '--cert', certFile, '--key', keyFile];
    expect((await cli('get', 'a', 'X', '-e', cluster.addresses, ...flags)).stdout).toContain('127.0.0.1');
    const env = {
      ...process.env,
      ENV_CLI_ENDPOINT: cluster.addresses,
      ENV_CLI_CA: caFile,
      ENV_CLI_CERT: certFile,
      ENV_CLI_KEY: keyFile,
    };
    const { stdout } = await run(process.execPath, ['apps/cli/dist/bundle-main.js', 'get', 'a', 'X'], { env });
    expect(stdout).toContain('127.0.0.1');
  }, 60_000);
});

describe('certificates of members', () => {
  test('are replaced under load, and nobody notices', async () => {
    const before = await shownBy(1);
    const over = new AbortController();
    const progress = { writes: 0, refused: [] as string[] };
    const load = loadUntil(over.signal, progress);
    await cli('certs', 'create', certs, '--user', 'alice', '--renew');
    for (const id of [1, 2, 3]) cluster.signal(id, 'SIGHUP');
    while ((await shownBy(1)) === before) await new Promise((resolve) => setTimeout(resolve, 20));
    const goal = progress.writes + 60;
    await cluster.until(() => progress.writes >= goal, 60_000);
    over.abort();
    await load;
    expect(progress.refused).toEqual([]);
    // Members that come back find each other by the new ones.
    await cluster.end(2, 'SIGKILL');
    cluster.startMember(2);
    await cluster.ready();
    expect((await client.cluster.members()).members.map(({ connected }) => connected)).toEqual([true, true, true]);
  }, 120_000);

  test('that cannot be used change nothing, and are told of', async () => {
    const shown = await shownBy(3);
    const path = join(certs, 'member-3.pem');
    cpSync(path, `${path}.kept`);
    cluster.member(3).log = '';
    writeFileSync(path, 'no certificate');
    await cluster.until(() => cluster.member(3).log.includes('holds no certificate that can be read'), 30_000);
    expect(await shownBy(3)).toBe(shown);
    cpSync(join(certs, 'member-2.pem'), path);
    await cluster.until(() => /is not that of the certificate/.test(cluster.member(3).log), 30_000);
    expect(await shownBy(3)).toBe(shown);
    cpSync(`${path}.kept`, path);
    expect(cluster.member(3).log).toContain('The certificate from before goes on being used');
  }, 90_000);

  test('are each member’s own: with another’s it does not start', async () => {
    await cluster.end(3, 'SIGTERM');
    for (const part of ['', '-key']) {
      cpSync(join(certs, `member-3${part}.pem`), join(certs, `kept${part}.pem`));
      cpSync(join(certs, `member-2${part}.pem`), join(certs, `member-3${part}.pem`));
    }
    cluster.member(3).log = '';
    cluster.startMember(3);
    expect(await cluster.exited(3)).toBe(5);
    expect(cluster.member(3).log).toMatch(/is that of member 2, and this is member 3/);
    for (const part of ['', '-key']) cpSync(join(certs, `kept${part}.pem`), join(certs, `member-3${part}.pem`));
    cluster.startMember(3);
    await cluster.ready();
  }, 90_000);
});
