import { spawn } from 'node:child_process';
import { constants } from 'node:os';

import { revealed } from '../export-text.ts';
import { readOptions, withClient, type Invocation } from '../invocation.ts';
import { CliError, refusedError } from '../cli-error.ts';

/** Signals that are passed on to the command. */
const passedOn: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

/** Signals that a terminal sends to the command by itself. */
const fromTerminal = new Set<NodeJS.Signals>(['SIGINT', 'SIGHUP', 'SIGQUIT']);

/** What a shell answers for a command that it does not find, and for one that it may not start. */
const notFound = 127;
const notStarted = 126;

/** `env-cli run ENVIRONMENT -- COMMAND…`: answers the exit code of the command. */
export async function run(at: Invocation, environment: string, command: readonly string[]): Promise<number> {
  at.about = { environment };
  const { environment: found } = await withClient(at, (client) => client.environments.get(environment, readOptions(at, 'full')));
  const variables = revealed(environment, found.variables);
  const zero = variables.find(({ value }) => value.includes('\0'));
  if (zero !== undefined) throw refusedError(`the value of ${zero.name} holds a zero byte, which no process can be given`);
  const env = { ...at.io.env, ...Object.fromEntries(variables.map(({ name, value }) => [name, value])) };
  return await started(command, env);
}

function started([file = '', ...args]: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: { ...env }, stdio: 'inherit' });
    const listeners = passedOn.map((signal) => {
      // On a terminal the kernel sends it to the whole group of processes: passing it on would deliver it twice.
      const listener = (): void => {
        if (!(fromTerminal.has(signal) && process.stdin.isTTY)) child.kill(signal);
      };
      process.on(signal, listener);
      return () => process.off(signal, listener);
    });
    const end = (): void => {
      for (const off of listeners) off();
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      end();
      const absent = error.code === 'ENOENT';
      const why = absent ? 'there is no such command' : error.message;
      reject(new CliError(absent ? notFound : notStarted, `'${file}' cannot be started: ${why}`));
    });
    child.once('exit', (code, signal) => {
      end();
      // What a shell says of a command that a signal ended.
      resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']);
    });
  });
}
