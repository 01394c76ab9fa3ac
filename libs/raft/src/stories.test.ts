import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';

import { expect, test } from '@jest/globals';

import { play } from './testing/story.ts';

const folder = fileURLToPath(new URL('stories', import.meta.url));

/** `REWRITE_STORIES=1 npm test -- libs/raft/src/stories` writes what happens now; the difference is for a reviewer to read. */
const files: string[] = readdirSync(folder);

test.each(files)('%s goes as it is written', (file) => {
  const path = `${folder}/${file}`;
  const script = readFileSync(path, 'utf8');
  const played = play(script);
  if (env['REWRITE_STORIES'] !== undefined) writeFileSync(path, played);
  expect(played).toBe(env['REWRITE_STORIES'] === undefined ? script : played);
});
