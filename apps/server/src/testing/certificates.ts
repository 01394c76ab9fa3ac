import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import type { TlsPaths } from '../security/tls-files.ts';

/** An authority with its certificates in a folder, made by the `openssl` program: another implementation than the one under test. */
export class TestAuthority {
  readonly folder: string;
  readonly name: string;

  /** `by`: who signed it; it signs itself otherwise. */
  constructor(folder: string, name: string, options: { readonly days?: number; readonly by?: TestAuthority } = {}) {
    this.folder = folder;
    this.name = name;
    make(folder, name, `/CN=${name}`, { ...options, extensions: ['basicConstraints=critical,CA:true'] });
  }

  get caFile(): string {
    return join(this.folder, `${this.name}.pem`);
  }

  /** Makes a certificate with these alternative names: `URI:env-cli://member/1,IP:127.0.0.1`. */
  issue(name: string, names: string, days = 90): TlsPaths {
    make(this.folder, name, `/CN=${name}`, { days, by: this, extensions: [`subjectAltName=${names}`] });
    const path = (ending: string): string => join(this.folder, `${name}${ending}.pem`);
    return { caFile: this.caFile, certFile: path(''), keyFile: path('-key') };
  }
}

interface Made {
  readonly days?: number;
  readonly by?: TestAuthority;
  readonly extensions: readonly string[];
}

function make(folder: string, name: string, subject: string, { days = 365, by, extensions }: Made): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', `${name}-key.pem`];
  const signer = by === undefined ? [] : ['-CA', `${by.name}.pem`, '-CAkey', `${by.name}-key.pem`];
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  const args = ['req', '-x509', ...key, ...signer, '-subj', subject, '-days', String(days), ...added, '-out', `${name}.pem`];
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}
