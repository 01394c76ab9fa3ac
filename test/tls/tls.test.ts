import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { X509Certificate } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
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

/** Why no connection came about; null when one did. */
async function problemOf(options: ClientOptions, address = cluster.addresses): Promise<EnvCliError | null> {
  try {
    const other = await connect(address, { connectTimeoutMs: 3_000, ...options });
    await other.close();
    return null;
  } catch (error) {
    return error as EnvCliError;
  }
}

async function whyNot(options: ClientOptions): Promise<string> {
  return (await problemOf(options))?.message ?? '';
}

/** The same at once: the test's own time is over long before a client that waits to be let in gives up. */
function refusalOf(tls: NonNullable<ClientOptions['tls']>, address?: string): Promise<EnvCliError | null> {
  return problemOf({ tls, connectTimeoutMs: 600_000 }, address);
}

/** A connection as gRPC makes it, to member 1. Resolves when the member has looked at the certificate. */
async function standing(who: NonNullable<ClientOptions['tls']>): Promise<ClientHttp2Session> {
  const [ca, cert, key] = [who.caFile, who.certFile, who.keyFile].map((path) => readFileSync(path!));
  const session = connectHttp2(`https://${cluster.member(1).apiAddress}`, { ca: ca!, cert: cert!, key: key! });
  session.on('error', () => undefined);
  await once(session, 'remoteSettings');
  return session;
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: certs });
}

/** When a certificate ends, in seconds since 1970. */
function endOf(name: string): number {
  return Date.parse(new X509Certificate(readFileSync(join(certs, name))).validTo) / 1_000;
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

  test('without a certificate is not let in, and told at once what it lacks', async () => {
    const refusal = await refusalOf({ caFile: join(certs, 'ca.pem') });
    expect(refusal).toMatchObject({ reason: 'CERTIFICATE_REFUSED', code: 'UNAUTHENTICATED' });
    expect(refusal?.message).toMatch(/wants a certificate/);
  });

  test('with one of another authority is not let in, and told so at once', async () => {
    const refusal = await refusalOf(tlsOf('mallory', others, certs));
    expect(refusal).toMatchObject({ reason: 'CERTIFICATE_REFUSED' });
    expect(refusal?.message).toMatch(/does not know the authority that signed your certificate/);
    // Also when the other members are away.
    const nobody = '127.0.0.1:1';
    const away = await refusalOf(tlsOf('mallory', others, certs), `${nobody},${cluster.member(2).apiAddress}`);
    expect(away).toMatchObject({
      reason: 'CERTIFICATE_REFUSED',
      message: expect.stringContaining(`${nobody}: connection refused`),
    });
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
    const refusal = await refusalOf(tlsOf('old'));
    expect(refusal).toMatchObject({ reason: 'CERTIFICATE_REFUSED' });
    expect(refusal?.message).toMatch(/your certificate \(.*user-old\.pem\) has expired, at /);
  });

  test('does not believe members of another authority', async () => {
    const refusal = await refusalOf(tlsOf('alice', certs, others));
    expect(refusal).toMatchObject({ reason: 'CERTIFICATE_REFUSED' });
    expect(refusal?.message).toMatch(/not signed by the authority/);
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
  test('show when they end among the metrics, beside those of who is connected', async () => {
    const answer = await fetch(`http://127.0.0.1:${cluster.member(1).metricsPort}/metrics`);
    const ends = Object.fromEntries(
      [...(await answer.text()).matchAll(/^env_cli_tls_certificate_end_timestamp_seconds\{use="(.*)"\} (\d+)$/gm)].map(
        ([, use, end]) => [use, Number(end)],
      ),
    );
    expect(ends).toEqual({
      'shown to clients': endOf('member-1.pem'),
      'shown to members': endOf('member-1.pem'),
      authority: endOf('ca.pem'),
      client: expect.any(Number),
      member: Math.min(endOf('member-2.pem'), endOf('member-3.pem')),
    });
    expect(ends['client']).toBeGreaterThan(Date.now() / 1_000);
  });

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

describe('a standing connection', () => {
  test('ends when its authority is believed no more; who has a new certificate by then goes on, nobody else does', async () => {
    const alice = await standing(tlsOf('alice'));
    const own = readFileSync(join(certs, 'ca.pem'));
    writeFileSync(join(certs, 'ca.pem'), Buffer.concat([own, readFileSync(join(others, 'ca.pem'))]));
    for (const id of [1, 2, 3]) cluster.signal(id, 'SIGHUP');
    const files = join(folder, 'files');
    mkdirSync(files);
    for (const part of ['', '-key']) cpSync(join(others, `user-mallory${part}.pem`), join(files, `user-bob${part}.pem`));
    for (const { apiAddress } of cluster.members)
      while ((await problemOf({ tls: tlsOf('mallory', others, certs) }, apiAddress)) !== null);
    // Two programs with certificates of the authority that goes: the files of one are replaced in time.
    const [bob, mallory] = await Promise.all(
      [tlsOf('bob', files, certs), tlsOf('mallory', others, certs)].map((tls) =>
        connect(cluster.addresses, { tls, timeoutMs: 60_000 }),
      ),
    );
    try {
      await mallory!.environments.set('m', { X: '1' }, { createIfAbsent: true });
      await bob!.environments.set('b', { X: '1' }, { createIfAbsent: true });
      const watch = mallory!.environments.watch({ prefix: 'm' });
      await watch.started;
      const stood = await standing(tlsOf('mallory', others, certs));
      for (const part of ['', '-key']) cpSync(join(certs, `user-alice${part}.pem`), join(files, `user-bob${part}.pem`));
      const closed = once(stood, 'close');
      cluster.member(1).log = '';
      writeFileSync(join(certs, 'ca.pem'), own);
      for (const id of [1, 2, 3]) cluster.signal(id, 'SIGHUP');
      await closed;
      expect(cluster.member(1).log).toContain(
        'a connection of mallory was ended: its certificate is of no authority that is believed now',
      );

      const outcome = async (): Promise<string> =>
        mallory!.environments.set('m', { X: '2' }).then(
          () => 'done',
          ({ reason }: EnvCliError) => reason,
        );
      let last = await outcome();
      // The member that it talks to may look a moment later than the first.
      while (last === 'done') last = await outcome();
      expect(['CERTIFICATE_REFUSED', 'OUTCOME_UNKNOWN']).toContain(last);
      expect(await outcome()).toBe('CERTIFICATE_REFUSED');
      await bob!.environments.set('b', { X: '2' });
      expect(alice.closed).toBe(false);
      // Members are among those that are believed.
      expect((await client.cluster.members()).members.map(({ connected }) => connected)).toEqual([true, true, true]);
      alice.destroy();
    } finally {
      await Promise.all([bob, mallory].map((each) => each!.close()));
    }
  }, 120_000);
});
