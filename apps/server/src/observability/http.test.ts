import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get as getPlain, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { TlsPaths } from '../security/tls-files.ts';
import { TlsIdentity } from '../security/tls-identity.ts';
import { TestAuthority } from '../testing/certificates.ts';
import { HttpListener } from './http.ts';

const folder = mkdtempSync(join(tmpdir(), 'env-cli-http-'));
let authority: TestAuthority;
let paths: TlsPaths;
let identity: TlsIdentity;
let listener: HttpListener;
let port: number;

beforeAll(async () => {
  authority = new TestAuthority(folder, 'ca');
  paths = authority.issue('member-1', 'URI:env-cli://member/1,IP:127.0.0.1');
  chmodSync(paths.keyFile, 0o600);
  identity = new TlsIdentity(paths, { memberId: 1, log: () => undefined });
  listener = new HttpListener({
    host: '127.0.0.1',
    port: 0,
    tls: identity,
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'env_cli_revision 7\n' }),
    live: () => ({ ok: true, why: 'alive' }),
    ready: () => ({ ok: false, why: 'starting' }),
  });
  port = await listener.listen();
});
afterAll(async () => {
  await listener.close();
  identity.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks by HTTPS, on a connection of its own, without a certificate. */
async function ask(path: string, ca: Buffer | undefined) {
  const request = getSecure({ host: '127.0.0.1', port, path, agent: false, ...(ca !== undefined && { ca }) });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { fingerprint256 } = (response.socket as TLSSocket).getPeerCertificate();
  return { status: response.statusCode, body: await text(response), fingerprint256 };
}

describe('metrics and probes of a member with a certificate', () => {
  test('are served by HTTPS to whoever believes its authority, and want no certificate', async () => {
    const ca = readFileSync(authority.caFile);
    expect(await ask('/metrics', ca)).toMatchObject({ status: 200, body: 'env_cli_revision 7\n' });
    expect(await ask('/livez', ca)).toMatchObject({ status: 200, body: 'alive\n' });
    expect(await ask('/readyz', ca)).toMatchObject({ status: 503, body: 'starting\n' });
  });

  test('are not taken by who does not, nor by who speaks plain HTTP', async () => {
    await expect(ask('/metrics', undefined)).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    const plain = getPlain({ host: '127.0.0.1', port, path: '/metrics', agent: false });
    await expect(once(plain, 'response')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('show the new certificate once it is in use', async () => {
    const ca = readFileSync(authority.caFile);
    const { fingerprint256: before } = await ask('/livez', ca);
    const next = authority.issue('next', 'URI:env-cli://member/1,IP:127.0.0.1');
    copyFileSync(next.keyFile, paths.keyFile);
    copyFileSync(next.certFile, paths.certFile);
    identity.reload();
    expect((await ask('/livez', ca)).fingerprint256).not.toBe(before);
  });
});
