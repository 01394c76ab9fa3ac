/**
 * Makes docs/configuration.md, docs/errors.md, docs/metrics.md and docs/cli.md from the tables of the programs, so that they cannot tell anything else.
 * A test checks that they are current.
 */
import { writeFileSync } from 'node:fs';

import { cliPage } from '../apps/cli/src/manual.ts';
import { errorsPage } from '../apps/server/src/errors/page.ts';
import { metricsPage } from '../apps/server/src/observability/page.ts';
import { configurationPage } from '../apps/server/src/options/manual.ts';

for (const [name, text] of [
  ['configuration', configurationPage()],
  ['errors', errorsPage()],
  ['metrics', metricsPage()],
  ['cli', cliPage()],
]) {
  writeFileSync(new URL(`../docs/${name}.md`, import.meta.url), text);
}
