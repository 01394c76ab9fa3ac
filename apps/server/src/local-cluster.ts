import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * `npm start`: a cluster of three members on this machine, each a process of its own, with embedded defaults. One stream of
 * log lines; Ctrl-C stops all of them.
 */
const memberCount = 3;
const program = fileURLToPath(new URL('main.js', import.meta.url));

const usage = `Starts a cluster of ${memberCount} members on this machine. Ctrl-C stops it; the data stays.

  --data-dir DIR       Where the members keep their data, and the mirror its files. Default: .data
  --api-port PORT      The first member's API; the others take the ports behind it. Default: 7371
  --peer-port PORT     The same for traffic between members. Default: 7381
  --metrics-port PORT  The same for /metrics, /livez and /readyz. Default: 9090
  --log-level LEVEL    Default: warn
`;

/** One member's process. */
interface Child {
  readonly memberId: number;
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  /** Resolves with its exit code. */
  readonly ended: Promise<number>;
}

function settings() {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string', default: '.data' },
      'api-port': { type: 'string', default: '7371' },
      'peer-port': { type: 'string', default: '7381' },
      'metrics-port': { type: 'string', default: '9090' },
      'log-level': { type: 'string', default: 'warn' },
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}

type Settings = ReturnType<typeof settings>;

function flagsOf(memberId: number, given: Settings): string[] {
  const port = (key: 'api-port' | 'peer-port' | 'metrics-port', id: number): number => Number(given[key]) + id - 1;
  const members = Array.from({ length: memberCount }, (_, at) => `${at + 1}=127.0.0.1:${port('peer-port', at + 1)}`);
  return [
    `--member-id=${memberId}`,
    `--data-dir=${resolve(given['data-dir'], `member-${memberId}`)}`,
    `--listen=127.0.0.1:${port('api-port', memberId)}`,
    `--peer-listen=127.0.0.1:${port('peer-port', memberId)}`,
    `--metrics-port=${port('metrics-port', memberId)}`,
    '--bootstrap',
    `--members=${members.join(',')}`,
    `--default-mirror=${resolve(given['data-dir'], 'mirror')}`,
    `--log-level=${given['log-level']}`,
    '--log-format=text',
  ];
}

function startChild(memberId: number, given: Settings): Child {
  // A group of its own: Ctrl-C reaches this process alone, which then stops the members in order. They stop by themselves
  // when this process is gone.
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...flagsOf(memberId, given)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  for (const stream of [child.stdout!, child.stderr!]) prefixLines(stream, `member ${memberId} | `);
  return {
    memberId,
    process: child,
    ready: new Promise((isReady) => child.once('message', () => isReady())),
    ended: new Promise((hasEnded) => child.once('exit', (code) => hasEnded(code ?? 1))),
  };
}

/** Passes on what a member says, line by line, so that lines of several members do not mix. */
function prefixLines(stream: NodeJS.ReadableStream, prefix: string): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) process.stderr.write(`${prefix}${line}\n`);
  });
  stream.on('end', () => {
    if (rest !== '') process.stderr.write(`${prefix}${rest}\n`);
  });
}

function welcome(given: Settings): string {
  const ports = (key: 'api-port' | 'metrics-port'): string =>
    Array.from({ length: memberCount }, (_, at) => `127.0.0.1:${Number(given[key]) + at}`).join(', ');
  return `
env-cli: a cluster of ${memberCount} members is ready.
  API      ${ports('api-port')}
  metrics  ${ports('metrics-port')}
  data     ${resolve(given['data-dir'])}
  mirror   ${resolve(given['data-dir'], 'mirror')} follows what is committed in the namespace default

Try, in a second terminal:
  npx env-cli create payments/prod --label team=payments
  npx env-cli set payments/prod DB_URL=postgres://db.internal/payments
  npx env-cli get payments/prod

Ctrl-C stops the cluster; the data stays.
`;
}

async function run(given: Settings): Promise<number> {
  const children = Array.from({ length: memberCount }, (_, at) => startChild(at + 1, given));
  const ended = Promise.race(children.map(({ memberId, ended: end }) => end.then((code) => ({ memberId, code }))));
  const told = new Promise<null>((isTold) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => isTold(null));
  });
  const ready = Promise.all(children.map((child) => child.ready)).then(() => 'ready' as const);

  const first = await Promise.race([ready, ended, told]);
  if (first === 'ready') process.stdout.write(welcome(given));
  const last = first === 'ready' ? await Promise.race([ended, told]) : first;
  if (last !== null)
    process.stderr.write(
      `env-cli: member ${last.memberId} has ended (exit code ${last.code}); its words stand above. The others are stopped too\n`,
    );
  for (const { process: child } of children) child.kill('SIGTERM');
  await Promise.all(children.map((child) => child.ended));
  if (last === null) process.stdout.write('env-cli: all members have stopped\n');
  return last?.code ?? 0;
}

let given: Settings | null = null;
try {
  given = settings();
} catch (error) {
  process.stderr.write(`env-cli: ${(error as Error).message}\n\n${usage}`);
  process.exitCode = 2;
}
if (given?.help === true) process.stdout.write(usage);
else if (given !== null) process.exitCode = await run(given);
