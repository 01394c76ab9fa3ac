import type { GrpcPeers } from '@env-cli/peers-grpc';
import type { Formation } from '@env-cli/replica';

import { MemberRefused } from './member-refused.ts';

/** Milliseconds between two rounds of asking, and the longest that one is waited for. */
const roundMs = 200;
const answerMs = 1_000;
/** Milliseconds between two messages that say for whom is waited. */
const reportMs = 10_000;

/**
 * Asks the initial members until the cluster's first entry is known, and answers it.
 *
 * Rejects when the peers are closed, and when another member says that this one's disk is not the one that the cluster was founded with.
 */
export async function form(formation: Formation, peers: GrpcPeers, report: (message: string) => void): Promise<Uint8Array> {
  let reportedMs = performance.now();
  while (!peers.closed) {
    if (formation.founding !== null) return formation.founding;
    const rounds = formation.peers.map(async (member) => {
      const answer = await peers.hello(member, answerMs).catch(() => null);
      if (answer === null) return `member ${member.memberId} at ${member.address} does not answer`;
      const refusal = 'refusal' in answer ? answer.refusal : formation.answered(answer.welcome);
      if (refusal?.code === 'other-disk') throw new MemberRefused(refusal.code, refusal.message);
      return refusal?.message ?? null;
    });
    const problems = (await Promise.all(rounds)).filter((problem) => problem !== null);
    if (formation.founding !== null) return formation.founding;
    if (performance.now() - reportedMs > reportMs) {
      reportedMs = performance.now();
      report(`the cluster is not formed yet: ${problems.join('; ') || 'the founder waits for others'}`);
    }
    await new Promise((resolve) => setTimeout(resolve, roundMs));
  }
  throw new MemberRefused('stopped', 'the member was stopped before its cluster was formed');
}
