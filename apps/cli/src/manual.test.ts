import { readFileSync } from 'node:fs';

import { expect, test } from '@jest/globals';

import { cliPage } from './manual.ts';

/** The words of a page: the formatter sets tables in its own way. */
function words(text: string): string {
  return text.replaceAll(/[\s-]+/g, ' ');
}

test('docs/cli.md says what the verbs say of themselves (npm run docs makes it anew)', () => {
  const written = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
  expect(words(written)).toBe(words(cliPage()));
});

test('every verb shows examples of itself, and has a part of the page', () => {
  const page = cliPage();
  const verbs = [...page.matchAll(/^\| \[`(?<verb>[a-z -]+)`\]/gm)].map(({ groups }) => groups!['verb']!);
  expect(verbs.length).toBeGreaterThan(25);
  for (const verb of verbs) {
    const part = page.split(`\n## ${verb}\n`)[1]?.split('\n## ')[0] ?? '';
    expect(part).toMatch(new RegExp(`env-cli ${verb}\\b[^]*Examples:[^]*env-cli ${verb}\\b`));
  }
});
