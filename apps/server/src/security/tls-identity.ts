import { constants, type X509Certificate } from 'node:crypto';
import type { PeerCertificate, SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import type { PeerSecurity, SecuredCall } from '@env-cli/peers-grpc';
import { type ChannelCredentials, credentials, type Server, ServerCredentials } from '@grpc/grpc-js';

import { authoritiesIn, believedUntilMs, chainOf } from './belief.ts';
import { memberOf } from './certificate-names.ts';
import { StandingConnections } from './standing-connections.ts';
import { readTls, stampOf, type TlsMaterial, type TlsPaths, TlsProblem } from './tls-files.ts';

/** Milliseconds between two looks at the files and at the connections that stand. */
const lookIntervalMs = 1_000;
/** A certificate that ends within so long is told of. */
const warnBeforeMs = 14 * 86_400_000;

/** TLS 1.2 is the oldest that is still safe (RFC 8996); both sides take 1.3 where they can. */
const minVersion = 'TLSv1.2';

export interface TlsIdentityOptions {
  readonly memberId: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
}

/** What a connection was made by. */
interface Dialed {
  readonly context: SecureContext;
  /** What whoever answered has shown, the own certificate first; nothing while nobody has. */
  chain: readonly X509Certificate[];
}

/** Credentials of a server whose certificate may change while it runs: connections that are there stay, new ones see the new one. */
class ReloadableCredentials extends ServerCredentials {
  constructor(material: TlsMaterial) {
    super({ requestCert: true, rejectUnauthorized: true }, contextOf(material));
  }

  reload(material: TlsMaterial): void {
    this.updateSecureContextOptions(contextOf(material));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ ca, cert, key }: TlsMaterial) {
  // A session that is resumed is not looked at again by OpenSSL: an expired certificate would be let in.
  return { ca, cert, key, minVersion, secureOptions: constants.SSL_OP_NO_TICKET } as const;
}

/**
 * Who this member is on the wire, to clients and to members, and whom it believes: everybody whose certificate the authority signed.
 *
 * It looks at its files once a second, and takes new ones for connections that are made from then on. Files that cannot be used
 * change nothing, and are told of. Connections that stand it ends within that second when the certificate of the other side has expired, or
 * when the authority that signed it is believed no more.
 */
export class TlsIdentity implements PeerSecurity {
  readonly server: ServerCredentials;
  readonly #paths: TlsPaths;
  readonly #options: TlsIdentityOptions;
  readonly #serverCredentials: ReloadableCredentials;
  readonly #timer: NodeJS.Timeout;
  readonly #reloaded = new Set<(material: TlsMaterial) => void>();
  readonly #standing: StandingConnections;
  readonly #dialed = new WeakMap<ChannelCredentials, Dialed>();
  #authorities: readonly X509Certificate[];
  #material: TlsMaterial;
  #context: SecureContext;
  #stamp: string;

  /** Throws {@link TlsProblem} when the files cannot be used. */
  constructor(paths: TlsPaths, options: TlsIdentityOptions) {
    this.#paths = paths;
    this.#options = options;
    this.#stamp = stampOf(paths);
    this.#material = readTls(paths, options.memberId, Date.now());
    this.#context = createSecureContext(contextOf(this.#material));
    this.#serverCredentials = new ReloadableCredentials(this.#material);
    this.server = this.#serverCredentials;
    this.#authorities = authoritiesIn(this.#material.ca);
    this.#standing = new StandingConnections((message) => options.log('warn', message));
    this.#warnOfEnd();
    this.#timer = setInterval(() => {
      if (stampOf(this.#paths) !== this.#stamp) this.reload();
      this.#standing.look(this.#authorities, Date.now());
    }, lookIntervalMs);
    this.#timer.unref();
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** Calls `listener` when other files are in use. */
  onReloaded(listener: (material: TlsMaterial) => void): void {
    this.#reloaded.add(listener);
  }

  /** Reads the files now. */
  reload(): void {
    this.#stamp = stampOf(this.#paths);
    let material: TlsMaterial;
    try {
      material = readTls(this.#paths, this.#options.memberId, Date.now());
    } catch (error) {
      if (!(error instanceof TlsProblem)) throw error;
      this.#options.log('error', `${error.message}. The certificate from before goes on being used`);
      return;
    }
    const { ca, fingerprint } = this.#material;
    if (material.fingerprint === fingerprint && material.ca.equals(ca)) return;
    this.#material = material;
    this.#context = createSecureContext(contextOf(material));
    this.#authorities = authoritiesIn(material.ca);
    this.#serverCredentials.reload(material);
    for (const listener of this.#reloaded) listener(material);
    this.#options.log('info', `a new certificate is in use, valid up to ${new Date(material.validToMs).toISOString()}`);
    this.#warnOfEnd();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  dial(memberId: number): ChannelCredentials {
    return this.#channel((found) => found === memberId, `member ${memberId}`);
  }

  /** For a new connection to the API of any member. */
  dialAny(): ChannelCredentials {
    return this.#channel((found) => found !== null, 'a member');
  }

  callerOf(call: SecuredCall): number | null {
    return memberOf(call.getAuthContext().sslPeerCertificate ?? {});
  }

  guard(server: Server): void {
    this.#standing.guard(server);
  }

  /** Whether a connection that was dialed with these would be made again as it was: by the certificate of now, and to a member that is believed. */
  holds(dialed: ChannelCredentials): boolean {
    return this.#dialed.get(dialed)?.context === this.#context && this.doubt(dialed) === null;
  }

  doubt(dialed: ChannelCredentials): string | null {
    const { chain = [] } = this.#dialed.get(dialed) ?? {};
    // Nobody has answered yet.
    if (chain.length === 0) return null;
    const untilMs = believedUntilMs(chain, this.#authorities);
    if (Date.now() <= untilMs) return null;
    return untilMs === 0 ? 'its certificate is of no authority that is believed now' : 'its certificate has expired';
  }

  /**
   * When the certificates end that are in use here, in seconds since 1970: figures for /metrics. `shownTo`: whom the own one is shown to by this
   * part of the member.
   */
  figures(shownTo: 'clients' | 'members'): Record<string, number> {
    const authorityMs = Math.min(...this.#authorities.map(({ validTo }) => Date.parse(validTo)));
    const ends = {
      [`shown to ${shownTo}`]: this.#material.validToMs,
      ...(shownTo === 'clients' && { authority: authorityMs }),
      ...(shownTo === 'clients' && { client: this.#standing.firstEndMs('clients', this.#authorities) }),
      ...(shownTo === 'members' && { member: this.#standing.firstEndMs('members', this.#authorities) }),
    };
    const figures: Record<string, number> = {};
    for (const [use, endMs] of Object.entries(ends))
      if (endMs !== null) figures[`tls_certificate_end_timestamp_seconds{use="${use}"}`] = Math.floor(endMs / 1_000);
    return figures;
  }

  /** Members are known by their numbers, not by the names of their hosts, which may change. */
  #channel(isWanted: (member: number | null) => boolean, wanted: string): ChannelCredentials {
    const context = this.#context;
    const shown: Dialed = { context, chain: [] };
    const checkServerIdentity = (_name: string, certificate: PeerCertificate): Error | undefined => {
      const found = memberOf(certificate);
      shown.chain = chainOf(certificate);
      if (isWanted(found)) return undefined;
      return new Error(
        `it shows the certificate of ${found === null ? 'no member' : `member ${found}`}, and ${wanted} is wanted`,
      );
    };
    const dialed = credentials.createFromSecureContext(context, { checkServerIdentity });
    this.#dialed.set(dialed, shown);
    return dialed;
  }

  #warnOfEnd(): void {
    const { validToMs } = this.#material;
    if (validToMs - Date.now() < warnBeforeMs)
      this.#options.log(
        'warn',
        `the certificate ${this.#paths.certFile} ends at ${new Date(validToMs).toISOString()}: bring a new one`,
      );
  }
}
