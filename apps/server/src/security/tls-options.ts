import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { readTls, type TlsPaths, TlsProblem } from './tls-files.ts';

/** Where the options say that the member's certificate is; null: there is none. Throws {@link StartRefused} where only a part is given. */
export function tlsPathsOf(options: OptionValues): TlsPaths | null {
  const parts = {
    'security.tls_ca_file': options['security.tls_ca_file'],
    'security.tls_cert_file': options['security.tls_cert_file'],
    'security.tls_key_file': options['security.tls_key_file'],
  };
  const missing = Object.entries(parts).filter(([, path]) => path === '');
  if (missing.length === 3) return null;
  if (missing.length > 0) {
    const keys = missing.map(([key]) => key).join(' and ');
    throw new StartRefused(
      'options',
      `${keys} ${missing.length === 1 ? 'is' : 'are'} not set, and TLS needs all three of --tls-ca, --tls-cert and --tls-key`,
    );
  }
  const [caFile, certFile, keyFile] = Object.values(parts) as [string, string, string];
  return { caFile, certFile, keyFile };
}

/** Refuses certificates that a member cannot live by. */
export function checkTls(options: OptionValues): void {
  const paths = tlsPathsOf(options);
  if (paths === null) return;
  try {
    readTls(paths, options['server.member_id'], Date.now());
  } catch (error) {
    throw error instanceof TlsProblem ? new StartRefused('keys', error.message) : error;
  }
}
