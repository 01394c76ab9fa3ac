import type { OutboxLimits } from './limits.ts';
import type { Host, ImportSink, OutboxObserver, OutboxSource, ReportSink } from './ports.ts';
import type { KeyedHash, OpenProvider } from './provider.ts';

/** What the worker is made of. */
export interface OutboxWorkerOptions {
  /** The cluster, as stamps name it: its 16 bytes in hexadecimal digits, and its epoch. */
  readonly cluster: { readonly clusterId: string; readonly epoch: number };
  readonly source: OutboxSource;
  readonly reports: ReportSink;
  readonly imports: ImportSink;
  readonly open: OpenProvider;
  readonly hash: KeyedHash;
  readonly host: Host;
  readonly observer: OutboxObserver;
  readonly limits: OutboxLimits;
}
