import { runProgram } from './program.ts';

const { stdout, stderr, env } = process;
// A reader that leaves is told by the write that fails; without a listener it would end the process with a stack trace.
stdout.on('error', () => undefined);
stderr.on('error', () => undefined);

const exitCode = await runProgram(process.argv.slice(2), {
  stdout,
  stderr,
  // Node makes it when it is first asked for, which most calls never do.
  get stdin() {
    return process.stdin;
  },
  env,
  interrupted: new AbortController().signal,
  now: () => new Date(),
});
// All output was waited for: nothing that is left is worth to wait for, such as a socket that closes.
process.exit(exitCode);
