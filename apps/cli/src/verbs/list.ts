import type { ListPage } from '@env-cli/client';

import { readOptions, withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import type { Settings } from '../settings.ts';
import { cell, TableWriter, type Column } from '../table.ts';
import { yaml } from '../structured.ts';
import { labelsText, oneLine } from '../text.ts';

const columns: readonly Column[] = [
  { title: 'NAME' },
  { title: 'VARIABLES', align: 'right' },
  { title: 'REVISION', align: 'right' },
  { title: 'VERSION', align: 'right' },
  { title: 'LABELS', optional: true, wraps: true },
  { title: 'DESCRIPTION', optional: true, wraps: true },
];

/** Environments of a page: as many as the cluster gives, so that the columns of a table fit most lists. */
const pageSize = 1000;

/** `env-cli list [PREFIX]`. Pages are written as they come: the list may be longer than memory. */
export async function list(
  at: Invocation,
  prefix: string,
  options: { readonly selector?: string; readonly names?: boolean },
): Promise<void> {
  const namesOnly = options.names === true;
  const { selector = '' } = options;
  await withClient(at, async (client) => {
    const listing = client.environments.list({ ...readOptions(at), prefix, selector, pageSize, namesOnly });
    const drawn = new TableWriter(columns, at);
    let first = true;
    let found = 0;
    for await (const page of listing.pages()) {
      found += page.items.length;
      await print(at.io, (await dataPart(at.output, page, first)) ?? textOf(drawn, page, namesOnly));
      first = false;
    }
    if (at.output === 'json') await print(at.io, '\n]}\n');
    else if (at.output === 'yaml' && found === 0) await print(at.io, '  []\n');
    else if (found === 0) await say(at.io, nothing(at.settings, prefix, selector));
  });
}

/** What a person is told instead of an empty screen: what was looked for, and what else to look for. */
function nothing({ namespace, revision }: Settings, prefix: string, selector: string): string {
  const when = revision === 0 ? '' : ` at revision ${revision}`;
  const what = [
    ...(prefix === '' ? [] : [`whose name begins with '${oneLine(prefix)}'`]),
    ...(selector === '' ? [] : [`whose labels match '${oneLine(selector)}'`]),
  ].join(' and ');
  if (what !== '') return `Namespace ${namespace} has no environment ${what}${when}. See 'env-cli list' for all.`;
  return `Namespace ${namespace} has no environment${when}. Create one: 'env-cli create NAME'.`;
}

/** One object over all pages, `revision` and `environments`: in JSON an environment a line. Null when it is for a person. */
async function dataPart(form: string, { items, revision }: ListPage, first: boolean): Promise<string | null> {
  if (form === 'json') {
    const head = first ? `{"revision": ${revision}, "environments": [` : '';
    return head + items.map((environment, i) => `${first && i === 0 ? '' : ','}\n${JSON.stringify(environment)}`).join('');
  }
  if (form !== 'yaml') return null;
  const head = first ? `revision: ${revision}\nenvironments:\n` : '';
  return head + (items.length === 0 ? '' : (await yaml(items)).replace(/^(?=.)/gm, '  '));
}

function textOf(drawn: TableWriter, page: ListPage, namesOnly: boolean): string {
  if (namesOnly) return page.items.map(({ name }) => `${name}\n`).join('');
  if (page.items.length === 0) return '';
  const rows = page.items.map((environment) => [
    cell(environment.name),
    String(environment.variables.length),
    String(environment.modifyRevision),
    String(environment.version),
    cell(labelsText(environment.labels)),
    cell(environment.description),
  ]);
  return drawn.part(rows);
}
