import type { Member } from './member/member.ts';
import type { AwsDefaults } from './mirrors/aws-definition.ts';
import type { MirrorWorker } from './mirrors/mirror-worker.ts';
import type { DefaultConsistency } from './reads/demand.ts';
import { Reads } from './reads/reads.ts';
import { CallContexts } from './rpc/call-context.ts';
import { type FaultSink, rpcStatusOfError } from './rpc/faults.ts';
import { LeaderCalls } from './rpc/leader-calls.ts';
import type { ApiServices } from './services.ts';
import { Dispatcher } from './watch/dispatcher.ts';
import { Writes } from './writes/writes.ts';

export interface ApiOptions {
  readonly defaultDeadlineMs: number;
  readonly defaultConsistency: DefaultConsistency;
  readonly watchProgressIntervalMs: number;
  readonly awsDefaults: AwsDefaults;
  readonly storageBytes: () => number;
  readonly faults: FaultSink;
}

/** The services of the API on top of a member. */
export class Api implements ApiServices {
  readonly member: Member;
  readonly mirrorWorker: MirrorWorker;
  readonly contexts: CallContexts;
  readonly leader: LeaderCalls;
  readonly reads: Reads;
  readonly writes: Writes;
  readonly dispatcher: Dispatcher;
  readonly watchProgressIntervalMs: number;
  readonly awsDefaults: AwsDefaults;
  readonly storageBytes: () => number;
  readonly #drain = new AbortController();
  readonly #faults: FaultSink;

  constructor(member: Member, mirrorWorker: MirrorWorker, options: ApiOptions) {
    const { defaultDeadlineMs, defaultConsistency, watchProgressIntervalMs, awsDefaults, storageBytes, faults } = options;
    this.#faults = faults;
    this.member = member;
    this.mirrorWorker = mirrorWorker;
    this.contexts = new CallContexts(defaultDeadlineMs);
    this.leader = new LeaderCalls(member);
    this.reads = new Reads(member, this.leader, defaultConsistency);
    this.writes = new Writes(member);
    this.dispatcher = new Dispatcher(member, (error) => rpcStatusOfError(error, 'the dispatcher of watches', faults));
    this.watchProgressIntervalMs = watchProgressIntervalMs;
    this.awsDefaults = awsDefaults;
    this.storageBytes = storageBytes;
  }

  get draining(): AbortSignal {
    return this.#drain.signal;
  }

  readonly statusOf: ApiServices['statusOf'] = (error) => rpcStatusOfError(error, 'a call of a stream', this.#faults);

  /** Ends the streams: pipelines once what they took is answered, watches at once. */
  drain(): void {
    this.#drain.abort();
  }

  close(): void {
    this.dispatcher.close();
    this.leader.close();
  }
}
