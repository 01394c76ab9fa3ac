import { featureLevelMax } from '@env-cli/environments';
import type { GrpcPeers } from '@env-cli/peers-grpc';
import { Formation, type Hello, type HelloAnswer } from '@env-cli/replica';

import { behindDoor, ClosedDoor, type WaitingPlace, whyNot } from './closed-door.ts';
import { composeFounding, composeRestoring, type FoundingFiles, readFounding } from './founding.ts';
import { MemberRefused } from './member-refused.ts';
import type { RestoredMark } from './restored-file.ts';

/** Milliseconds between two rounds of asking, and the longest that one is waited for. */
const roundMs = 200;
const answerMs = 1_000;
/** Milliseconds between two messages that say for whom is waited. */
const reportMs = 10_000;

export interface FormingOptions extends WaitingPlace {
  readonly formingId: Uint8Array;
  readonly diskId: Uint8Array;
  readonly apiAddress: string;
  readonly startNonce: number;
  /** Set when this member's state came from a backup. */
  readonly restored: RestoredMark | null;
  /** The members that the cluster begins with; empty when this member was not told to found one. */
  readonly initialMembers: readonly { readonly memberId: number; readonly address: string }[];
  readonly files: FoundingFiles;
}

/**
 * Waits until the cluster has its first entry, which is kept then, and answers it; this member may be the one that makes it. Nothing else of the member
 * exists yet: log, state and peers all carry the cluster's id.
 *
 * Rejects when it is ended, and when another member says that this one's disk is not the one that the cluster was founded with.
 */
export async function formCluster(options: FormingOptions): Promise<Uint8Array> {
  const { memberId, initialMembers, files, log, restored, startNonce } = options;
  if (!initialMembers.some((member) => member.memberId === memberId)) {
    const message =
      `member ${memberId} has not been part of a cluster yet, and is not among the members that found one ` +
      `(${initialMembers.map((member) => member.memberId).join(', ') || 'none are given'}). Start all of them with --bootstrap and the same --members, with this member in it.`;
    throw new MemberRefused('not-a-founder', message);
  }
  const formation = new Formation(
    {
      ...options,
      featureLevel: featureLevelMax,
      compose: (members, featureLevel) => {
        const founder = { memberId, startNonce, wallMs: Date.now() };
        return restored === null ? composeFounding(founder, members, featureLevel) : composeRestoring(restored, founder, members);
      },
      read: readFounding,
    },
    files,
  );
  const founding = formation.founding ?? (await meet(formation, options));
  log({ level: 'info', message: 'the cluster is founded' });
  return founding;
}

function meet(formation: Formation, options: FormingOptions): Promise<Uint8Array> {
  const report = (message: string): void => options.log({ level: 'info', message });
  const door = new FormingDoor(formation, (message) => options.log({ level: 'warn', message }));
  return behindDoor(options, door, (peers) => form(formation, peers, report));
}

/** Asks the initial members until the cluster's first entry is known, and answers it. */
async function form(formation: Formation, peers: GrpcPeers, report: (message: string) => void): Promise<Uint8Array> {
  let reportedMs = performance.now();
  while (!peers.closed) {
    if (formation.founding !== null) return formation.founding;
    const rounds = formation.peers.map(async (member) => {
      const answer = await peers.hello(member, answerMs).catch(whyNot);
      if (typeof answer === 'string') return `member ${member.memberId} at ${member.address} does not answer${answer}`;
      const refusal = 'refusal' in answer ? answer.refusal : formation.answered(answer.welcome);
      if (refusal?.code === 'other-disk' || refusal?.code === 'older-disk')
        throw new MemberRefused(refusal.code, refusal.message);
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

/** Who stands at a member's door before its cluster is founded: whoever wants more than to be told who is there comes too early. */
class FormingDoor extends ClosedDoor {
  readonly #formation: Formation;
  readonly report: (message: string) => void;

  constructor(formation: Formation, report: (message: string) => void) {
    super();
    this.#formation = formation;
    this.report = report;
  }

  hello(toMemberId: number): Hello {
    return this.#formation.hello(toMemberId);
  }

  greet(hello: Hello): HelloAnswer {
    return this.#formation.heard(hello);
  }
}
