import { execFile } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { type Client, connect, type Consistency } from '@env-cli/client';

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

async function reached(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('nothing moves for 60 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const cluster = await LocalCluster.create();
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
} catch (error) {
  check('the demonstration comes to its end', false, error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await cluster.close();
}
process.stdout.write(failed === 0 ? '\nEvery check held.\n' : `\n${failed} checks failed.\n`);
process.exitCode = failed === 0 ? 0 : 1;
