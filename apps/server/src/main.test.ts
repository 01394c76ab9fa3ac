import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DeliveryState, Environments, Health, Mirrors, PlanAction } from '@env-cli/wire';

import { setting } from './testing/operations.ts';
import { freePorts } from './testing/free-ports.ts';
import { Program } from './testing/program.ts';
import { TestClient } from './testing/serving.ts';

let folder: string;
let ports: number[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'env-cli-main-'));
  ports = await freePorts(3);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Flags of a member of its own cluster. */
function alone(name: string, [api, peers, metrics] = ports): string[] {
  return [
    `--data-dir=${join(folder, name)}`,
    '--plain-secrets',
    `--listen=127.0.0.1:${api}`,
    `--peer-listen=127.0.0.1:${peers}`,
    `--metrics-port=${metrics}`,
    '--bootstrap',
  ];
}

async function outcome(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<[number | null, string]> {
  const program = new Program(args, env);
  return [await program.exited, program.said];
}

describe('a member that is not to start says why, what and what next, with an exit code of its own', () => {
  let taken: Server;
  let takenPort: number;
  beforeAll(async () => {
    taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    takenPort = (taken.address() as { port: number }).port;
    writeFileSync(join(folder, 'member.toml'), '[server]\nlisten = "127.0.0.1:1"\n\n[storage]\nmap_sise = "1GiB"\n');
    writeFileSync(join(folder, 'file'), '');
  });
  afterAll(() => new Promise((resolve) => taken.close(resolve)));

  const cases: readonly (readonly [string, () => readonly string[], number, readonly string[]])[] = [
    [
      'a mirror into its own data',
      () => [...alone('own-mirror'), `--default-mirror=${join(folder, 'own-mirror', 'envs')}`],
      2,
      ['mirrors.default_directory', 'lies in the data directory of this member', 'a folder of its own'],
    ],
    ['an unknown flag', () => ['--lisen=a:1'], 2, ['--lisen', 'did you mean listen?', '--help']],
    [
      'an unknown key',
      () => [`--config=${join(folder, 'member.toml')}`],
      2,
      ['member.toml, line 5', 'storage.map_sise', 'did you mean storage.map_size?'],
    ],
    [
      'an address that others reach',
      () => [...alone('a'), '--listen=0.0.0.0:1'],
      2,
      ['server.listen is 0.0.0.0:1', 'neither encrypted nor authenticated', '--insecure'],
    ],
    [
      'half a certificate',
      () => [...alone('a'), '--tls-cert=/none.pem'],
      2,
      ['security.tls_ca_file', 'security.tls_key_file', 'all three'],
    ],
    [
      'certificates that are not there',
      () => [...alone('a'), '--tls-ca=/none/ca.pem', '--tls-cert=/none/c.pem', '--tls-key=/none/k.pem'],
      5,
      ['/none/ca.pem, is not there', 'env-cli certs create'],
    ],
    ['two ways to the master key', () => [...alone('a'), '--master-key-file=/none'], 2, ['exclude one another']],
    [
      'a master key that is not there',
      () => [...alone('a').filter((flag) => flag !== '--plain-secrets'), '--master-key-file=/none'],
      5,
      ['/none is not there', 'head -c 32 /dev/urandom'],
    ],
    ['an address that tells nobody anything', () => [...alone('a'), '--listen=0.0.0.0:1', '--insecure'], 2, ['--advertise']],
    ['a cluster without itself', () => [...alone('a'), '--members=2=127.0.0.1:1'], 2, ['does not hold member 1']],
    [
      'the API’s port in use',
      () => [...alone('a'), `--listen=127.0.0.1:${takenPort}`],
      3,
      ['(server.listen) is in use by another process', '--listen'],
    ],
    [
      'the peers’ port in use',
      () => [...alone('a'), `--peer-listen=127.0.0.1:${takenPort}`],
      3,
      ['(server.peer_listen) is in use by another process', '--peer-listen'],
    ],
    [
      'the port for metrics in use',
      () => [...alone('a'), `--metrics-port=${takenPort}`],
      3,
      ['(observability.metrics_port) is in use', '--metrics-port'],
    ],
    [
      'an address of another machine',
      () => [...alone('a'), '--listen=192.0.2.1:7371', '--insecure'],
      3,
      ['192.0.2.1:7371', 'no address of this machine'],
    ],
    [
      'a folder that cannot be made',
      () => [...alone('a'), `--data-dir=${join(folder, 'file', 'member')}`],
      4,
      [join('file', 'member')],
    ],
    [
      'a disk that is gone, or a first start without the flag for it',
      () => alone('gone').filter((flag) => flag !== '--bootstrap'),
      4,
      ['gone: it is empty', 'first start of a new cluster', '--bootstrap', '--members=1=HOST:PORT', 'its disk is lost'],
    ],
  ];
  test.each(cases)('%s', async (_why, args, code, words) => {
    const [exitCode, said] = await outcome(args());
    expect([exitCode, said]).toEqual([code, expect.stringContaining('env-cli-server: ')]);
    for (const word of words) expect(said).toContain(word);
    expect(said).not.toContain('    at ');
  });

  test('a folder that another process works on', async () => {
    const first = new Program(alone('busy'));
    await first.ready();
    const others = await freePorts(3);
    const [exitCode, said] = await outcome(alone('busy', others));
    expect([exitCode, said]).toEqual([4, expect.stringContaining('another process works on it')]);
    expect(await first.stop()).toBe(0);
  });
});

describe('what is asked for is printed', () => {
  test('help, the version, and the configuration with where each value came from', async () => {
    expect(await outcome(['--help'])).toEqual([0, expect.stringContaining('--data-dir VALUE')]);
    expect(await outcome(['--version'])).toEqual([0, expect.stringMatching(/^env-cli-server \d+\.\d+\.\d+\n$/)]);
    const [code, said] = await outcome(['--print-config', '--member-id=7'], { ENV_CLI_SERVER_DATA_DIR: '/somewhere' });
    expect(code).toBe(0);
    expect(said).toContain('member_id = 7 # flag --member-id');
    expect(said).toContain('data_dir = "/somewhere" # variable ENV_CLI_SERVER_DATA_DIR');
  });

  test('whether a configuration is accepted, by the rules of a start, and nothing is made or listened on', async () => {
    const directory = join(folder, 'only-checked');
    expect(await outcome(['--check-config', `--data-dir=${directory}`])).toEqual([0, 'The configuration is accepted.\n']);
    expect(existsSync(directory)).toBe(false);
    for (const [flag, word] of [
      ['--listen=0.0.0.0:1', '--insecure'],
      ['--election-ticks=1', 'election_ticks must be'],
    ] as const)
      expect(await outcome(['--check-config', flag])).toEqual([2, expect.stringContaining(word)]);
    expect(await outcome(['--check-config', '--bootstrap', '--members=2=127.0.0.1:1'])).toEqual([
      2,
      expect.stringContaining('does not hold member 1'),
    ]);
  });
});

let program: Program;
let client: TestClient;

async function http(path: string, method = 'GET'): Promise<[number, string]> {
  const answer = await fetch(`http://127.0.0.1:${ports[2]}${path}`, { method });
  return [answer.status, await answer.text()];
}

function set(value: string) {
  return client.call(Environments, 'write', { operations: [setting('a', { KEY: value }, true)] });
}

describe('a member that runs', () => {
  beforeAll(async () => {
    program = new Program([
      ...alone('runs'),
      '--log-level=trace',
      '--log-format=json',
      `--default-mirror=${join(folder, 'mirror')}`,
    ]);
    await program.ready();
    client = new TestClient(`127.0.0.1:${ports[0]}`);
  });
  afterAll(async () => {
    client.close();
    await program.stop('SIGKILL');
  });

  test('says that it is well, ready and serving', async () => {
    expect(await http('/livez')).toEqual([200, 'alive\n']);
    expect(await http('/readyz')).toEqual([200, 'ready\n']);
    expect((await http('/nothing'))[0]).toBe(404);
    expect((await http('/metrics', 'POST'))[0]).toBe(405);
    expect(await client.call(Health, 'check', { service: 'envcli.v1.Environments' })).toMatchObject({ status: 1 });
  });

  test('shows its figures under their names', async () => {
    await set('first');
    const [, text] = await http('/metrics');
    for (const series of [
      'env_cli_api_requests_total{method="Environments/Write",code="OK"} 1',
      'env_cli_raft_is_leader 1',
      'env_cli_revision 1',
      'env_cli_watches 0',
      'env_cli_outbox_due_rows',
      'env_cli_storage_usage_bytes',
      'env_cli_event_loop_delay_seconds{thread="consensus",quantile="0.99"}',
      'env_cli_event_loop_delay_seconds{thread="apply",quantile="0.99"}',
      'env_cli_event_loop_delay_seconds{thread="api",quantile="0.99"}',
    ]) {
      expect(text).toContain(series);
    }
    const names = text.match(/^# TYPE \S+/gm);
    expect(new Set(names).size).toBe(names?.length);
  });

  test('keeps a folder equal to what was committed: a new cluster comes with a mirror', async () => {
    await client.call(Environments, 'write', { operations: [setting('payments/prod', { GREETING: 'hello' })] });
    expect((await client.call(Mirrors, 'wait', { names: ['files'] })).behind).toEqual([]);
    expect(parseEnv(readFileSync(join(folder, 'mirror', 'payments', 'prod.env'), 'utf8'))).toEqual({ GREETING: 'hello' });
    const { environments } = await client.call(Mirrors, 'status', { name: 'files' });
    expect(environments.map(({ environment, state }) => [environment, state])).toContainEqual([
      'payments/prod',
      DeliveryState.SYNCED,
    ]);
    const { items } = await client.call(Mirrors, 'plan', { name: 'files', environment: 'payments/prod' });
    expect(items.map(({ key, action }) => [key, action])).toEqual([['payments/prod.env', PlanAction.UNCHANGED]]);
  });

  test('lives through random bytes on every port', async () => {
    for (const port of ports) {
      for (let round = 0; round < 10; round++) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.write(
          round % 2 === 0
            ? randomBytes(1_000)
            : Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), randomBytes(1_000)]),
        );
        socket.end();
        socket.resume();
        await once(socket, 'close');
      }
    }
    expect((await set('second')).changed).toBe(true);
  });

  test('tells no value in its log, at any level', async () => {
    await set('hunter2');
    await client.call(Environments, 'get', { name: 'a', options: { view: 2 } });
    await client
      .call(Environments, 'write', { operations: [{ environment: 'a', action: { case: 'create', value: {} } }] })
      .catch(() => null);
    expect(program.said).not.toMatch(/hunter2|first|second/);
    for (const line of program.said.trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ member: 1, level: expect.any(String) });
  });

  test('finishes what is under way when it is told to stop, ends its streams, and has everything when it comes back', async () => {
    const watch = client.stream(Environments, 'watch');
    watch.send({ watchId: 1n, action: { case: 'start', value: { scope: { case: 'prefix', value: '' } } } });
    await watch.next();
    const writes = Array.from({ length: 50 }, (_, at) => set(`last ${at}`));
    await writes[0];
    program.child.kill('SIGTERM');
    const settled = await Promise.allSettled(writes);
    await expect(watch.next().then(async (message) => (message === null ? null : watch.find(() => false)))).rejects.toMatchObject(
      { code: 'UNAVAILABLE' },
    );
    expect(await program.exited).toBe(0);
    // Acknowledged, or certainly not done: nobody is left to guess.
    const refused = settled
      .filter((result) => result.status === 'rejected')
      .map(({ reason }) => (reason as { code: string }).code);
    expect(refused.every((code) => code === 'UNAVAILABLE')).toBe(true);
    const acknowledged = settled.length - refused.length;

    program = new Program(alone('runs').filter((flag) => flag !== '--bootstrap'));
    await program.ready();
    const { changes } = await client.call(Environments, 'history', { name: 'a', pageSize: 1_000 });
    expect(changes.length).toBe(3 + acknowledged);
    expect(await program.stop('SIGINT')).toBe(0);
  });
});

test('a member whose last checkpoint fails ends with exit code 1, and says that nothing is lost', async () => {
  const member = new Program(alone('no-last-checkpoint', await freePorts(3)));
  await member.ready();
  // A state that is taken from under it: what it has to do at its end fails, as on a disk that fails.
  const directory = join(folder, 'no-last-checkpoint');
  for (const name of readdirSync(directory).filter((found) => found.startsWith('state-'))) {
    rmSync(join(directory, name), { recursive: true });
  }
  expect(await member.stop()).toBe(1);
  expect(member.said).toMatch(/the member did not stop in order: A checkpoint failed at .*Nothing that was acknowledged is lost/);
});
