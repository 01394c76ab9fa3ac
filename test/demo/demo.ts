import { execFile } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { type Client, connect, type Consistency } from '@env-cli/client';

import { emulator, RunningEmulator } from '../support/aws-emulators.ts';
import { EmulatedStore } from '../support/aws-store.ts';
import { LocalCluster } from '../support/cluster.ts';
import { fileDifferences, hashDifferences, settled } from '../support/equality.ts';
import { Ledger } from '../support/ledger.ts';

const run = promisify(execFile);
const environment = 'shop/prod';
const variablesCount = 60;
const levels: readonly Consistency[] = ['strong', 'read-your-writes', { maxLagMs: 2000 }, 'eventual'];

let failed = 0;

/** Prints what was checked and whether it held. */
function check(claim: string, holds: boolean, what = ''): void {
  if (!holds) failed++;
  process.stdout.write(`  ${holds ? 'ok    ' : 'FAILED'}  ${claim}${holds || what === '' ? '' : `: ${what}`}\n`);
}

function chapter(title: string): void {
  process.stdout.write(`\n${title}\n`);
}

function cli(cluster: LocalCluster, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, ['apps/cli/dist/main.js', ...args], {
    env: { ...process.env, ENV_CLI_ENDPOINT: cluster.addresses },
  });
}

async function leaderOf(client: Client): Promise<number> {
  const { leaderId } = await client.cluster.status();
  if (leaderId === 0) throw new Error('there is no leader');
  return leaderId;
}

async function imports(cluster: LocalCluster): Promise<void> {
  chapter('A .env file moves in');
  await cli(cluster, 'create', environment, '--label', 'team=shop');
  await cli(cluster, 'import', 'test/demo/shop.env', environment);
  const { stdout } = await cli(cluster, 'get', environment, '-o', 'json', '--reveal');
  const { environment: found } = JSON.parse(stdout) as { environment: { variables: unknown[] } };
  check(`${variablesCount} variables are kept`, found.variables.length === variablesCount, `${found.variables.length} are`);
}

async function readsEverywhere(cluster: LocalCluster): Promise<void> {
  chapter('Every member answers at every level');
  const writer = await connect(cluster.addresses);
  for (const [round, member] of cluster.members.entries()) {
    const reader = await connect(member.apiAddress, { followLeader: false });
    for (const level of levels) {
      const value = `round ${round} ${JSON.stringify(level)}`;
      const { header } = await writer.environments.set(environment, { GREETING: value });
      // Bounded staleness promises nothing of the last two seconds, and `eventual` nothing at all: a token makes them see the write.
      const token = level === 'strong' ? {} : { token: header.token };
      const answer = await reader.environments.get(environment, { consistency: level, ...token });
      const found = answer.environment.variables.find(({ name }) => name === 'GREETING')?.value;
      const name = typeof level === 'string' ? level : `at most ${level.maxLagMs} ms stale`;
      check(
        `member ${member.id}, ${name}: sees the write before`,
        found === value && answer.header.memberId === member.id,
        `it shows ${found}`,
      );
    }
    await reader.close();
  }
  await writer.close();
}

async function losesTheLeader(cluster: LocalCluster, ledger: Ledger): Promise<void> {
  chapter('The leader dies under load, and writing goes on');
  const clients = await Promise.all(Array.from({ length: 8 }, () => connect(cluster.addresses, { timeoutMs: 30_000 })));
  const over = new AbortController();
  const load = Promise.all(clients.map((client, i) => ledger.writeUntil(client, `load/c${i}`, 8, over.signal)));
  const admin = await connect(cluster.addresses, { timeoutMs: 30_000 });
  await reached(() => ledger.acknowledged.length >= 500);
  const old = await leaderOf(admin);
  const killedMs = performance.now();
  await cluster.end(old, 'SIGKILL');
  const others = await connect(
    cluster.members.filter((member) => member.id !== old).map((member) => member.apiAddress),
    { timeoutMs: 30_000 },
  );
  await others.environments.set('load/after', { X: '1' }, { createIfAbsent: true });
  process.stdout.write(`  the first write after the kill was acknowledged in ${Math.round(performance.now() - killedMs)} ms\n`);
  const goal = ledger.acknowledged.length + 500;
  await reached(() => ledger.acknowledged.length >= goal);
  cluster.startMember(old);
  await cluster.ready();
  over.abort();
  await load;
  check('another member leads', (await leaderOf(others)) !== old);
  check(
    `all ${ledger.acknowledged.length} acknowledged writes are there, each once`,
    (await flawless(ledger, others)) === '',
    await flawless(ledger, others),
  );
  check('the member that was killed is back and equal', hashDifferences(await settled(cluster)).length === 0);
  await Promise.all([admin, others, ...clients].map((client) => client.close()));
}

async function flawless(ledger: Ledger, client: Client): Promise<string> {
  return (await ledger.flaws(client)).slice(0, 3).join('; ');
}

async function wipesAFollower(cluster: LocalCluster): Promise<void> {
  chapter('A follower whose disk was wiped is not let in');
  const client = await connect(cluster.addresses);
  const leader = await leaderOf(client);
  const follower = cluster.members.find((member) => member.id !== leader)!;
  await cluster.end(follower.id, 'SIGTERM');
  const aside = `${follower.dataDir}.aside`;
  renameSync(follower.dataDir, aside);
  follower.log = '';
  cluster.startMember(follower.id);
  const code = await cluster.exited(follower.id);
  check('it stops by itself, with a message that says why', code !== 0 && /wiped/.test(follower.log), follower.log.slice(-500));
  await client.environments.set(environment, { GREETING: 'still writing' });
  check('the other two go on', true);
  rmSync(follower.dataDir, { recursive: true, force: true });
  renameSync(aside, follower.dataDir);
  cluster.startMember(follower.id);
  await cluster.ready();
  check('with its own disk it is back and equal', hashDifferences(await settled(cluster)).length === 0);
  await client.close();
}

