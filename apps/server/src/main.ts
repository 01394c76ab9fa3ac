import './thread-pool.ts';
import { readFileSync } from 'node:fs';

import { probeAddresses } from './lifecycle/addresses.ts';
import { checkOptions } from './lifecycle/check-options.ts';
import { type Log, makeLog } from './observability/log.ts';
import { helpText, printedConfig } from './options/manual.ts';
import { type Options, readOptions } from './options/read.ts';
import { exitCodes, type ExitReason, StartRefused } from './options/refusal.ts';
import {
  readRecoverArgs,
  readRepairArgs,
  readRestoreArgs,
  recoverWord,
  repairWord,
  restoreWord,
} from './options/restore-args.ts';
import { framesOf } from './rpc/faults.ts';
import { softwareVersion } from './version.ts';

/** How long the last words have to get out before the process ends. */
const lastWordsMs = 200;

function refuse(reason: ExitReason, message: string): void {
  process.stderr.write(`env-cli-server: ${message}\n`);
  process.exitCode = exitCodes[reason].code;
}

function optionsOf(args: readonly string[]): Options | null {
  try {
    return readOptions({ args, env: process.env, readFile: (path) => readFileSync(path, 'utf8') });
  } catch (error) {
    if (!(error instanceof StartRefused)) throw error;
    refuse(error.reason, error.message);
    return null;
  }
}

/** Whether the work was done; what it refuses is said. */
async function isAccepted(work: () => Promise<void> | void): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof StartRefused)) throw error;
    refuse(error.reason, error.message);
    return false;
  }
}

async function checkConfig({ values }: Options): Promise<void> {
  // Not whether addresses are free: the member that runs here with these very options holds them.
  if (await isAccepted(() => checkOptions(values))) process.stdout.write('The configuration is accepted.\n');
}

async function run({ values }: Options): Promise<void> {
  const accepted = await isAccepted(async () => {
    await checkOptions(values);
    await probeAddresses(values);
  });
  if (!accepted) return undefined;
  const format = values['observability.log_format'];
  const log = makeLog({
    level: values['observability.log_level'],
    format: format === 'auto' ? (process.stdout.isTTY ? 'text' : 'json') : format,
    memberId: values['server.member_id'],
    write: (line) => process.stdout.write(line),
  });
  // Loaded only now: whoever is refused or asks for help waits for nothing else.
  const { MemberServer } = await import('./lifecycle/member-server.ts');
  const server = new MemberServer(values, log);
  const told = toldToStop(log);
  process.on('SIGHUP', () => server.reloadCertificates());
  process.on('uncaughtException', (error) =>
    end(log, 'failed', `an exception that nobody caught: ${error.name}\n${framesOf(error)}`),
  );

  const starting = server.start();
  try {
    await Promise.race([starting, told, server.failed]);
  } catch (error) {
    return end(log, error instanceof StartRefused ? error.reason : 'failed', textOf(error));
  }
  // Who started this process may wait to hear of it.
  void server.ready.then(() => process.connected && process.send?.({ kind: 'ready' }));
  try {
    await Promise.race([told, server.failed]);
  } catch (error) {
    return end(log, error instanceof StartRefused ? error.reason : 'failed', textOf(error));
  }
  log.info('the member stops');
  // A start that is given up has nothing to say.
  starting.catch(() => undefined);
  try {
    await server.stop();
  } catch (error) {
    const next = 'Nothing that was acknowledged is lost: the next start goes back to the checkpoint before and replays the log';
    return end(log, 'failed', `the member did not stop in order: ${textOf(error)}. ${next}`);
  }
  log.info('the member has stopped');
  return end(log, 'stopped', null);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Resolves when somebody wants the process to end: by a signal, or because whoever started it is gone. A second signal ends it at once. */
function toldToStop(log: Log): Promise<void> {
  return new Promise((resolve) => {
    let told = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (told) process.exit(exitCodes.failed.code);
        told = true;
        log.info({ signal }, 'told to stop');
        resolve();
      });
    }
    if (process.send !== undefined) process.once('disconnect', () => resolve());
  });
}

/** Ends the process, with the reason as its last line. */
function end(log: Log, reason: ExitReason, message: string | null): void {
  if (message !== null) {
    if (reason === 'failed') log.fatal(message);
    else process.stderr.write(`env-cli-server: ${message}\n`);
  }
  const { code } = exitCodes[reason];
  process.exitCode = code;
  // What is still open (a thread, a stream) must not keep it.
  setTimeout(() => process.exit(code), lastWordsMs);
}

async function restore(args: readonly string[]): Promise<void> {
  await isAccepted(async () => {
    const { from, rest } = readRestoreArgs(args);
    const given = optionsOf(rest);
    if (given === null) return;
    if (given.action !== 'run') return act(given);
    if (from === null) throw new StartRefused('options', 'restore needs --from FILE, a file that env-cli backup made');
    const { runRestore } = await import('./restore/restore-program.ts');
    await runRestore(from, given.values, process.stdout);
  });
}

async function recover(args: readonly string[]): Promise<void> {
  await isAccepted(async () => {
    const { dataDir, to, rest } = readRecoverArgs(args);
    const given = optionsOf(rest);
    if (given === null) return;
    if (given.action !== 'run') return act(given);
    if (dataDir === null || to === null) {
      const what =
        'recover needs --from-data-dir DIR, the data directory of a member that does not run, and --to FILE, a new file';
      throw new StartRefused('options', what);
    }
    const { runRecover } = await import('./restore/recover-program.ts');
    await runRecover(dataDir, to, given.values, process.stdout);
  });
}

async function repair(args: readonly string[]): Promise<void> {
  await isAccepted(async () => {
    const { force, rest } = readRepairArgs(args);
    const given = optionsOf(rest);
    if (given === null) return;
    if (given.action !== 'run') return act(given);
    await checkOptions(given.values);
    const { runRepair } = await import('./repair/repair-program.ts');
    await runRepair(force, given.values, process.stdout);
  });
}

async function act(options: Options | null): Promise<void> {
  switch (options?.action) {
    case 'help':
      process.stdout.write(helpText());
      break;
    case 'version':
      process.stdout.write(`env-cli-server ${softwareVersion}\n`);
      break;
    case 'print-config':
      process.stdout.write(printedConfig(options));
      break;
    case 'check-config':
      await checkConfig(options);
      break;
    case 'run':
      await run(options);
      break;
    case undefined:
      break;
  }
}

const [word, ...others] = process.argv.slice(2);
if (word === restoreWord) await restore(others);
else if (word === recoverWord) await recover(others);
else if (word === repairWord) await repair(others);
else await act(optionsOf(process.argv.slice(2)));
