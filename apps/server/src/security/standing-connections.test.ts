import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';

import { Server } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { TestAuthority } from '../testing/certificates.ts';
import { authoritiesIn, believedUntilMs } from './belief.ts';
import { StandingConnections } from './standing-connections.ts';
import type { TlsPaths } from './tls-files.ts';
import { TlsIdentity } from './tls-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'env-cli-standing-'));
let own: TestAuthority;
let other: TestAuthority;
let member: TlsPaths;
let alice: TlsPaths;
let mallory: TlsPaths;
const both = join(folder, 'both.pem');

const certificateOf = ({ certFile }: Pick<TlsPaths, 'certFile'>): X509Certificate => new X509Certificate(readFileSync(certFile));
const authoritiesOf = (...all: readonly TestAuthority[]): X509Certificate[] =>
  authoritiesIn(Buffer.concat(all.map(({ caFile }) => readFileSync(caFile))));
const endMs = (certificate: X509Certificate): number => Date.parse(certificate.validTo);

beforeAll(() => {
  own = new TestAuthority(folder, 'own');
  other = new TestAuthority(folder, 'other');
  member = own.issue('member-1', 'URI:env-cli://member/1,IP:127.0.0.1');
  alice = own.issue('alice', 'URI:env-cli://principal/alice', 10);
  mallory = other.issue('mallory', 'URI:env-cli://principal/mallory');
  chmodSync(member.keyFile, 0o600);
  writeFileSync(both, Buffer.concat([own, other].map(({ caFile }) => readFileSync(caFile))));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a chain of certificates is believed', () => {
  test('until the first of them ends, that of the authority included', () => {
    const certificate = certificateOf(alice);
    expect(believedUntilMs([certificate], authoritiesOf(other, own))).toBe(endMs(certificate));
    const brief = new TestAuthority(folder, 'brief', { days: 1 });
    const outliving = certificateOf(brief.issue('outliving', 'DNS:a'));
    expect(believedUntilMs([outliving], authoritiesOf(brief))).toBe(endMs(authoritiesOf(brief)[0]!));
  });

  test('by way of what lies between, and no longer than that', () => {
    const between = new TestAuthority(folder, 'between', { days: 2, by: own });
    const chain = [certificateOf(between.issue('leaf', 'DNS:a')), ...authoritiesOf(between)];
    expect(believedUntilMs(chain, authoritiesOf(own))).toBe(endMs(chain[1]!));
    expect(believedUntilMs(chain.slice(0, 1), authoritiesOf(own))).toBe(0);
  });

  test('not when an authority has the name of the one that signed it, and another key', () => {
    const elsewhere = mkdtempSync(join(folder, 'elsewhere-'));
    const namesake = new TestAuthority(elsewhere, 'own');
    expect(believedUntilMs([certificateOf(alice)], authoritiesOf(namesake))).toBe(0);
    expect(believedUntilMs([certificateOf(alice)], authoritiesOf(namesake, own))).toBeGreaterThan(0);
    expect(believedUntilMs([], authoritiesOf(own))).toBe(0);
  });
});

function shownBy({ certFile, keyFile }: TlsPaths) {
  return { ca: readFileSync(own.caFile), cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

describe('a connection that stands', () => {
  let identity: TlsIdentity;
  let server: Server;
  let port: number;
  let standing: StandingConnections;
  const told: string[] = [];
  const sessions: ClientHttp2Session[] = [];
  const sockets: TLSSocket[] = [];

  beforeEach(async () => {
    told.length = 0;
    // It believes both, as during a change of authorities.
    identity = new TlsIdentity({ ...member, caFile: both }, { memberId: 1, log: () => undefined });
    server = new Server();
    standing = new StandingConnections((message) => told.push(message));
    standing.guard(server);
    port = await new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', identity.server, (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
  });
  afterEach(() => {
    for (const each of [...sessions.splice(0), ...sockets.splice(0)]) each.destroy();
    server.forceShutdown();
    identity.stop();
  });

  /** Shakes hands alone, with options of TLS. */
  async function handshake(options: object): Promise<TLSSocket> {
    const socket = tlsConnect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], ...shownBy(alice), ...options });
    sockets.push(socket);
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Connects as gRPC does. Resolves when the server's settings are there: it has looked at the certificate. */
  async function session(who: TlsPaths): Promise<ClientHttp2Session> {
    const opened = connect(`https://127.0.0.1:${port}`, shownBy(who));
    opened.on('error', () => undefined);
    sessions.push(opened);
    await once(opened, 'remoteSettings');
    return opened;
  }

  test('ends when the certificate of who made it has expired, and no earlier', async () => {
    const [a, m] = [await session(alice), await session(mallory)];
    const authorities = authoritiesOf(own, other);
    standing.look(authorities, endMs(certificateOf(alice)));
    expect(told).toEqual([]);
    const closed = once(a, 'close');
    standing.look(authorities, endMs(certificateOf(alice)) + 1);
    await closed;
    expect(told).toEqual(['a connection of alice was ended: its certificate has expired']);
    expect(m.closed).toBe(false);
  });

  test('ends when the authority that signed its certificate is believed no more', async () => {
    const [a, m] = [await session(alice), await session(mallory)];
    const closed = once(m, 'close');
    standing.look(authoritiesOf(own), Date.now());
    await closed;
    expect(told).toEqual(['a connection of mallory was ended: its certificate is of no authority that is believed now']);
    expect(a.closed).toBe(false);
  });

  test('is counted by the certificate that ends first, of clients and of members apart', async () => {
    const authorities = authoritiesOf(own, other);
    expect(standing.firstEndMs('clients', authorities)).toBeNull();
    await Promise.all([session(alice), session(mallory)]);
    expect(standing.firstEndMs('clients', authorities)).toBe(endMs(certificateOf(alice)));
    expect(standing.firstEndMs('members', authorities)).toBeNull();
    await session(member);
    expect(standing.firstEndMs('members', authorities)).toBe(endMs(certificateOf(member)));
  });

  test('is never a former one that goes on without a look at the certificate', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
      const first = await handshake({ maxVersion });
      // The server's first words come behind whatever it gives away for a later session.
      await once(first, 'data');
      const kept = first.getSession();
      first.destroy();
      const second = await handshake({ maxVersion, session: kept });
      expect([maxVersion, second.isSessionReused()]).toEqual([maxVersion, false]);
    }
  });
});
