import type { OperationName } from './works.ts';

/** What a client process is told at its start, as its one argument, in JSON. */
export interface SdkStart {
  readonly addresses: string;
  readonly operation: OperationName;
  readonly inFlight: number;
  /** Which client it is, from 0: each has environments of its own. */
  readonly index: number;
}

/** What it is told later: to count from now on, for so long, and then to tell and end. */
export interface SdkOrder {
  readonly measureMs: number;
}

export type SdkEvent =
  /** It is connected, and its load runs. */
  | { readonly kind: 'loading' }
  | {
      readonly kind: 'measured';
      readonly seconds: number;
      /** Counts of a LatencyHistogram. */
      readonly counts: readonly number[];
      readonly failures: number;
      readonly firstFailure: string;
    };
