import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Writable } from 'node:stream';

import { written, type Io } from './io.ts';
import { pagerDefault } from './settings.ts';
import { lineCount } from './text.ts';

/** The pager that runs. */
interface Running {
  readonly stdin: Writable;
  readonly ended: Promise<void>;
}

/**
 * Output that goes through a pager once it is longer than the terminal, and as it is before.
 *
 * What is said meanwhile waits until the pager has ended: it would be drawn over its screen.
 */
export class Pager {
  /** What the verb writes to. */
  readonly io: Io;
  readonly #real: Io;
  readonly #command: string;
  readonly #rows: number;
  readonly #columns: number;
  #kept = '';
  #keptLines = 0;
  #said = '';
  #running: Promise<Running> | null = null;

  /** Null where there is no terminal, or none to page for. */
  static for(io: Io, command: string | null): Pager | null {
    const { isTTY, rows, columns } = io.stdout;
    if (command === null || isTTY !== true || rows === undefined || columns === undefined) return null;
    if (command === pagerDefault && !isOnPath(command, io.env)) return null;
    return new Pager(io, command, { rows, columns });
  }

  private constructor(io: Io, command: string, { rows, columns }: { readonly rows: number; readonly columns: number }) {
    this.#real = io;
    this.#command = command;
    this.#rows = rows;
    this.#columns = columns;
    this.io = {
      ...io,
      stdout: {
        isTTY: true,
        rows,
        columns,
        // Bytes that are no text never go to a terminal.
        write: (text, done) => {
          void this.#write(String(text), done);
          return true;
        },
      },
      stderr: {
        ...terminalOf(io.stderr),
        write: (text, done) => {
          this.#said += text;
          done(null);
          return true;
        },
      },
    };
  }

  async #write(text: string, done: (error?: Error | null) => void): Promise<void> {
    try {
      await this.#take(text);
    } catch (error) {
      done(error as Error);
      return;
    }
    done(null);
  }

  async #take(text: string): Promise<void> {
    if (this.#running === null) {
      this.#kept += text;
      this.#keptLines += lineCount(text, this.#columns);
      // The prompt that comes behind the output takes a line as well.
      if (this.#keptLines < this.#rows) return;
      this.#running = this.#start();
      const all = this.#kept;
      this.#kept = '';
      await put((await this.#running).stdin, all);
    } else {
      await put((await this.#running).stdin, text);
    }
  }

  async #start(): Promise<Running> {
    const { spawn } = await import('node:child_process');
    // As git does: colours pass, and what fits after all is not paged.
    const env = { LESS: 'FRX', LV: '-c', ...this.#real.env };
    const child = spawn(this.#command, { shell: true, env, stdio: ['pipe', 'inherit', 'inherit'] });
    // Ctrl-C is for the pager; this process goes on and waits for it.
    process.on('SIGINT', ignore);
    // Whoever leaves the pager has enough: the write that fails says so.
    child.stdin.on('error', ignore);
    const ended = new Promise<void>((resolve) => {
      child.once('close', () => {
        process.off('SIGINT', ignore);
        resolve();
      });
    });
    return { stdin: child.stdin, ended };
  }

  /** Shows what is left, and waits until the pager was left. */
  async end(): Promise<void> {
    if (this.#running === null) {
      if (this.#kept !== '') await written(this.#real.stdout, this.#kept);
    } else {
      const { stdin, ended } = await this.#running;
      stdin.end();
      await ended;
    }
    if (this.#said !== '') await written(this.#real.stderr, this.#said);
  }
}

function ignore(): void {}

function put(stdin: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stdin.write(text, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

function terminalOf({ isTTY, columns }: Io['stderr']): Pick<Io['stderr'], 'isTTY' | 'columns'> {
  return { ...(isTTY === undefined ? {} : { isTTY }), ...(columns === undefined ? {} : { columns }) };
}

function isOnPath(command: string, env: Io['env']): boolean {
  return (env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
