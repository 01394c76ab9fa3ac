import { stripVTControlCharacters } from 'node:util';

/** Where text goes: a file, a pipe or a terminal. */
export interface Sink {
  /** Whether a person sees it. */
  readonly isTTY?: boolean;
  /** Characters of a line, on a terminal. */
  readonly columns?: number;
  /** Lines of the screen, on a terminal. */
  readonly rows?: number;
  write(data: string | Uint8Array, done: (error?: Error | null) => void): boolean;
}

/** What the program has to do with the rest of the machine. A test gives its own. */
export interface Io {
  /** Data, and nothing else. */
  readonly stdout: Sink;
  /** What is said to a person: errors, confirmations. */
  readonly stderr: Sink;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** Ends a verb that goes on until it is interrupted. */
  readonly interrupted: AbortSignal;
}

/** Writes data and waits until it is taken, so that a slow reader costs no memory. */
export function print(io: Io, text: string): Promise<void> {
  return written(io.stdout, text);
}

/** Writes bytes as {@link print} does text. */
export function printBytes(io: Io, bytes: Uint8Array): Promise<void> {
  return written(io.stdout, bytes);
}

/** Says a sentence to the person: on a terminal in lines that are broken between words. */
export function say({ stderr }: Io, sentence: string): Promise<void> {
  const places = stderr.isTTY === true ? (stderr.columns ?? null) : null;
  return written(stderr, `${places === null ? sentence : inLines(sentence, places)}\n`);
}

/** A command in quotes stays in one line where it fits into one: it is there to be copied. */
function inLines(sentence: string, places: number): string {
  let lines = '';
  let column = 0;
  for (const part of sentence.match(/'[^']*'\S*|\S+/g) ?? []) {
    const length = stripVTControlCharacters(part).length;
    if (column > 0 && column + 1 + length > places) {
      lines += '\n';
      column = 0;
    }
    lines += column === 0 ? part : ` ${part}`;
    column += length + (column === 0 ? 0 : 1);
  }
  return lines;
}

/** Writes and waits until it is taken. */
export function written(sink: Sink, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    sink.write(data, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}
