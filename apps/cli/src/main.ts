import { runProgram } from './program.ts';

// A reader that leaves is told by the write that fails; without a listener it would end the process with a stack trace.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const { stdin, stdout, stderr, env } = process;
const interrupted = new AbortController().signal;
const exitCode = await runProgram(process.argv.slice(2), { stdin, stdout, stderr, env, interrupted, now: () => new Date() });
// All output was waited for: nothing that is left is worth to wait for, such as a socket that closes.
process.exit(exitCode);
