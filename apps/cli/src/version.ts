import { readFileSync } from 'node:fs';

/** The version of this program, as its package says. */
export function softwareVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return version;
}
