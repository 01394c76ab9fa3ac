/**
 * Makes docs/configuration.md and docs/errors.md from the tables of the server, so that they cannot tell anything else.
 * A test checks that they are current.
 */
import { writeFileSync } from 'node:fs';

import { errorsPage } from '../apps/server/src/errors/page.ts';
import { configurationPage } from '../apps/server/src/options/manual.ts';

for (const [name, text] of [
  ['configuration', configurationPage()],
  ['errors', errorsPage()],
]) {
  writeFileSync(new URL(`../docs/${name}.md`, import.meta.url), text);
}
