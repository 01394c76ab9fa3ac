import { createServer } from 'node:net';

import { type Address, showAddress } from '../options/kinds.ts';
import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { tlsPathsOf } from '../security/tls-options.ts';

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function isAnywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** An address with the key that sets it. */
interface ListenAddress {
  readonly key: string;
  readonly flag: string;
  readonly address: Address;
}

function listenAddresses(options: OptionValues): ListenAddress[] {
  const http = { host: options['observability.metrics_host'], port: options['observability.metrics_port'] };
  return [
    { key: 'server.listen', flag: 'listen', address: options['server.listen'] },
    { key: 'server.peer_listen', flag: 'peer-listen', address: options['server.peer_listen'] },
    ...(options['observability.enabled'] ? [{ key: 'observability.metrics_port', flag: 'metrics-port', address: http }] : []),
  ];
}

/** Refuses addresses that would let strangers in, and those that would be told to others and mean nothing to them. */
export function checkAddresses(options: OptionValues): void {
  const hasTls = tlsPathsOf(options) !== null;
  for (const { key, address } of listenAddresses(options)) {
    if (isLoopback(address.host) || options['server.insecure'] || hasTls) continue;
    throw new StartRefused(
      'options',
      `${key} is ${showAddress(address)}, which other machines reach, and without certificates calls are neither encrypted nor authenticated: ` +
        'whoever reaches it may read every secret. Give --tls-ca, --tls-cert and --tls-key (docs/security.md), listen on 127.0.0.1, or give --insecure if the network itself keeps strangers out',
    );
  }
  if (options['server.advertise'] === null && isAnywhere(options['server.listen'].host)) {
    throw new StartRefused(
      'options',
      `server.listen is ${showAddress(options['server.listen'])}, which tells nobody where this member is. Give --advertise with the address that clients use`,
    );
  }
}

/** Refuses to start while somebody else listens where this member wants to: better now than after the state was opened. */
export async function probeAddresses(options: OptionValues): Promise<void> {
  for (const { key, flag, address } of listenAddresses(options)) {
    if (address.port !== 0) await probe(key, flag, address);
  }
}

function probe(key: string, flag: string, address: Address): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(addressRefused(key, flag, address, error)));
    server.listen(address.port, address.host, () => server.close(() => resolve()));
  });
}

/** Why an address cannot be listened on. */
export function addressRefused(key: string, flag: string, address: Address, error: unknown): StartRefused {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const where = `${showAddress(address)} (${key})`;
  switch (code) {
    case 'EADDRINUSE':
      return new StartRefused(
        'address',
        `${where} is in use by another process. Stop that one, or give another address with --${flag}`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new StartRefused('address', `${where} is no address of this machine. Give one that is with --${flag}`);
    case 'EACCES':
      return new StartRefused('address', `${where} may not be listened on by this user. Take a port above 1023 with --${flag}`);
    default:
      return new StartRefused('address', `${where} cannot be listened on (${code}). Give another address with --${flag}`);
  }
}
