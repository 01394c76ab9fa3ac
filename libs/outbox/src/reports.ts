import { ByteWriter } from '@env-cli/support';

import type { Attempted, Job } from './attempt.ts';
import type { DeliveryReport, ReportSink } from './ports.ts';
import type { KeyedHash } from './provider.ts';

/** What is remembered of a job once its values are let go. */
export type JobEnd = Pick<Job, 'cause' | 'kind' | 'revision' | 'enqueuedIndex' | 'failedBefore'>;

/** What the cluster is told of an attempt that is over. */
export function reportOf(about: {
  readonly mirror: number;
  readonly environment: string;
  readonly job: JobEnd;
  readonly attempted: Attempted;
  readonly hash: KeyedHash;
}): DeliveryReport {
  const { mirror, environment, job, attempted, hash } = about;
  const { outcome, held } = attempted;
  const { revision, enqueuedIndex } = job;
  const common = { mirror, environment, revision, enqueuedIndex, contentHash: new Uint8Array(), remoteVersion: '' };
  if (outcome.kind !== 'done') return { ...common, kind: 'failed', status: outcome.status };
  if (job.kind === 'withdraw') return { ...common, kind: 'withdrawn', status: outcome.status };
  const remoteVersion = held.length === 1 ? held[0]!.version : '';
  return { ...common, kind: 'delivered', contentHash: contentHashOf(held, hash), remoteVersion, status: outcome.status };
}

/** One key is its own hash; of several, a hash over their names and hashes. */
function contentHashOf(held: Attempted['held'], hash: KeyedHash): Uint8Array {
  if (held.length === 1) return bytesOfHex(held[0]!.valueHash);
  const writer = new ByteWriter();
  for (const { key, valueHash } of held) writer.text(key).text(valueHash);
  return bytesOfHex(hash(writer.take()));
}

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

interface Waiting {
  readonly report: DeliveryReport;
  readonly resolve: (applied: boolean) => void;
}

/** Proposes reports in batches: what comes while one proposal is under way goes out with the next. */
export class Reports {
  readonly #sink: ReportSink;
  readonly #term: number;
  readonly #batchMax: number;
  readonly #onFailure: (error: unknown) => void;
  #waiting: Waiting[] = [];
  #proposing = false;

  constructor(options: {
    readonly sink: ReportSink;
    readonly term: number;
    readonly batchMax: number;
    readonly onFailure: (error: unknown) => void;
  }) {
    this.#sink = options.sink;
    this.#term = options.term;
    this.#batchMax = options.batchMax;
    this.#onFailure = options.onFailure;
  }

  /** Resolves with whether the report was applied. The number that wait is bounded by the deliveries in flight. */
  add(report: DeliveryReport): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.push({ report, resolve });
      if (!this.#proposing) void this.#propose();
    });
  }

  async #propose(): Promise<void> {
    this.#proposing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#batchMax);
      let applied = true;
      try {
        await this.#sink.propose(
          this.#term,
          batch.map(({ report }) => report),
        );
      } catch (error) {
        applied = false;
        this.#onFailure(error);
      }
      for (const { resolve } of batch) resolve(applied);
    }
    this.#proposing = false;
  }
}
