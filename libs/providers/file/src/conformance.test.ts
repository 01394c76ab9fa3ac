import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';

import { conformanceCases, type TargetUnderTest } from '@env-cli/outbox/conformance';
import { describe, expect, test } from '@jest/globals';

import { openFileTarget } from './file-provider.ts';
import { fileDefinition } from './file-target.ts';
import { type FileFormatName, fileFormats } from './format.ts';

function folder(format: FileFormatName): TargetUnderTest {
  const parent = mkdtempSync(join(tmpdir(), 'env-cli-conformance-'));
  const directory = join(parent, 'envs');
  const file = fileFormats[format];
  const pathOf = (environment: string) => join(directory, `${environment}${file.extension}`);
  const read = (environment: string): Record<string, string> | null => {
    try {
      const text = readFileSync(pathOf(environment), 'utf8');
      return format === 'json' ? JSON.parse(text) : ({ ...parseEnv(text) } as Record<string, string>);
    } catch {
      return null;
    }
  };
  return {
    definition: fileDefinition(directory, format),
    open: (definition, context) => openFileTarget(definition, context, () => null),
    contents: async (environments) =>
      Object.fromEntries(
        environments
          .map((environment) => [environment, read(environment) ?? {}] as const)
          .filter(([, found]) => Object.keys(found).length > 0),
      ),
    meddle: async (environment, variables) => {
      const all = Object.entries({ ...read(environment), ...variables }).map(([name, value]) => ({ name, value }));
      mkdirSync(dirname(pathOf(environment)), { recursive: true });
      writeFileSync(
        pathOf(environment),
        file.bytes(
          environment,
          all.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
        ),
      );
    },
    close: async () => rmSync(parent, { recursive: true }),
  };
}

describe.each(['dotenv', 'json'] as const)('what every provider keeps, by a folder of %s files', (format) => {
  test.each(conformanceCases)('$title', async ({ run }) => {
    const target = folder(format);
    try {
      await expect(run(target)).resolves.toBeUndefined();
    } finally {
      await target.close();
    }
  });
});
