import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';

import type { Client, EnvCliError, WatchEvent } from '@env-cli/client';

import { Child, SignalDoor, type ProcessEnv } from '../child.ts';
import { refusedError, usageError } from '../cli-error.ts';
import { revealed } from '../export-text.ts';
import { readOptions, withClient, type Invocation } from '../invocation.ts';
import { say } from '../io.ts';

export interface RunFlags {
  readonly watch?: boolean;
  /** `restart`, or `signal=HUP`. */
  readonly onChange?: string;
  /** How long a command that is to be restarted may take to end, in milliseconds. */
  readonly grace?: number;
}

/** How long the command may take to end by itself before it is killed, in milliseconds. */
const graceMsDefault = 10_000;

/** How long to wait before a watch that was lost, or variables that could not be read, are asked for again, in milliseconds. */
const watchAgainMs = 1000;

/** `env-cli run ENVIRONMENT -- COMMAND…`: answers the exit code of the command. */
export async function run(at: Invocation, environment: string, command: readonly string[], flags: RunFlags): Promise<number> {
  at.about = { environment, atRevision: at.settings.revision };
  const { watch = false, grace = graceMsDefault } = flags;
  if (!watch && (flags.onChange !== undefined || flags.grace !== undefined))
    throw usageError('--on-change and --grace go with --watch');
  if (watch && at.settings.revision !== 0) throw usageError('--watch follows the newest state: it does not go with --revision');
  const signal = signalOf(flags.onChange ?? 'restart');
  if (!watch) {
    const { env } = await withClient(at, (client) => readEnv(at, client, environment));
    return await onlyOnce(command, env);
  }
  return await withClient(at, (client) => new WatchedRun({ at, client, environment, command, signal, graceMs: grace }).run());
}

/** The signal of `signal=NAME`; null: the command is restarted. */
function signalOf(onChange: string): NodeJS.Signals | null {
  if (onChange === 'restart') return null;
  const name = /^signal=(?:SIG)?(?<name>[A-Z0-9]+)$/i.exec(onChange)?.groups?.['name'];
  const signal = `SIG${name?.toUpperCase()}`;
  if (name === undefined || !Object.hasOwn(constants.signals, signal) || signal === 'SIGKILL' || signal === 'SIGSTOP')
    throw usageError(`--on-change is restart or signal=NAME, such as signal=HUP, not '${onChange}'`);
  return signal as NodeJS.Signals;
}

/** The environment of the command, and the revision of the state that it was read from. */
interface ReadEnv {
  readonly env: ProcessEnv;
  readonly revision: number;
}

async function readEnv(at: Invocation, client: Client, environment: string): Promise<ReadEnv> {
  const { environment: found, header } = await client.environments.get(environment, readOptions(at, 'full'));
  const variables = revealed(environment, found.variables);
  const zero = variables.find(({ value }) => value.includes('\0'));
  if (zero !== undefined) throw refusedError(`the value of ${zero.name} holds a zero byte, which no process can be given`);
  const env = { ...at.io.env, ...Object.fromEntries(variables.map(({ name, value }) => [name, value])) };
  return { env, revision: header.revision };
}

async function onlyOnce(command: readonly string[], env: ProcessEnv): Promise<number> {
  const door = new SignalDoor();
  try {
    const child = new Child(command, env);
    door.leadTo(child);
    return await child.exited;
  } finally {
    door.close();
  }
}

interface WatchedRunOptions {
  readonly at: Invocation;
  readonly client: Client;
  readonly environment: string;
  readonly command: readonly string[];
  readonly signal: NodeJS.Signals | null;
  readonly graceMs: number;
}

/** A command that is restarted, or told by a signal, when the variables of its environment have changed. */
class WatchedRun {
  readonly #options: WatchedRunOptions;
  readonly #door = new SignalDoor();
  readonly #over = new AbortController();
  /** What the command that runs was given. */
  #given: ProcessEnv = {};
  #child!: Child;
  /** The newest revision that was seen. */
  #revision = 0;
  /** Settles when the command that was ended for a new one has its successor; null while none is replaced. */
  #replaced: Promise<void> | null = null;

  constructor(options: WatchedRunOptions) {
    this.#options = options;
  }

  /** Ends with the command, when that ends by itself or by somebody's signal. Answers its exit code. */
  async run(): Promise<number> {
    const { at, client, environment } = this.#options;
    try {
      const { env, revision } = await readEnv(at, client, environment);
      this.#revision = revision;
      this.#start(env);
      return await Promise.race([this.#ended(), this.#follow()]);
    } finally {
      this.#over.abort();
      this.#door.close();
    }
  }

  #start(env: ProcessEnv): void {
    this.#given = env;
    this.#child = new Child(this.#options.command, env);
    this.#door.leadTo(this.#child);
  }

  /** The exit code of the command, unless another took its place. */
  async #ended(): Promise<number> {
    for (;;) {
      const child = this.#child;
      const code = await child.exited;
      await this.#replaced;
      if (child === this.#child) return code;
    }
  }

  /** Follows the environment until the command has ended. */
  async #follow(): Promise<never> {
    const { client, environment } = this.#options;
    for (;;) {
      const events = client.environments.watch({
        name: environment,
        startRevision: this.#revision + 1,
        signal: this.#over.signal,
      });
      try {
        for await (const event of events) await this.#onEvent(event);
      } catch (error) {
        await this.#tell(`the watch was lost: ${(error as EnvCliError).message}; it begins anew`);
      }
      await setTimeout(watchAgainMs, undefined, { signal: this.#over.signal });
      // Events may be missing: what there is now is read in their place.
      await this.#changed();
    }
  }

  async #onEvent(event: WatchEvent): Promise<void> {
    this.#revision = Math.max(this.#revision, event.revision);
    if (event.kind === 'changes') await this.#changed();
  }

  /** Reads the variables, and acts if they are others than the command was given. */
  async #changed(): Promise<void> {
    const { environment, signal, graceMs } = this.#options;
    const env = await this.#readAgain();
    if (env === null || this.#door.isEnding || sameEnv(env, this.#given)) return;
    const changed = `${environment} has changed (revision ${this.#revision})`;
    if (signal !== null) {
      this.#given = env;
      await this.#tell(`${changed}: ${signal} is sent`);
      this.#child.signal(signal);
      return;
    }
    await this.#tell(`${changed}: the command is restarted`);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#replaced = promise;
    await this.#child.stop(graceMs);
    // Who has ended the program meanwhile wants no new command.
    if (!this.#door.isEnding) this.#start(env);
    this.#replaced = null;
    resolve();
  }

  /** Reads until it succeeds: the command goes on with what it has. Null: there is nothing to be read any more. */
  async #readAgain(): Promise<ProcessEnv | null> {
    const { at, client, environment } = this.#options;
    for (let told = ''; ;) {
      try {
        const { env, revision } = await readEnv(at, client, environment);
        this.#revision = Math.max(this.#revision, revision);
        return env;
      } catch (error) {
        const { reason, message } = error as EnvCliError;
        if (reason === 'ENVIRONMENT_NOT_FOUND') {
          await this.#tell(`${environment} was deleted; the command goes on with what it was given`);
          return null;
        }
        if (message !== told) await this.#tell(`${message}; the command goes on with what it was given`);
        told = message;
        await setTimeout(watchAgainMs, undefined, { signal: this.#over.signal });
      }
    }
  }

  #tell(sentence: string): Promise<void> {
    return say(this.#options.at.io, `env-cli: ${sentence}`);
  }
}

function sameEnv(a: ProcessEnv, b: ProcessEnv): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
