import { startMember, type MemberOptions } from '../start-member.ts';

/**
 * One member in a process of its own, for those tests that kill it, or a thread of it. Options come as JSON in the first argument; the
 * second is the number of the thread that is to end before it has begun, 0 for none.
 */
const options = JSON.parse(process.argv[2] ?? '{}') as MemberOptions;
const ended = Number(process.argv[3] ?? '0');
let threads = 0;
process.on('worker', (thread) => {
  if (++threads === ended) void thread.terminate();
});
const member = await startMember(options, ({ message }) => process.stderr.write(`${message}\n`));
process.send?.({ kind: 'started' });
member.stopped.catch((error: unknown) => {
  process.send?.({ kind: 'stopped', message: (error as Error).message });
});
