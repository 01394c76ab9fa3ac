import type { webcrypto } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';

import type { JsonGeneralName } from '@peculiar/x509';

import { refusedError, usageError } from '../cli-error.ts';
import type { Invocation } from '../invocation.ts';
import { say } from '../io.ts';

export interface CertsFlags {
  readonly members: string;
  readonly host: readonly string[];
  readonly user: string;
  readonly days: number;
  /** Makes new certificates of the same authority in the place of those that are there. */
  readonly renew?: boolean;
}

/** NIST P-256: small, fast, and known to every TLS library. */
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
/** The authority outlives what it signs: renewing that must not change whom everybody believes. */
const authorityDays = 3_650;
/** Clocks of machines differ: a certificate is good a little before it was made. */
const backdatedMs = 3_600_000;
const membersMax = 64;

type Key = webcrypto.CryptoKey;
type Keys = { readonly privateKey: Key; readonly publicKey: Key };
type X509 = typeof import('@peculiar/x509');

interface Authority extends Keys {
  readonly name: string;
}

/** `env-cli certs create`: an authority of one's own, and what members and a user need of it. */
export async function create(at: Invocation, directory: string, flags: CertsFlags): Promise<void> {
  const folder = resolve(directory);
  const members = membersOf(flags.members);
  if (!/^[A-Za-z0-9._@+-]{1,128}$/.test(flags.user))
    throw usageError(`--user is a name of letters, digits and ._@+-, not '${flags.user}'`);
  const names = [...members.map((id) => `member-${id}`), `user-${flags.user}`];
  const taken = names.filter((name) => existsSync(join(folder, `${name}.pem`)));
  if (taken.length > 0 && flags.renew !== true) {
    throw refusedError(
      `${join(folder, `${taken[0]}.pem`)} is there already. Nothing was changed. Add --renew for new certificates of the same authority, or name another directory`,
    );
  }
  // The library wants this of whoever loads it.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = existsSync(join(folder, 'ca.pem')) ? await authorityIn(x509, folder) : await newAuthority(x509, folder);
  for (const id of members) {
    const hosts = flags.host.map((host): JsonGeneralName => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }));
    const alternatives: JsonGeneralName[] = [{ type: 'url', value: `env-cli://member/${id}` }, ...hosts];
    await issue(x509, {
      folder,
      authority,
      name: `member-${id}`,
      subject: `env-cli member ${id}`,
      alternatives,
      days: flags.days,
    });
  }
  await issue(x509, {
    folder,
    authority,
    name: `user-${flags.user}`,
    subject: flags.user,
    alternatives: [{ type: 'url', value: `env-cli://principal/${flags.user}` }],
    days: flags.days,
  });
  await say(
    at.io,
    `Certificates of members ${members.join(', ')} and of ${flags.user} are in ${folder}, for ${flags.days} days.`,
  );
  await say(at.io, `  a member  --tls-ca ca.pem --tls-cert member-N.pem --tls-key member-N-key.pem`);
  await say(at.io, `  a client  --ca ca.pem --cert user-${flags.user}.pem --key user-${flags.user}-key.pem`);
  await say(at.io, `Whoever has ca-key.pem can make himself anybody: keep it away from the members.`);
}

/** `3`: the first three; `2,5`: these. */
function membersOf(text: string): number[] {
  const wrong = usageError(`--members is a number of members, or their numbers separated by commas; at most ${membersMax}`);
  const numbers = text.split(',').map(Number);
  if (numbers.some((number) => !Number.isSafeInteger(number) || number < 1 || number > 0xffff_ffff)) throw wrong;
  const ids =
    numbers.length === 1 && !text.includes(',')
      ? Array.from({ length: Math.min(numbers[0]!, membersMax + 1) }, (_, i) => i + 1)
      : numbers;
  if (ids.length > membersMax) throw wrong;
  return [...new Set(ids)];
}

async function newKeys(): Promise<Keys> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - backdatedMs), notAfter: new Date(Date.now() + days * dayMs) };
}

async function newAuthority(x509: X509, folder: string): Promise<Authority> {
  const keys = await newKeys();
  const name = `CN=env-cli authority ${serial().slice(0, 8)}`;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name,
    ...validity(authorityDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writeKey(x509, join(folder, 'ca-key.pem'), keys.privateKey);
  replace(join(folder, 'ca.pem'), `${certificate.toString('pem')}\n`, 0o644);
  return { ...keys, name };
}

async function authorityIn(x509: X509, folder: string): Promise<Authority> {
  const path = join(folder, 'ca-key.pem');
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    throw refusedError(
      `${path} cannot be read (${(error as NodeJS.ErrnoException).code}), and without it nothing can be signed. Bring it back, or name another directory`,
    );
  }
  const certificate = new x509.X509Certificate(readFileSync(join(folder, 'ca.pem'), 'utf8'));
  const der = x509.PemConverter.decode(pem)[0]!;
  const privateKey = await crypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
  return { privateKey, publicKey: await certificate.publicKey.export(), name: certificate.subject };
}

interface Issue {
  readonly folder: string;
  readonly authority: Authority;
  /** Of the files. */
  readonly name: string;
  /** The common name. */
  readonly subject: string;
  readonly alternatives: JsonGeneralName[];
  readonly days: number;
}

async function issue(x509: X509, { folder, authority, name, subject, alternatives, days }: Issue): Promise<void> {
  const { privateKey, publicKey } = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${subject}`,
    issuer: authority.name,
    ...validity(days),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(alternatives),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  await writeKey(x509, join(folder, `${name}-key.pem`), privateKey);
  replace(join(folder, `${name}.pem`), `${certificate.toString('pem')}\n`, 0o644);
}

async function writeKey(x509: X509, path: string, key: Key): Promise<void> {
  const pem = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
  replace(path, `${pem}\n`, 0o600);
}

/** A member that looks at its files meanwhile sees one of the two, whole. */
function replace(path: string, text: string, mode: number): void {
  const aside = `${path}.new`;
  writeFileSync(aside, text, { mode });
  chmodSync(aside, mode);
  renameSync(aside, path);
}

/** 127 random bits (RFC 5280 §4.1.2.2 wants a positive number), as hexadecimal digits. */
function serial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}
