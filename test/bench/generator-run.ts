import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** What a generator may print: etcd's draws progress bars. */
const outputBytesMax = 64 * 1024 * 1024;

/** Runs a load generator to its end and answers what it printed. One that takes too long is killed, and the run fails. */
export async function generated(program: string, args: readonly string[], timeoutMs: number): Promise<string> {
  const { stdout } = await run(program, [...args], {
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: outputBytesMax,
  });
  return stdout;
}
