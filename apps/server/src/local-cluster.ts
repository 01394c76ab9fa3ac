import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * `npm start`: a cluster of three members on this machine, each a process of its own, with embedded defaults. One stream of
 * log lines; Ctrl-C stops all of them. What follows when one of them ends by itself: docs/decisions/0017-a-cluster-to-try.md.
 */
const memberCount = 3;
const program = fileURLToPath(new URL('main.js', import.meta.url));

const usage = `Starts a cluster of ${memberCount} members on this machine. Ctrl-C stops it; the data stays.

  --data-dir DIR       Where the members keep their data, and the mirror its files. Default: .data
  --api-port PORT      The first member's API; the others take the ports behind it. Default: 7371
  --peer-port PORT     The same for traffic between members. Default: 7381
  --metrics-port PORT  The same for /metrics, /livez and /readyz. Default: 9090
  --log-level LEVEL    Default: warn

A member that is killed is started again; one that ends by itself is not, and its reason is said. Exit code: 0 when it was told to
stop and all members stopped in order, that of the member whose end left no majority, else 1; 2 for a flag that is refused.
`;

/** The most members that may be gone while the others still take writes. */
const spareMax = Math.floor((memberCount - 1) / 2);

/** The wait before a member that was killed is started again, in milliseconds: long enough to see what its end did. */
const restartMs = 2_000;

/** A member that is killed more often than this within {@link restartWindowMs} is not started again: what kills it would again. */
const restartsMax = 5;
const restartWindowMs = 60_000;

/** How a process ended. */
interface End {
  /** Null: a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last line that it said. */
  readonly lastWords: string;
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
    `--master-key-file=${masterKeyFile(given)}`,
    `--log-level=${given['log-level']}`,
    '--log-format=text',
  ];
}

function masterKeyFile(given: Settings): string {
  return resolve(given['data-dir'], 'master.key');
}

/** Makes the master key of a new trial cluster, beside its data: who takes the members' folders alone has no secret. */
function ensureMasterKey(given: Settings): void {
  const path = masterKeyFile(given);
  if (existsSync(path)) return;
  mkdirSync(resolve(given['data-dir']), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
}

/** One member: its process, and the next one when that was killed. */
class LocalMember {
  readonly memberId: number;
  readonly #given: Settings;
  readonly #onEnd: (member: LocalMember, end: End) => void;
  /** When it was started again, by the clock of this process. */
  #restartsMs: number[] = [];
  #process: ChildProcessByStdio<null, Readable, Readable> | null = null;
  #ended = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(memberId: number, given: Settings, onEnd: (member: LocalMember, end: End) => void) {
    this.memberId = memberId;
    this.#given = given;
    this.#onEnd = onEnd;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves when calls may be sent to it; never when it ends before. */
  start(): Promise<void> {
    // A group of its own: Ctrl-C reaches this process alone, which then stops the members in order. They stop by themselves
    // when this process is gone.
    const flags = ['--disable-warning=ExperimentalWarning', program, ...flagsOf(this.memberId, this.#given)];
    const child = spawn(process.execPath, flags, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    }) as ChildProcessByStdio<null, Readable, Readable>;
    this.#process = child;
    let lastWords = '';
    for (const stream of [child.stdout, child.stderr])
      passLinesOn(stream, (line) => {
        lastWords = line;
        process.stderr.write(`member ${this.memberId} | ${line}\n`);
      });
    this.#ended = new Promise((ended) => {
      // Not `exit`: by `close` all that it said is here.
      child.once('close', (code: number | null, signal: NodeJS.Signals | null) => {
        this.#process = null;
        ended();
        this.#onEnd(this, { code, signal, lastWords });
      });
    });
    return new Promise((isReady) => child.once('message', () => isReady()));
  }

  /** Starts it again after a while, unless that was done too often. Answers whether it will be. */
  startLater(onReady: () => void): boolean {
    const nowMs = performance.now();
    this.#restartsMs = this.#restartsMs.filter((beforeMs) => nowMs - beforeMs < restartWindowMs);
    if (this.#restartsMs.length >= restartsMax) return false;
    this.#restartsMs.push(nowMs);
    this.#timer = setTimeout(() => void this.start().then(onReady), restartMs);
    return true;
  }

  /** Resolves when its process has ended. */
  stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#process?.kill('SIGTERM');
    return this.#ended;
  }
}

