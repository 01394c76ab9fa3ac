import type { X509Certificate } from 'node:crypto';
import type { ServerHttp2Session } from 'node:http2';
import { TLSSocket } from 'node:tls';
import type { Server } from '@grpc/grpc-js';
import { assert } from '@env-cli/support';

import { believedUntilMs, chainOf } from './belief.ts';
import { memberOf, principalOf } from './certificate-names.ts';

/** Whom a connection was let in for, and until when that is so. */
interface Standing {
  readonly chain: readonly X509Certificate[];
  readonly holder: string;
  readonly isMember: boolean;
  /** Milliseconds since 1970; 0: no authority of now signed it. */
  untilMs: number;
  /** The authorities by which that was found. */
  authorities: readonly X509Certificate[];
}

/**
 * The connections that others have made to the servers of this process. A handshake looks at a certificate once; a connection may stand for
 * months after it. Whoever looks here now and then ends those whose certificate has expired since, or whose authority is believed no more.
 */
export class StandingConnections {
  readonly #servers = new Set<Server>();
  readonly #standings = new WeakMap<ServerHttp2Session, Standing>();
  readonly #ended: (message: string) => void;

  /** `ended` is told of each connection that is ended, for people. */
  constructor(ended: (message: string) => void) {
    this.#ended = ended;
  }

  /** Looks after the connections to a server too. Its calls end with their connection. */
  guard(server: Server): void {
    assert(sessionsOf(server) instanceof Map, 'grpc-js keeps the sessions of a server in a map');
    this.#servers.add(server);
  }

  /** Ends what must not stand any longer. */
  look(authorities: readonly X509Certificate[], nowMs: number): void {
    for (const [session, standing] of this.#all(authorities)) {
      if (nowMs <= standing.untilMs) continue;
      const why =
        standing.untilMs === 0 ? 'its certificate is of no authority that is believed now' : 'its certificate has expired';
      session.destroy();
      this.#ended(`a connection of ${standing.holder} was ended: ${why}`);
    }
  }

  /** When the certificate ends that ends first, in milliseconds since 1970, of the members or of the clients that are connected; null: none is. */
  firstEndMs(of: 'members' | 'clients', authorities: readonly X509Certificate[]): number | null {
    let firstMs = Infinity;
    for (const [, { isMember, untilMs }] of this.#all(authorities))
      if (isMember === (of === 'members')) firstMs = Math.min(firstMs, untilMs);
    return firstMs === Infinity ? null : firstMs;
  }

  *#all(authorities: readonly X509Certificate[]): Generator<readonly [ServerHttp2Session, Standing]> {
    for (const server of this.#servers) {
      for (const session of sessionsOf(server).keys()) {
        const { socket } = session;
        if (session.destroyed || !(socket instanceof TLSSocket)) continue;
        const standing = this.#standings.get(session) ?? standingOf(socket);
        if (standing.authorities !== authorities) {
          standing.authorities = authorities;
          standing.untilMs = believedUntilMs(standing.chain, authorities);
        }
        this.#standings.set(session, standing);
        yield [session, standing];
      }
    }
  }
}

/**
 * This is not ideal: grpc-js gives no way to its connections, and keeps them in a private field. Looking at each call instead would parse a
 * certificate a call, and leave streams that carry none; a listener of our own in front of grpc-js would have to do again what `bindAsync` does.
 */
function sessionsOf(server: Server): Map<ServerHttp2Session, unknown> {
  return server['sessions'] as Map<ServerHttp2Session, unknown>;
}

function standingOf(socket: TLSSocket): Standing {
  const shown = socket.getPeerCertificate(true);
  const holder = principalOf(shown) ?? 'somebody without a name';
  return { chain: chainOf(shown), holder, isMember: memberOf(shown) !== null, untilMs: 0, authorities: [] };
}