async function mirrors(cluster: LocalCluster, directory: string): Promise<void> {
  chapter('A folder of files equals what is committed');
  const client = await connect(cluster.addresses);
  const { behind } = await client.mirrors.wait({ names: ['files'], timeoutMs: 60_000 });
  check('the mirror holds the newest revision', behind.length === 0, behind.join(', '));
  const differences = await fileDifferences(client, directory);
  check('every file says what its environment says', differences.length === 0, differences.slice(0, 3).join('; '));
  await client.close();
}

async function awsMirrors(cluster: LocalCluster, aws: RunningEmulator): Promise<void> {
  chapter('Parameter Store and Secrets Manager (emulators) equal what is committed');
  const account = ['--account', aws.account, '--region', 'eu-west-1'];
  await cli(cluster, 'mirror', 'create', 'parameters', '--aws-ssm', ...account, '--prefix', 'shop/', '--empty-values', 'skip');
  await cli(cluster, 'mirror', 'create', 'secrets', '--aws-secrets-manager', ...account, '--prefix', 'shop/', '--layout', 'blob');
  const client = await connect(cluster.addresses, { timeoutMs: 90_000 });
  const { behind } = await client.mirrors.wait({ names: ['parameters', 'secrets'] });
  check('both mirrors hold the newest revision', behind.length === 0, behind.join(', '));
  const store = new EmulatedStore(aws);
  const { environment: kept } = await client.environments.get(environment, { view: 'full' });
  const wanted = new Map(kept.variables.map(({ name, value }) => [name, value]));
  const parameters = await store.parameters(`/env-cli/${environment}`);
  const wrong = [...wanted].filter(([name, value]) => value !== '' && parameters.get(name) !== value).map(([name]) => name);
  check(`every parameter says what its variable says (${parameters.size})`, wrong.length === 0, wrong.join(', '));
  const secret = JSON.parse(await store.secret(`env-cli/${environment}`)) as Record<string, string>;
  check('the secret holds them all in one', Object.keys(secret).length === wanted.size);

  await store.putParameter('/env-cli/by-hand', 'theirs');
  await cli(cluster, 'mirror', 'pause', 'parameters');
  await cli(cluster, 'set', environment, 'GREETING=paused');
  check('a paused mirror delivers nothing', (await store.parameters(`/env-cli/${environment}`)).get('GREETING') !== 'paused');
  await cli(cluster, 'mirror', 'resume', 'parameters');
  await cli(cluster, 'set', environment, 'GREETING=hello', '--wait', 'mirrored');
  check(
    'a write that waits is there when it is answered',
    (await store.parameters(`/env-cli/${environment}`)).get('GREETING') === 'hello',
  );
  const { stderr } = await cli(
    cluster,
    'mirror',
    'create',
    'twice',
    '--aws-ssm',
    ...account,
    '--target-prefix',
    '/env-cli/shop',
  ).catch((error: unknown) => error as { stderr: string });
  check('a second mirror within the same prefix is refused', /overlap|same place|writes to/i.test(stderr), stderr);
  await cli(cluster, 'mirror', 'update', 'parameters', '--delete-brake', '100');
  await cli(cluster, 'mirror', 'delete', 'parameters');
  await reachedAsync(
    async () => !(await client.mirrors.list({ consistency: 'strong' })).mirrors.some(({ name }) => name === 'parameters'),
  );
  const left = [...(await store.parameters('/env-cli')).keys()];
  check('a mirror that is deleted takes what it wrote, and nothing else', left.join() === 'by-hand', left.join(', '));
  await client.close();
}

async function reachedAsync(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('nothing moves for 60 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function reached(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('nothing moves for 60 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const emulated = emulator('moto');
const aws = 'missing' in emulated ? null : await RunningEmulator.start(emulated);
// The SDK of the members finds the emulator as it would find a proxy of the user's.
const cluster = await LocalCluster.create(aws === null ? {} : { env: aws.clientEnv });
try {
  chapter('Three members start');
  for (const member of cluster.members) cluster.startMember(member.id);
  await cluster.ready();
  const directory = join(cluster.directory, 'mirrored');
  mkdirSync(directory, { mode: 0o700 });
  const client = await connect(cluster.addresses);
  await client.mirrors.create({ name: 'files', target: { provider: 'file', directory, format: 'dotenv' } });
  check('they have a leader', (await leaderOf(client)) > 0);
  await client.close();
  await imports(cluster);
  await readsEverywhere(cluster);
  await losesTheLeader(cluster, new Ledger());
  await wipesAFollower(cluster);
  await mirrors(cluster, directory);
  if (aws !== null) await awsMirrors(cluster, aws);
  else process.stdout.write(`\nThe part with AWS is skipped: ${'missing' in emulated ? emulated.missing : ''}\n`);
} catch (error) {
  check('the demonstration comes to its end', false, error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await cluster.close();
  await aws?.stop();
}
process.stdout.write(failed === 0 ? '\nEvery check held.\n' : `\n${failed} checks failed.\n`);
process.exitCode = failed === 0 ? 0 : 1;
