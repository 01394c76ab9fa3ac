import { ApplyThread } from './apply-thread.ts';
import type { ApplyStart, StateReport } from './thread-messages.ts';
import { runThread } from './worker-main.ts';

await runThread<StateReport>((start: ApplyStart, host) => ApplyThread.open(start, host));
