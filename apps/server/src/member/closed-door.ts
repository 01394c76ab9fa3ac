import { GrpcPeers, type LentSnapshot, type PeersHost, type SnapshotSink } from '@env-cli/peers-grpc';
import { type Hello, type HelloAnswer, type HelloRefusal, noStanding, type Standing } from '@env-cli/replica';

import { TlsIdentity } from '../security/tls-identity.ts';
import type { TlsPaths } from '../security/tls-files.ts';
import { MemberRefused } from './member-refused.ts';
import { processMs } from './process-clock.ts';
import type { ThreadLog } from './thread-messages.ts';

export const notFormed: HelloRefusal = {
  code: 'not-formed',
  message: 'this member does not have the first entry of the cluster yet',
};

/** Who stands at the door of a member that is of no cluster yet: it tells of itself, and lets nobody in. */
export abstract class ClosedDoor implements PeersHost {
  abstract hello(toMemberId: number): Hello;

  abstract greet(hello: Hello): HelloAnswer;

  abstract report(message: string): void;

  refuse(): HelloRefusal {
    return notFormed;
  }

  refuseUnnamed(): HelloRefusal {
    return notFormed;
  }

  standing(): Standing {
    return noStanding;
  }

  snapshotOffered(): Promise<SnapshotSink> {
    return Promise.reject(new MemberRefused(notFormed.code, notFormed.message));
  }

  snapshotArrived(): Promise<string | null> {
    return Promise.resolve(notFormed.message);
  }

  snapshotWanted(): Promise<LentSnapshot> {
    return Promise.reject(new MemberRefused(notFormed.code, notFormed.message));
  }

  // Only on streams that were let in, and none is.
  introduction(): null {
    return null;
  }

  admit(): void {}
  begun(): void {}
  received(): void {}
  stands(): void {}
  unreachable(): void {}
  forwarded(): void {}
  forwardAnswered(): void {}
  forwardsBroken(): void {}
  met(): void {}
  refusedBy(): void {}
}

/** Where a member waits, and how it is known there. */
export interface WaitingPlace {
  readonly memberId: number;
  readonly listen: { readonly host: string; readonly port: number };
  /** Null: members believe one another's word. */
  readonly tls: TlsPaths | null;
  readonly log: (log: ThreadLog) => void;
  /** Is given what ends the waiting. */
  readonly onBegun: (peers: { close(): Promise<void> }) => void;
}

/** Listens on the peer address behind a door for as long as `work` takes. Rejects as `GrpcPeers.listen` does, and as `work`. */
export async function behindDoor<T>(
  { memberId, listen, tls, log, onBegun }: WaitingPlace,
  door: ClosedDoor,
  work: (peers: GrpcPeers) => Promise<T>,
): Promise<T> {
  const security = tls === null ? null : new TlsIdentity(tls, { memberId, log: (level, message) => log({ level, message }) });
  try {
    const peers = await GrpcPeers.listen(
      { listen, ...(security === null ? {} : { security }), nowMs: processMs, random: Math.random },
      door,
    );
    onBegun(peers);
    try {
      return await work(peers);
    } finally {
      await peers.close();
    }
  } finally {
    security?.stop();
  }
}

/** Why a member was not reached, where that is more than that it is not there: certificates. */
export function whyNot(error: unknown): string {
  const { details = '' } = error as { readonly details?: string };
  return /certificate|self-signed|SSL|TLS/i.test(details) ? ` (${details})` : '';
}
