import type { PeerCertificate, SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import type { PeerSecurity, SecuredCall } from '@env-cli/peers-grpc';
import { type ChannelCredentials, credentials, ServerCredentials } from '@grpc/grpc-js';

import { memberOf } from './certificate-names.ts';
import { readTls, stampOf, type TlsMaterial, type TlsPaths, TlsProblem } from './tls-files.ts';

/** Milliseconds between two looks at the files. */
const lookIntervalMs = 1_000;
/** A certificate that ends within so long is told of. */
const warnBeforeMs = 14 * 86_400_000;

/** TLS 1.2 is the oldest that is still safe (RFC 8996); both sides take 1.3 where they can. */
const minVersion = 'TLSv1.2';

export interface TlsIdentityOptions {
  readonly memberId: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
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
  return { ca, cert, key, minVersion } as const;
}

/**
 * Who this member is on the wire, to clients and to members, and whom it believes: everybody whose certificate the authority signed.
 *
 * It looks at its files once a second, and takes new ones for connections that are made from then on. Files that cannot be used
 * change nothing, and are told of.
 */
export class TlsIdentity implements PeerSecurity {
  readonly server: ServerCredentials;
  readonly #paths: TlsPaths;
  readonly #options: TlsIdentityOptions;
  readonly #serverCredentials: ReloadableCredentials;
  readonly #timer: NodeJS.Timeout;
  readonly #reloaded = new Set<(material: TlsMaterial) => void>();
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
    this.#warnOfEnd();
    this.#timer = setInterval(() => {
      if (stampOf(this.#paths) !== this.#stamp) this.reload();
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

  /** Members are known by their numbers, not by the names of their hosts, which may change. */
  #channel(isWanted: (member: number | null) => boolean, wanted: string): ChannelCredentials {
    const checkServerIdentity = (_name: string, certificate: PeerCertificate): Error | undefined => {
      const found = memberOf(certificate);
      if (isWanted(found)) return undefined;
      return new Error(
        `it shows the certificate of ${found === null ? 'no member' : `member ${found}`}, and ${wanted} is wanted`,
      );
    };
    return credentials.createFromSecureContext(this.#context, { checkServerIdentity });
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
