import { type CommandBody } from '@env-cli/environments';
import { toRevision } from '@env-cli/keyspace';
import { encodeStatus } from '@env-cli/mirroring';
import type { DeliveryReport, ReportSink } from '@env-cli/outbox';
import { encodeUtf8, unreachable } from '@env-cli/support';

import type { Member } from '../member/member.ts';
import { ownProposal } from '../writes/own-proposal.ts';

/** How long a report may wait to be proposed. What is not reported stays due. */
const reportTimeoutMs = 10_000;

/** Who reports, in the log. */
const principal = 'mirror worker';

/** The way of the worker's reports into the log: commands like any others. */
export class MemberReportSink implements ReportSink {
  readonly #member: Member;

  constructor(member: Member) {
    this.#member = member;
  }

  async propose(term: number, reports: readonly DeliveryReport[]): Promise<void> {
    const deadline = performance.now() + reportTimeoutMs;
    await Promise.all(reports.map((report) => this.#member.propose(ownProposal(bodyOf(report, term), { principal }), deadline)));
  }
}

function bodyOf(
  { kind, mirror, environment, revision, enqueuedIndex, contentHash, remoteVersion, status }: DeliveryReport,
  term: number,
): CommandBody {
  const report = { mirror, environment, revision: toRevision(revision), enqueuedIndex, term };
  switch (kind) {
    case 'delivered': {
      const detail = status.variables.length === 0 && status.state === 'SYNCED' ? new Uint8Array() : encodeStatus(status);
      return { kind: 'delivered', ...report, contentHash, remoteVersion: encodeUtf8(remoteVersion), detail };
    }
    case 'withdrawn':
      return { kind: 'withdrawn', ...report };
    case 'failed':
      return { kind: 'delivery-failed', ...report, status: status.state, detail: encodeStatus(status) };
    default:
      return unreachable(kind);
  }
}
