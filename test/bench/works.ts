/** The works of the performance goals that are measured. */
export const workNames = ['W1', 'W2', 'W3', 'W4', 'R1', 'R2'] as const;

export type WorkName = (typeof workNames)[number];

/** What one call does: a write of 1 variable of 256 B or of 100 of 16 B, each to an environment of its own, or a read of such an environment. */
export type OperationName = 'write' | 'write-100' | 'strong' | 'eventual';

/** How long a load runs before it is measured, and while it is. */
export interface Times {
  readonly warmMs: number;
  readonly measureMs: number;
}

/** A load on etcd, made by its own `benchmark`. */
export interface EtcdRun {
  /** Unique among all runs. */
  readonly id: string;
  readonly command: 'put' | 'txn-put' | 'range-linearizable' | 'range-serializable';
  readonly inFlight: number;
  readonly connections: number;
}

/** A load on our members, and what of etcd's it is held against. */
export interface OurRun {
  /** Unique among all runs. */
  readonly id: string;
  readonly work: WorkName;
  readonly operation: OperationName;
  /** `unary`: single gRPC calls of a generator in Go; `sdk`: client processes in Node.js, each with one stream. */
  readonly way: 'unary' | 'sdk';
  /** Unanswered calls, of all clients together. */
  readonly inFlight: number;
  /** Connections, which for `sdk` are processes. */
  readonly connections: number;
  readonly against: string;
  /** What is compared. A ratio of latencies is good when it is low, one of rates when it is high. */
  readonly compares: 'p50' | 'rate';
  readonly goal: number;
  /** A load whose profile tells something. */
  readonly profiled: boolean;
}

/** Variables of a `write-100`, puts of a `txn-put`: rates count them, not the calls. */
export const variablesOfHundred = 100;

export const etcdRuns: readonly EtcdRun[] = [
  { id: 'put-1', command: 'put', inFlight: 1, connections: 1 },
  { id: 'put-128', command: 'put', inFlight: 128, connections: 8 },
  { id: 'put-1024', command: 'put', inFlight: 1024, connections: 16 },
  { id: 'txn-64', command: 'txn-put', inFlight: 64, connections: 8 },
  { id: 'linearizable-1', command: 'range-linearizable', inFlight: 1, connections: 1 },
  { id: 'linearizable-128', command: 'range-linearizable', inFlight: 128, connections: 8 },
  { id: 'serializable-128', command: 'range-serializable', inFlight: 128, connections: 8 },
  { id: 'serializable-1024', command: 'range-serializable', inFlight: 1024, connections: 16 },
];

const one = { inFlight: 1, connections: 1, compares: 'p50', goal: 1, profiled: false } as const;
const at128 = { way: 'unary', inFlight: 128, connections: 8, compares: 'rate', profiled: false } as const;
const piped = { way: 'sdk', inFlight: 2048, connections: 2, compares: 'rate', profiled: true } as const;

export const ourRuns: readonly OurRun[] = [
  { id: 'W1 unary', work: 'W1', operation: 'write', way: 'unary', against: 'put-1', ...one },
  { id: 'W1 SDK', work: 'W1', operation: 'write', way: 'sdk', against: 'put-1', ...one, profiled: true },
  { id: 'W2 unary 128', work: 'W2', operation: 'write', against: 'put-128', goal: 1, ...at128, profiled: true },
  {
    id: 'W2 unary 1024',
    work: 'W2',
    operation: 'write',
    against: 'put-1024',
    goal: 1,
    ...at128,
    inFlight: 1024,
    connections: 16,
  },
  { id: 'W3 SDK', work: 'W3', operation: 'write', against: 'put-1024', goal: 5, ...piped },
  { id: 'W4 SDK', work: 'W4', operation: 'write-100', against: 'txn-64', goal: 10, ...piped, inFlight: 128 },
  { id: 'R1 unary', work: 'R1', operation: 'strong', way: 'unary', against: 'linearizable-1', ...one },
  { id: 'R1 unary 128', work: 'R1', operation: 'strong', against: 'linearizable-128', goal: 0.7, ...at128 },
  { id: 'R1 SDK', work: 'R1', operation: 'strong', against: 'linearizable-128', goal: 4, ...piped },
  { id: 'R2 unary 128', work: 'R2', operation: 'eventual', against: 'serializable-128', goal: 0.6, ...at128 },
  { id: 'R2 SDK', work: 'R2', operation: 'eventual', against: 'serializable-1024', goal: 4, ...piped },
];

/** How much longer a load of one call at a time warms up: its members run few calls a second, and V8 compiles what ran a few thousand times. */
const warmTimesAlone = 5;

/** The times of one load on our members. */
export function timesOf(run: OurRun, times: Times): Times {
  const { warmMs, measureMs } = times;
  return { warmMs: run.inFlight === 1 ? warmMs * warmTimesAlone : warmMs, measureMs };
}
