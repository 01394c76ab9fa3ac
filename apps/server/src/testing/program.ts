import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const programs = {
  member: fileURLToPath(new URL('../../dist/main.js', import.meta.url)),
  cluster: fileURLToPath(new URL('../../dist/local-cluster.js', import.meta.url)),
} as const;

/** `env-cli-server`, or what `npm start` runs, as a process. */
export class Program {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** What it said, on both streams. */
  said = '';
  readonly #ready: Promise<void>;
  /** Those who wait for its next words. */
  readonly #listeners: (() => void)[] = [];

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, which: keyof typeof programs = 'member') {
    const program = programs[which];
    if (!existsSync(program)) throw new Error(`${program} is not there: build first (npm run build)`);
    this.child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], ...env },
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.said += text;
        for (const heard of this.#listeners.splice(0)) heard();
      });
    }
    this.exited = once(this.child, 'close').then(([code]) => code as number | null);
    this.#ready = once(this.child, 'message').then(() => undefined);
  }

  /**
   * Resolves when it has said something, behind the first `from` characters of all that it said; rejects with what it said when it ends
   * before.
   */
  async says(words: string, from = 0): Promise<void> {
    while (!this.said.includes(words, from)) {
      const more = new Promise<void>((heard) => this.#listeners.push(heard));
      if ((await Promise.race([more, this.exited])) !== undefined) throw new Error(`the program ended: ${this.said}`);
    }
  }

  /** Resolves when it says that calls may be sent to it; rejects with what it said when it ends before. */
  async ready(): Promise<void> {
    const ended = this.exited.then((code) => {
      throw new Error(`the program ended with ${code}: ${this.said}`);
    });
    await Promise.race([this.#ready, ended]);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }
}
