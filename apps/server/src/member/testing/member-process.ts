import type { Worker } from 'node:worker_threads';

import { startMember, type MemberOptions } from '../start-member.ts';

/** One member in a process of its own, for those tests that kill it, or a thread of it. Options come as JSON in the first argument. */
const options = JSON.parse(process.argv[2] ?? '{}') as MemberOptions;
const threads: Worker[] = [];
process.on('worker', (thread) => {
  threads.push(thread);
  process.send?.({ kind: 'thread', number: threads.length });
});
process.on('message', ({ endThread }: { readonly endThread: number }) => void threads[endThread - 1]!.terminate());
const member = await startMember(options, ({ message }) => process.stderr.write(`${message}\n`));
process.send?.({ kind: 'started' });
member.stopped.catch((error: unknown) => {
  process.send?.({ kind: 'stopped', message: (error as Error).message });
});
