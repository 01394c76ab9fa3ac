import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** What a generator may print: etcd's draws progress bars. */
const outputBytesMax = 64 * 1024 * 1024;

/** How much of what a generator said is told when it fails: its own last words, not the log of its connections. */
const lastWordsCharacters = 500;

/** Runs a load generator to its end and answers what it printed. One that takes too long is killed. Rejects when it fails. */
export async function generated(program: string, args: readonly string[], timeoutMs: number): Promise<string> {
  try {
    const { stdout } = await run(program, [...args], { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: outputBytesMax });
    return stdout;
  } catch (error) {
    const { code, signal, stderr } = error as {
      readonly code?: string | number | null;
      readonly signal?: string | null;
      readonly stderr?: string;
    };
    const how = signal ? `was ended by ${signal}` : `ended with ${code}`;
    // The error that is passed on would hold everything that the generator printed: megabytes.
    // oxlint-disable-next-line preserve-caught-error
    throw new Error(`${program} ${args[0]} ${how}; it said: ${stderr?.slice(-lastWordsCharacters).trim()}`);
  }
}
