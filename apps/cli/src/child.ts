import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

import { CliError } from './cli-error.ts';

/** Signals that are passed on to the command. */
const passedOn: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

/** Signals that a terminal sends to the command by itself. */
const fromTerminal = new Set<NodeJS.Signals>(['SIGINT', 'SIGHUP', 'SIGQUIT']);

/** Signals by which somebody ends the program: after one nothing is started again. */
const ending = new Set<NodeJS.Signals>(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

/** What a shell answers for a command that it does not find, and for one that it may not start. */
const notFound = 127;
const notStarted = 126;

export type ProcessEnv = Readonly<Record<string, string | undefined>>;

/** Passes the signals of this process on to whichever command runs, until it is ended. */
export class SignalDoor {
  #child: Child | null = null;
  #isEnding = false;
  readonly #off: readonly (() => void)[];

  constructor() {
    this.#off = passedOn.map((signal) => {
      const listener = (): void => this.#pass(signal);
      process.on(signal, listener);
      return () => process.off(signal, listener);
    });
  }

  /** Somebody has ended the program: the command that runs is the last. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** The command that gets them from now on. */
  leadTo(child: Child): void {
    this.#child = child;
  }

  close(): void {
    for (const off of this.#off) off();
  }

  #pass(signal: NodeJS.Signals): void {
    if (ending.has(signal)) this.#isEnding = true;
    // On a terminal the kernel sends it to the whole group of processes: passing it on would deliver it twice.
    if (!(fromTerminal.has(signal) && process.stdin.isTTY)) this.#child?.signal(signal);
  }
}

/** A command that runs with the streams of this process. */
export class Child {
  readonly #process: ChildProcess;
  /** Its exit code, as a shell tells it. Rejects when it could not be started. */
  readonly exited: Promise<number>;

  constructor([file = '', ...args]: readonly string[], env: ProcessEnv) {
    this.#process = spawn(file, args, { env: { ...env }, stdio: 'inherit' });
    this.exited = new Promise((resolve, reject) => {
      this.#process.once('error', (error: NodeJS.ErrnoException) => {
        const absent = error.code === 'ENOENT';
        const why = absent ? 'there is no such command' : error.message;
        reject(new CliError(absent ? notFound : notStarted, `'${file}' cannot be started: ${why}`));
      });
      this.#process.once('exit', (code, signal) => {
        // What a shell says of a command that a signal ended.
        resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']);
      });
    });
    // Whoever waits for it is told; until somebody does, a failure is no fault of the program.
    this.exited.catch(() => undefined);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Asks it to end, and after `graceMs` makes it. Answers its exit code. */
  async stop(graceMs: number): Promise<number> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }
}
