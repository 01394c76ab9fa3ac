import { featureLevelMax } from '@env-cli/environments';
import type { GrpcPeers } from '@env-cli/peers-grpc';
import { type Hello, type HelloAnswer, joiningId, noStanding, protocolRange } from '@env-cli/replica';

import { behindDoor, ClosedDoor, type WaitingPlace, whyNot } from './closed-door.ts';
import type { FoundingFiles } from './founding.ts';
import { MemberRefused } from './member-refused.ts';

/** Milliseconds between two rounds of asking, and the longest that one is waited for. */
const roundMs = 200;
const answerMs = 1_000;
/** Milliseconds between two messages that say for what is waited. */
const reportMs = 10_000;

export interface JoiningOptions extends WaitingPlace {
  readonly diskId: Uint8Array;
  readonly apiAddress: string;
  readonly startNonce: number;
  /** Members of the cluster, and this one: where it finds them, and where they find it. */
  readonly members: readonly { readonly memberId: number; readonly address: string }[];
  readonly files: FoundingFiles;
}

/**
 * Waits until the cluster has this member added, with the disk that it tells whoever asks. Answers the data of the cluster's first entry, which
 * is kept, for by it the member knows its cluster.
 *
 * Rejects when it is ended, and when the cluster knows the number with another disk or has removed it.
 */
export async function joinCluster(options: JoiningOptions): Promise<Uint8Array> {
  const { memberId, log, files, members } = options;
  if (!members.some((member) => member.memberId !== memberId)) {
    const message = `member ${memberId} is to join a cluster, and --members names none of its members. Name them with their peer addresses`;
    throw new MemberRefused('nobody-to-join', message);
  }
  const founding = await behindDoor(options, new JoiningDoor(options), (peers) => added(peers, options));
  files.found(founding);
  log({ level: 'info', message: `member ${memberId} was added to the cluster` });
  return founding;
}

/** Asks the members until one of them lets this one in. */
async function added(peers: GrpcPeers, { memberId, members, log }: JoiningOptions): Promise<Uint8Array> {
  const others = members.filter((member) => member.memberId !== memberId);
  const own = members.find((member) => member.memberId === memberId);
  const advice = `Add it: env-cli member add ${memberId} ${own?.address ?? 'ITS-PEER-ADDRESS'}`;
  let reportedMs = -Infinity;
  while (!peers.closed) {
    const asked = others.map(async (member): Promise<Uint8Array | string> => {
      const answer = await peers.hello(member, answerMs).catch(whyNot);
      if (typeof answer === 'string') return `member ${member.memberId} at ${member.address} does not answer${answer}`;
      if ('welcome' in answer) return answer.welcome.founding;
      const { code, message } = answer.refusal;
      if (code === 'other-disk' || code === 'removed-member') throw new MemberRefused(code, message);
      return message;
    });
    const answers = await Promise.all(asked);
    const founding = answers.find((answer) => typeof answer !== 'string' && answer.length > 0);
    if (founding !== undefined) return founding as Uint8Array;
    if (performance.now() - reportedMs > reportMs) {
      reportedMs = performance.now();
      log({ level: 'info', message: `member ${memberId} waits to be added to the cluster. ${advice} (${answers.join('; ')})` });
    }
    await new Promise((resolve) => setTimeout(resolve, roundMs));
  }
  throw new MemberRefused('stopped', 'the member was stopped before it was added to the cluster');
}

/** Who stands at the door of a member that joins: it tells of itself and its disk, and lets nobody in. */
class JoiningDoor extends ClosedDoor {
  readonly #options: JoiningOptions;

  constructor(options: JoiningOptions) {
    super();
    this.#options = options;
  }

  hello(toMemberId: number): Hello {
    const { memberId, diskId, apiAddress, startNonce } = this.#options;
    return {
      formingId: joiningId,
      clusterId: null,
      epoch: 0,
      memberId,
      diskId,
      toMemberId,
      protocolMin: protocolRange.min,
      protocolMax: protocolRange.max,
      featureLevel: featureLevelMax,
      apiAddress,
      founderDiskId: null,
      startNonce,
      found: noStanding,
    };
  }

  greet(hello: Hello): HelloAnswer {
    const { memberId } = this.#options;
    if (hello.toMemberId === memberId) return { welcome: { hello: this.hello(hello.memberId), founding: new Uint8Array() } };
    const message = `member ${hello.memberId} looks for member ${hello.toMemberId} here, and this is member ${memberId}`;
    return { refusal: { code: 'not-me', message } };
  }

  report(message: string): void {
    this.#options.log({ level: 'warn', message });
  }
}
