import { ConsensusThread, type ConsensusReport } from './consensus-thread.ts';
import type { ConsensusStart } from './thread-messages.ts';
import { runThread } from './worker-main.ts';

await runThread<ConsensusStart, ConsensusReport>((start, host) => ConsensusThread.open(start, host));
