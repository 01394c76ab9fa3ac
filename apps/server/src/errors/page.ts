import { status } from '@grpc/grpc-js';

import type { ApiRefusal } from './refused.ts';
import { type RefusalRow, refusalRows } from './rows.ts';

/** docs/errors.md. */
export function errorsPage(): string {
  const rows = (Object.values(refusalRows) as RefusalRow<ApiRefusal>[]).toSorted((a, b) => (a.reason < b.reason ? -1 : 1));
  return `${[
    '# Errors of the API',
    '',
    '<!-- Made from apps/server/src/errors by `npm run docs`. Changes here are overwritten. -->',
    '',
    'A call that fails ends with a gRPC status. Its message says what was wrong, where, and what to do next. Its details (`grpc-status-details-bin`,',
    '`google.rpc.Status`) hold an `ErrorInfo` of domain `env-cli` with a stable `reason` to branch on and facts in `metadata`; a `BadRequest` where a',
    'field is to be mended; a `PreconditionFailure` where something had to hold and did not; a `RetryInfo` where trying again may help.',
    '',
    '- `UNAVAILABLE` means that nothing was proposed: the call may be repeated, also a write without a session.',
    '- `UNKNOWN` with `OUTCOME_UNKNOWN` means that a write may have happened. Repeated in the same session with the same number, it happens once.',
    '- `RESOURCE_EXHAUSTED` without details was said by the transport: a request is larger than 4 MiB.',
    '- `DEADLINE_EXCEEDED` without details was said by the transport, on either side: the outcome of a write is unknown then as well.',
    '',
    '| reason | status | meaning, and what to do |',
    '| --- | --- | --- |',
    ...rows.map((row) => `| \`${row.reason}\` | \`${status[row.status]}\` | ${row.meaning} |`),
  ].join('\n')}\n`;
}
