import { startMember, type MemberOptions } from '../start-member.ts';

/** One member in a process of its own, for those tests that kill it. Options come as JSON in the first argument. */
const options = JSON.parse(process.argv[2] ?? '{}') as MemberOptions;
const member = await startMember(options, ({ message }) => process.stderr.write(`${message}\n`));
process.send?.({ kind: 'started' });
member.stopped.catch((error: unknown) => {
  process.send?.({ kind: 'stopped', message: (error as Error).message });
});
