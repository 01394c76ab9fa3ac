import { ConsensusThread, type ConsensusReport } from './consensus-thread.ts';
import type { ConsensusStart } from './thread-messages.ts';
import { runThread } from './worker-main.ts';

await runThread<ConsensusReport>((start: ConsensusStart, host) => ConsensusThread.open(start, host));
