import { Command, CommanderError } from 'commander';

import { exitCodes } from './cli-error.ts';
import { addBackupVerbs } from './backup-verbs.ts';
import { addClusterVerbs, addMemberVerbs, addMirrorVerbs } from './cluster-verbs.ts';
import { addEnvironmentVerbs } from './environment-verbs.ts';
import { failureOf } from './failure.ts';
import { say, type Io } from './io.ts';
import { addOwnVerbs } from './own-verbs.ts';
import { styleFor } from './style.ts';
import { topics } from './topics.ts';
import { addGlobalOptions, type Frame } from './verb.ts';

const topicLines = Object.entries(topics).map(([name, { title }]) => `  env-cli help ${name.padEnd(12)}${title}`);

const afterHelp = `
Data goes to standard output and nothing else does. Secrets are masked unless --reveal is given.
Reads are strong unless --consistency says otherwise. No token is kept between two calls: for
read-your-writes pass the one of an earlier answer (-o json shows it) by --token.

Examples:
  $ env-cli create payments/prod --label team=payments
  $ env-cli set payments/prod DB_URL=postgres://db.internal/payments
  $ env-cli get payments/prod
  $ env-cli run payments/prod -- node server.js

More:
${topicLines.join('\n')}`;

/** Runs the program: arguments without the program's own name. Answers the exit code; rejects only with a fault of its own. */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  const frame: Frame = { io, at: null, exitCode: exitCodes.ok, color: 'auto' };
  try {
    await programFor(frame).parseAsync([...args], { from: 'user' });
    return frame.exitCode;
  } catch (error) {
    // Whoever reads has enough: `env-cli list | head`.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return exitCodes.ok;
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const failure = failureOf(error, frame.at?.about ?? {}, io.now());
    await say(io, `${styleFor(io.stderr, io, frame.color).red('env-cli:')} ${failure.text}`).catch(() => undefined);
    return failure.exitCode;
  }
}

/** What commander writes is not waited for: it is short, and an error of it is told by the stream. */
function quietly(): void {}

/** All verbs, as one tree. */
export function programFor(frame: Frame): Command {
  const { io } = frame;
  const program = new Command('env-cli')
    .description('Keeps environments: named sets of variables, committed by a cluster and mirrored to where they are needed.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text, quietly),
      writeErr: (text) => void io.stderr.write(text, quietly),
      outputError: (text, write) => write(text.replace(/^error: /, 'env-cli: ')),
      getOutHelpWidth: () => helpColumns(io.stdout),
      getErrHelpWidth: () => helpColumns(io.stderr),
    })
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .showSuggestionAfterError()
    .showHelpAfterError("See 'env-cli --help', or --help behind a verb.")
    .helpCommand(false)
    .addHelpText('after', afterHelp);
  addGlobalOptions(program);
  addEnvironmentVerbs(program, frame);
  addMirrorVerbs(program, frame);
  addMemberVerbs(program, frame);
  addClusterVerbs(program, frame);
  addBackupVerbs(program, frame);
  addOwnVerbs(program, frame);
  return program;
}

/** Places of a line of help: those of the terminal, but no more than the eye follows. */
function helpColumns({ isTTY, columns }: Io['stdout']): number {
  return Math.min(isTTY === true ? (columns ?? 80) : 100, 100);
}
