import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { promisify } from 'node:util';

import { describe, expect, test } from '@jest/globals';

const examples = globSync('deploy/*.toml');

describe('the configuration files that are handed out are accepted', () => {
  test('there are some', () => expect(examples.length).toBeGreaterThan(0));

  test.each(examples)('%s', async (file) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      'apps/server/dist/main.js',
      '--config',
      file,
      '--print-config',
    ]);
    expect(stdout).toContain('member_id = 1');
  });
});
