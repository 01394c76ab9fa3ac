import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Case } from './recover-child.ts';
import { recorded, type Recording } from './recorder.ts';

/** No start takes nearly as long, on any machine. */
const startMsMax = 20_000;

interface Running {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

/**
 * Starts members from images in a process of its own, one after another, for a broken state may well be the end of the
 * process that opens it: that is an answer, and the next image gets a new process.
 */
export class Starter {
  readonly #recording: { readonly library: string; readonly recording: Recording } | null;
  #running: Running | null = null;

  /** With a recording, what the starts write is recorded, and marked. */
  constructor(recording: { readonly library: string; readonly recording: Recording } | null = null) {
    this.#recording = recording;
  }

  /** What is wrong with a member that starts from this image; null when nothing is. */
  async wrongWith(one: Case): Promise<string | null> {
    const { child, lines } = (this.#running ??= this.#spawn());
    const timer = setTimeout(() => child.kill('SIGKILL'), startMsMax);
    child.stdin?.write(`${JSON.stringify(one)}\n`);
    const { value, done } = await lines.next();
    clearTimeout(timer);
    if (done !== true) return (JSON.parse(value) as { wrong: string | null }).wrong;
    await ended(child);
    this.#running = null;
    return `the process ended with ${child.signalCode ?? child.exitCode}`;
  }

  async close(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    running.child.stdin?.end();
    await ended(running.child);
  }

  #spawn(): Running {
    const args = ['--conditions=@env-cli/source', join(import.meta.dirname, 'recover-child.ts')];
    if (this.#recording !== null) args.push(this.#recording.recording.marks);
    const env = this.#recording === null ? process.env : recorded(this.#recording.library, this.#recording.recording);
    const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
    // A process that dies leaves a pipe that cannot be written to; its end is what is looked at.
    child.stdin.on('error', () => undefined);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
