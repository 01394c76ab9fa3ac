import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';

import { EnvCliError } from './error.ts';

/** Where the certificates are, as PEM files. They are read for each new connection, so that new ones need no restart. */
export interface TlsOptions {
  /** The certificates of the authority that signed those of the members. Defaults to those that Node trusts. */
  readonly caFile?: string;
  /** The own certificate, which says who asks. With it goes `keyFile`. Defaults to none. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** The name that is asked for where an address is a number: TLS has no word for such (RFC 6066 §3). It is a member's for no one. */
const noName = 'address.invalid';

/** How a new connection is secured. */
export interface Security {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/** The security of a new connection to `host:port`. Throws INVALID_FIELD where a file cannot be read or holds something else. */
export function securityOf(tls: TlsOptions | null, address: string): Security {
  if (tls === null) return { credentials: credentials.createInsecure(), options: {} };
  const { caFile, certFile, keyFile } = tls;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw refusal('a certificate and its private key go together: one of them was given', 'Give both, or neither.');
  }
  const [ca, cert, key] = [caFile, certFile, keyFile].map((path) => (path === undefined ? null : read(path)));
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const isNumber = isIP(host) !== 0;
  // The certificate is held against the address all the same.
  const verify = isNumber
    ? { checkServerIdentity: (_name: string, shown: PeerCertificate) => checkServerIdentity(host, shown) }
    : {};
  try {
    return {
      credentials: credentials.createSsl(ca, key, cert, verify),
      options: isNumber ? { 'grpc.ssl_target_name_override': noName } : {},
    };
  } catch (error) {
    const files = [caFile, certFile, keyFile].filter((path) => path !== undefined).join(', ');
    throw refusal(
      `${files} cannot be used together: ${(error as Error).message}`,
      'They must be PEM, and the key that of the certificate.',
    );
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw refusal(
      `${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`,
      'Name a file that is there, and that you may read.',
    );
  }
}

function refusal(message: string, next: string): EnvCliError {
  return new EnvCliError({ reason: 'INVALID_FIELD', message, next });
}
