import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';

/** Certificates of one chain that are looked at: more are no chain that anybody makes. */
const chainLengthMax = 10;

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of authorities in a PEM file, which may hold several. */
export function authoritiesIn(pem: Buffer): X509Certificate[] {
  return [...pem.toString('latin1').matchAll(pemBlock)].map(([block]) => new X509Certificate(block));
}

/** The chain that somebody showed: the own certificate first, then each that signed the one before, as far as they are known. */
export function chainOf(shown: Partial<DetailedPeerCertificate>): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined = shown;
  // The last one of a whole chain signed itself.
  while (next?.raw !== undefined && chain.length < chainLengthMax) {
    const certificate = new X509Certificate(next.raw);
    if (certificate.fingerprint256 === chain.at(-1)?.fingerprint256) break;
    chain.push(certificate);
    next = next.issuerCertificate;
  }
  return chain;
}

/**
 * Until when a chain is believed that a handshake found to be one, in milliseconds since 1970: the first end of those of its certificates that matter.
 * 0: none of the authorities signed any of it.
 */
export function believedUntilMs(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): number {
  let ownEndMs = Infinity;
  for (const certificate of chain) {
    ownEndMs = Math.min(ownEndMs, Date.parse(certificate.validTo));
    // An authority may have two certificates at a time, the new one and that which is about to end.
    const ends = authorities.filter((authority) => isBy(authority, certificate)).map(({ validTo }) => Date.parse(validTo));
    if (ends.length > 0) return Math.min(ownEndMs, Math.max(...ends));
  }
  return 0;
}

function isBy(authority: X509Certificate, certificate: X509Certificate): boolean {
  if (authority.fingerprint256 === certificate.fingerprint256) return true;
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}
