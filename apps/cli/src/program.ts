import { Command, CommanderError } from 'commander';

import { exitCodes } from './cli-error.ts';
import { addClusterVerbs, addMirrorVerbs } from './cluster-verbs.ts';
import { addEnvironmentVerbs } from './environment-verbs.ts';
import { failureOf } from './failure.ts';
import { print, say, type Io } from './io.ts';
import { styleFor } from './style.ts';
import { does, duration, examples, outputOption, type Frame } from './verb.ts';
import { softwareVersion } from './version.ts';

const afterHelp = `
Environment variables (a flag goes before one):
  ENV_CLI_ENDPOINT    as --endpoint
  ENV_CLI_NAMESPACE   as --namespace
  NO_COLOR            no colours, also on a terminal

Data goes to standard output and nothing else does. Secrets are masked unless --reveal is given.
Reads are strong unless --consistency says otherwise. No token is kept between two calls: for
read-your-writes pass the one of an earlier answer (-o json shows it) by --token.

Exit codes: 0 ok, 1 refused, 2 usage, 3 not found, 4 conflict, 5 unavailable or outcome unknown.
'run' ends with the exit code of its command.`;

/** Runs the program: arguments without the program's own name. Answers the exit code; rejects only with a fault of its own. */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  const frame: Frame = { io, at: null, exitCode: exitCodes.ok };
  try {
    await programFor(frame).parseAsync([...args], { from: 'user' });
    return frame.exitCode;
  } catch (error) {
    // Whoever reads has enough: `env-cli list | head`.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return exitCodes.ok;
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const failure = failureOf(error, frame.at?.about ?? {}, io.now());
    await say(io, `${styleFor(io.stderr, io).red('env-cli:')} ${failure.text}`).catch(() => undefined);
    return failure.exitCode;
  }
}

/** What commander writes is not waited for: it is short, and an error of it is told by the stream. */
function quietly(): void {}

function programFor(frame: Frame): Command {
  const { io } = frame;
  const program = new Command('env-cli')
    .description('Keeps environments: named sets of variables, committed by a cluster and mirrored to where they are needed.')
    .option('-e, --endpoint <addresses>', 'members, host:port separated by commas (default: 127.0.0.1:7371,…:7372,…:7373)')
    .option('-n, --namespace <name>', 'namespace (default: default)')
    .option('--timeout <duration>', 'the longest that a call may take (default: 10s)', duration)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text, quietly),
      writeErr: (text) => void io.stderr.write(text, quietly),
      outputError: (text, write) => write(text.replace(/^error: /, 'env-cli: ')),
    })
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .showSuggestionAfterError()
    .showHelpAfterError("See 'env-cli --help', or --help behind a verb.")
    .helpCommand('help [verb]', 'Show the help of a verb')
    .addHelpText('after', afterHelp);
  addEnvironmentVerbs(program, frame);
  addMirrorVerbs(program, frame);
  addClusterVerbs(program, frame);
  const version = program.command('version').description('Show the version of this program');
  examples(outputOption(version, 'table', 'json'), ['env-cli version']);
  does(version, frame, async (at) => {
    const text = softwareVersion();
    await print(io, at.output === 'json' ? `${JSON.stringify({ version: text })}\n` : `env-cli ${text}\n`);
  });
  return program;
}