/** Hands on what a member says, line by line, so that lines of several members do not mix. */
function passLinesOn(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

function welcome(given: Settings, pids: readonly (number | undefined)[]): string {
  const ports = (key: 'api-port' | 'metrics-port'): string =>
    Array.from({ length: memberCount }, (_, at) => `127.0.0.1:${Number(given[key]) + at}`).join(', ');
  return `
env-cli: a cluster of ${memberCount} members is ready.
  API      ${ports('api-port')}
  metrics  ${ports('metrics-port')}
  process  ${pids.join(', ')}
  data     ${resolve(given['data-dir'])}
  secrets  sealed by keys that ${masterKeyFile(given)} opens
  mirror   ${resolve(given['data-dir'], 'mirror')} follows what is committed in the namespace default

Try, in a second terminal:
  npx env-cli create payments/prod --label team=payments
  npx env-cli set payments/prod DB_URL=postgres://db.internal/payments
  npx env-cli get payments/prod

Ctrl-C stops the cluster; the data stays.
`;
}

/** The members of the cluster, and what follows when one of them ends by itself. */
class LocalCluster {
  readonly #given: Settings;
  readonly #members: readonly LocalMember[];
  readonly #lost = new Set<LocalMember>();
  readonly #over = Promise.withResolvers<number>();
  #phase: 'starting' | 'running' | 'stopping' = 'starting';
  #endedBadly = false;

  constructor(given: Settings) {
    this.#given = given;
    const onEnd = (member: LocalMember, end: End): void => this.#ended(member, end);
    this.#members = Array.from({ length: memberCount }, (_, at) => new LocalMember(at + 1, given, onEnd));
  }

  /** Runs until it is told to stop, or there is no point in going on. Resolves to the exit code, when every process has ended. */
  async run(): Promise<number> {
    ensureMasterKey(this.#given);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => this.#over.resolve(0));
    void Promise.all(this.#members.map((member) => member.start())).then(() => this.#ready());
    const code = await this.#over.promise;
    this.#phase = 'stopping';
    await Promise.all(this.#members.map((member) => member.stop()));
    if (code === 0) process.stdout.write('env-cli: all members have stopped\n');
    return code === 0 && this.#endedBadly ? 1 : code;
  }

  #ready(): void {
    if (this.#phase !== 'starting') return;
    this.#phase = 'running';
    process.stdout.write(
      welcome(
        this.#given,
        this.#members.map(({ pid }) => pid),
      ),
    );
  }

  #ended(member: LocalMember, end: End): void {
    if (this.#phase === 'stopping') {
      // By the signal that it was sent, it ends with 0.
      if (end.code !== 0) this.#endedBadly = true;
      return;
    }
    const what = `member ${member.memberId} has ended (${end.signal === null ? `exit code ${end.code}` : `killed by ${end.signal}`})`;
    if (this.#phase === 'starting') {
      say(`${what}; its words stand above. The others are stopped too`);
      return this.#over.resolve(end.code || 1);
    }
    // Killed from outside, it was well. What it ended of by itself would be met again.
    if (end.signal !== null && member.startLater(() => say(`member ${member.memberId} is back`))) {
      return say(`${what}. It is started again in ${restartMs / 1000} s; the others go on`);
    }
    this.#lost.add(member);
    this.#endedBadly = true;
    const why = end.signal === null ? `Its last words: ${end.lastWords || 'none'}` : `It was killed ${restartsMax} times before`;
    if (this.#lost.size <= spareMax) {
      return say(`${what}. ${why}\n  The others go on and take writes. Once its cause is mended: Ctrl-C, and npm start again`);
    }
    say(`${what}. ${why}\n  Those that are left are no majority and take no writes: they are stopped too`);
    return this.#over.resolve(end.code || 1);
  }
}

function say(what: string): void {
  process.stderr.write(`env-cli: ${what}\n`);
}

let given: Settings | null = null;
try {
  given = settings();
} catch (error) {
  process.stderr.write(`env-cli: ${(error as Error).message}\n\n${usage}`);
  process.exitCode = 2;
}
if (given?.help === true) process.stdout.write(usage);
else if (given !== null) process.exitCode = await new LocalCluster(given).run();
