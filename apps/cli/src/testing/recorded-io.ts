import type { Io } from '../io.ts';
import { runProgram } from '../program.ts';

/** What a call of the program came to. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** Whether standard output is a terminal. */
  readonly terminal?: boolean;
  /** Places of a line of it. Defaults to 60. */
  readonly columns?: number;
  /** Lines of its screen; without them nothing is paged. */
  readonly rows?: number;
  /** Whether standard error is a terminal. */
  readonly errTerminal?: boolean;
  readonly interrupted?: AbortSignal;
  /** Called with all of standard output after each write; throwing makes that write fail. */
  readonly onOutput?: (stdout: string) => void;
}

/** Runs the program as `main` does, with streams that keep what is written. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const io: Io = {
    stdout: {
      isTTY: options.terminal ?? false,
      columns: options.columns ?? 60,
      ...(options.rows === undefined ? {} : { rows: options.rows }),
      write: (text, done) => {
        stdout += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
        try {
          options.onOutput?.(stdout);
          done(null);
        } catch (error) {
          done(error as Error);
        }
        return true;
      },
    },
    stderr: {
      isTTY: options.errTerminal ?? false,
      write: (text, done) => {
        stderr += text;
        done(null);
        return true;
      },
    },
    stdin: (async function* stdin() {
      yield options.stdin ?? '';
    })(),
    env: options.env ?? {},
    now: () => new Date('2026-11-23T08:02:00Z'),
    interrupted: options.interrupted ?? new AbortController().signal,
  };
  const exitCode = await runProgram(args, io);
  return { exitCode, stdout, stderr };
}
