import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { memberOf, memberUriOf } from './certificate-names.ts';

/** Where a member's certificate is, with its key and the certificates of those who may sign others'. PEM. */
export interface TlsPaths {
  readonly caFile: string;
  /** The member's own, and the intermediate ones behind it. */
  readonly certFile: string;
  /** Of mode 0600. */
  readonly keyFile: string;
}

/** Their contents, which belong together and can be used. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly validToMs: number;
  /** Of the member's own certificate: tells one from the next. */
  readonly fingerprint: string;
}

/** Why the files cannot be used. The message says what, where and what next. */
export class TlsProblem extends Error {
  override readonly name = 'TlsProblem';
}

const fileBytesMax = 256 * 1024;

/** What the files are at this moment, cheaply: another text when any of them may have changed. */
export function stampOf({ caFile, certFile, keyFile }: TlsPaths): string {
  return [caFile, certFile, keyFile]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? '-' : `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.mode}`;
    })
    .join(', ');
}

/** Reads the files and sees whether a member can live by them. Throws {@link TlsProblem}. */
export function readTls(paths: TlsPaths, memberId: number, nowMs: number): TlsMaterial {
  const { caFile, certFile, keyFile } = paths;
  const ca = read(caFile, 'of the authority');
  const cert = read(certFile, 'with the certificate');
  const key = read(keyFile, 'with the private key');
  const mode = statSync(keyFile).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new TlsProblem(
      `the private key ${keyFile} is open to others (mode ${mode.toString(8).padStart(4, '0')}). chmod 0600 ${keyFile}`,
    );
  }
  parsed(ca, caFile);
  const own = parsed(cert, certFile);
  let privateKey;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    throw new TlsProblem(`${keyFile} holds no private key that can be read. It must be PEM, without a passphrase`);
  }
  if (!own.checkPrivateKey(privateKey))
    throw new TlsProblem(
      `the private key ${keyFile} is not that of the certificate ${certFile}. Bring both from where they were made`,
    );
  const validFromMs = Date.parse(own.validFrom);
  const validToMs = Date.parse(own.validTo);
  if (nowMs > validToMs) throw new TlsProblem(`the certificate ${certFile} has expired (${own.validTo}). Make a new one`);
  if (nowMs < validFromMs)
    throw new TlsProblem(
      `the certificate ${certFile} is not valid before ${own.validFrom}. See whether this machine's clock is right`,
    );
  const named = memberOf({ subjectaltname: own.subjectAltName });
  if (named !== memberId) {
    throw new TlsProblem(
      `the certificate ${certFile} is ${named === null ? 'no member’s' : `that of member ${named}`}, and this is member ${memberId}: ` +
        `its subject alternative names must hold URI:${memberUriOf(memberId)} (env-cli certs create makes such)`,
    );
  }
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    throw new TlsProblem(`${caFile}, ${certFile} and ${keyFile} cannot be used together (${(error as Error).message})`);
  }
  return { ca, cert, key, validToMs, fingerprint: own.fingerprint256 };
}

function read(path: string, what: string): Buffer {
  try {
    if (statSync(path).size > fileBytesMax)
      throw new TlsProblem(`the file ${what}, ${path}, is larger than ${fileBytesMax} bytes`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof TlsProblem) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new TlsProblem(
      code === 'ENOENT'
        ? `the file ${what}, ${path}, is not there. Name one that is; env-cli certs create makes such for a trial`
        : `the file ${what}, ${path}, cannot be read (${code}). Let the user that runs this member read it`,
    );
  }
}

function parsed(pem: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new TlsProblem(`${path} holds no certificate that can be read. It must be PEM, the own certificate first`);
  }
}
