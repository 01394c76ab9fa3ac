import { parentPort, workerData } from 'node:worker_threads';

import { assert } from '@env-cli/support';
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
  /** The member cannot go on: the thread ends here. Does not return. */
  fail(error: unknown): never;
}

/** The outermost part of a thread's program: opens the service, takes orders, and tells of the end. */
export async function runThread<Opened>(open: (start: never, host: ThreadHost) => Promise<ThreadService<Opened>>): Promise<void> {
  assert(parentPort !== null, "a thread's program runs in a worker");
  const port = parentPort;
  const tell = (event: WorkerEvent<Opened>): void => port.postMessage(event);
  const host: ThreadHost = {
    log: (level, message) => tell({ kind: 'log', log: { level, message } }),
    fail: (error): never => {
      const { message, code, stack } = error as { readonly message?: string; readonly code?: unknown; readonly stack?: string };
      // Failures that we foresaw are told by their message; of the others, the place helps most.
      const foreseen = typeof code === 'string';
      tell({ kind: 'failed', message: (foreseen ? message : stack) ?? String(error), diskFull: code === 'disk-full' });
      // At once: after a broken invariant or a failed write this thread promises nothing more.
      process.exit(1);
    },
  };
  process.on('uncaughtException', (error) => host.fail(error));
  process.on('unhandledRejection', (error) => host.fail(error));
  let service: ThreadService<Opened>;
  try {
    service = await open(workerData as never, host);
  } catch (error) {
    host.fail(error);
    return;
  }
  port.on('message', (order: WorkerOrder) => {
    if (order.kind === 'metrics') {
      tell({ kind: 'metrics', id: order.id, values: service.metrics() });
      return;
    }
    service.close().then(
      () => tell({ kind: 'closed' }),
      (error: unknown) => host.fail(error),
    );
  });
  tell({ kind: 'opened', report: service.report });
}
