import { readFileSync } from 'node:fs';

import { expect, test } from '@jest/globals';

import { metricsPage } from '../observability/page.ts';
import { configurationPage } from '../options/manual.ts';
import { errorsPage } from './page.ts';

/** The words of a page: the formatter sets tables in its own way. */
function words(text: string): string {
  return text.replaceAll(/[\s-]+/g, ' ');
}

test.each([
  ['configuration', configurationPage],
  ['errors', errorsPage],
  ['metrics', metricsPage],
])('docs/%s.md says what the code does (npm run docs makes it anew)', (name, page) => {
  const written = readFileSync(new URL(`../../../../docs/${name}.md`, import.meta.url), 'utf8');
  expect(words(written)).toBe(words(page()));
});
