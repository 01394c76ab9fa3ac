/** Where text goes: a file, a pipe or a terminal. */
export interface Sink {
  /** Whether a person sees it. */
  readonly isTTY?: boolean;
  /** Characters of a line, on a terminal. */
  readonly columns?: number;
  write(text: string, done: (error?: Error | null) => void): boolean;
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

/** Says a sentence to the person. */
export function say(io: Io, sentence: string): Promise<void> {
  return written(io.stderr, `${sentence}\n`);
}

function written(sink: Sink, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    sink.write(text, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}
