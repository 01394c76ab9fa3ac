import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A program in a process of its own, read line by line. */
export class Child {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  /** `shell` wraps the program, as `ulimit -f 100; exec "$@"` does. */
  constructor(program: URL, args: readonly string[], shell = 'exec "$@"') {
    const command = [process.execPath, '--conditions=@env-cli/source', fileURLToPath(program), ...args];
    this.#process = spawn('/bin/sh', ['-c', shell, 'sh', ...command]);
    this.#process.stderr.resume();
    this.#ended = once(this.#process, 'exit');
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  /** The next line, or null when the process has ended. */
  async line(): Promise<string | null> {
    const { value, done } = await this.#lines.next();
    return done === true ? null : value;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}
