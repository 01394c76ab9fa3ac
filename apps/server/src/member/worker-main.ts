import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@env-cli/support';

import { MemberRefused } from './member-refused.ts';
import type { ThreadLog, WorkerEvent, WorkerOrder } from './thread-messages.ts';

/** What a thread's program runs: opened once, closed once. */
export interface ThreadService<Opened> {
  readonly report: Opened;
  metrics(): Record<string, number>;
  close(): Promise<void>;
}

/** What a thread's program is given besides its start. */
export interface ThreadHost {
  log(level: ThreadLog['level'], message: string): void;
  /** The member cannot go on: what was given to `atEnd` runs now, and the thread that started this one is told. */
  fail(error: unknown): void;
  /**
   * What to let go of when the thread ends in another way than by `close`. It runs at once, the newest first: when it has returned, nothing
   * is promised any more, neither to a peer nor to a disk.
   */
  atEnd(release: () => void | Promise<void>): void;
}

/** The longest that is waited for sockets to close. */
const socketsMs = 1_000;

/** The outermost part of a thread's program: opens the service, takes orders, and tells of the end. */
export async function runThread<Opened>(open: (start: never, host: ThreadHost) => Promise<ThreadService<Opened>>): Promise<void> {
  assert(parentPort !== null, "a thread's program runs in a worker");
  const port = parentPort;
  const releases: (() => void | Promise<void>)[] = [];
  let ended = false;
  let service: ThreadService<Opened> | null = null;

  const tell = (event: WorkerEvent<Opened>): void => port.postMessage(event);
  const abandon = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    await Promise.allSettled(releases.toReversed().map(async (release) => release()));
    await socketsClosed();
    tell({ kind: 'closed' });
  };
  const host: ThreadHost = {
    log: (level, message) => tell({ kind: 'log', log: { level, message } }),
    fail: (error) => {
      if (ended) return;
      tell({ kind: 'failed', ...failureOf(error) });
      void abandon();
    },
    atEnd: (release) => releases.push(release),
  };
  const close = async (): Promise<void> => {
    if (service === null || ended) return abandon();
    await service.close();
    await socketsClosed();
    ended = true;
    return tell({ kind: 'closed' });
  };

  process.on('uncaughtException', (error) => host.fail(error));
  process.on('unhandledRejection', (error) => host.fail(error));
  port.on('message', (order: WorkerOrder) => {
    if (order.kind === 'metrics') tell({ kind: 'metrics', id: order.id, values: service?.metrics() ?? {} });
    else if (order.kind === 'close') close().catch((error: unknown) => host.fail(error));
    else void abandon();
  });
  try {
    service = await open(workerData as never, host);
    tell({ kind: 'opened', report: service.report });
  } catch (error) {
    host.fail(error);
  }
}

function failureOf(error: unknown): Omit<Extract<WorkerEvent<never>, { kind: 'failed' }>, 'kind'> {
  const { message, code, stack } = error as { readonly message?: string; readonly code?: unknown; readonly stack?: string };
  // Failures that we foresaw are told by their message; of the others, the place helps most.
  const foreseen = typeof code === 'string';
  const refused = error instanceof MemberRefused ? error.code : null;
  return { message: (foreseen ? message : stack) ?? String(error), diskFull: code === 'disk-full', refused };
}

/**
 * Resolves once this thread has no socket any more. A thread that is ended while an HTTP/2 session still receives takes the whole process
 * with it: Node 24 asserts in `StreamBase::CallJSOnreadMethod`.
 */
async function socketsClosed(): Promise<void> {
  const untilMs = performance.now() + socketsMs;
  while (process.getActiveResourcesInfo().some((name) => name.startsWith('TCP')) && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
