import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { expect, test } from '@jest/globals';

const pages = ['docs/ARCHITECTURE.md', 'README.md', 'CONTRIBUTING.md'];

test.each(pages)('every path that %s names exists', (page) => {
  const text = readFileSync(page, 'utf8');
  const named = [...text.matchAll(/`((?:apps|libs|proto|deploy|test|docs|tools)\/[^\s`*<>{}…]*)`/g)].map(
    (match) => match[1] ?? '',
  );
  const linked = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => join(dirname(page), match[1] ?? ''));
  expect(named.length + linked.length).toBeGreaterThan(0);
  expect([...named, ...linked].filter((path) => !existsSync(path.replace(/:\d+$/, '')))).toEqual([]);
});
