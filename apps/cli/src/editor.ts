import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

import { refusedError } from './cli-error.ts';
import type { Io } from './io.ts';

/** What a shell answers for a command that it does not find, and for one that it may not start. */
const notStarted: readonly (number | null)[] = [126, 127];

/** Signals after which the file must be gone as well. */
const endedBy = ['SIGTERM', 'SIGHUP'] as const;

/**
 * A text in the editor of a person: in a file that only they can read, in a folder that only they can enter, where the editor's
 * own copies land as well. The folder is gone when the work is done, however it ends.
 */
export class Editor {
  readonly #io: Io;
  readonly #folder: string;
  readonly #path: string;
  readonly #off: readonly (() => void)[];

  /** `name`: of the file, whose ending tells the editor what it is. */
  constructor(io: Io, name: string) {
    this.#io = io;
    const runtime = io.env['XDG_RUNTIME_DIR'] ?? '';
    // In memory where there is such a place: what never was on a disk cannot be found there.
    this.#folder = mkdtempSync(join(runtime !== '' && existsSync(runtime) ? runtime : tmpdir(), 'env-cli-edit-'));
    this.#path = join(this.#folder, name);
    this.#off = endedBy.map((signal) => {
      const listener = (): void => {
        this.close();
        process.exit(128 + constants.signals[signal]);
      };
      process.on(signal, listener);
      return () => process.off(signal, listener);
    });
  }

  /** The text as the person leaves it. */
  async edited(text: string): Promise<string> {
    writeFileSync(this.#path, text, { mode: 0o600 });
    const { env } = this.#io;
    const command = [env['VISUAL'], env['EDITOR'], 'vi'].find((each) => each !== undefined && each !== '')!;
    const code = await this.#run(command);
    if (notStarted.includes(code))
      throw refusedError(`the editor '${command}' cannot be started: set VISUAL or EDITOR. Nothing was written.`);
    if (code !== 0) throw refusedError(`the editor '${command}' ended with exit code ${code}. Nothing was written.`);
    try {
      return readFileSync(this.#path, 'utf8');
    } catch {
      throw refusedError('the editor left no file. Nothing was written.');
    }
  }

  /** The command may have arguments, as in `code --wait`: a shell takes it apart, and the file comes behind them. */
  #run(command: string): Promise<number | null> {
    // Ctrl-C is for the editor.
    process.on('SIGINT', ignore);
    return new Promise<number | null>((resolve, reject) => {
      const options = { stdio: 'inherit', env: { ...this.#io.env } } as const;
      const child =
        process.platform === 'win32'
          ? spawn(`${command} "${this.#path}"`, { ...options, shell: true })
          : spawn('sh', ['-c', `${command} "$@"`, command, this.#path], options);
      child.once('error', reject);
      child.once('exit', resolve);
    }).finally(() => process.off('SIGINT', ignore));
  }

  /** Takes the file away, and whatever the editor has left beside it. */
  close(): void {
    for (const off of this.#off) off();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function ignore(): void {}
