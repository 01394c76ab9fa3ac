import type { Change } from '@env-cli/client';

import { CliError, exitCodes } from '../cli-error.ts';
import { changeSummary } from '../changes-text.ts';
import { readOptions, withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { printedAsData } from '../structured.ts';
import { cell, table, type Column } from '../table.ts';
import { moment, oneLine } from '../text.ts';

const columns: readonly Column[] = [
  { title: 'REVISION', align: 'right' },
  { title: 'TIME' },
  { title: 'BY' },
  { title: 'DID' },
  { title: 'CHANGES', wraps: true },
  { title: 'REASON', optional: true, wraps: true },
];

/** Changes of a page; the cluster allows as many. */
const pageSizeMax = 1000;

/** `env-cli history ENVIRONMENT`: the newest first, `limit` at most. */
export async function history(at: Invocation, environment: string, { limit }: { readonly limit: number }): Promise<void> {
  at.about = { environment };
  const changes: Change[] = [];
  let compacted = false;
  let more = false;
  await withClient(at, async (client) => {
    const listing = client.environments.history(environment, { ...readOptions(at), pageSize: Math.min(limit, pageSizeMax) });
    for await (const page of listing.pages()) {
      changes.push(...page.items);
      compacted = page.compacted;
      more = changes.length > limit || (changes.length === limit && page.nextPageToken !== '');
      if (changes.length >= limit) break;
    }
  });
  changes.length = Math.min(changes.length, limit);
  if (changes.length === 0 && !compacted) throw absent(environment, at.settings.revision);
  if (await printedAsData(at, { changes, compacted, more })) return;
  const rows = changes.map((change) => [
    String(change.revision),
    moment(change.time),
    cell(change.principal),
    change.kind,
    changeSummary(change, at.style),
    cell(change.reason),
  ]);
  if (rows.length > 0) await print(at.io, table(columns, rows, at));
  if (more) await say(at.io, `There are older changes: raise --limit above ${limit} to see them.`);
  else if (compacted) await say(at.io, 'Older changes are no longer kept.');
}

/** A name that has no change, not even a forgotten one, never was an environment. */
function absent(environment: string, revision: number): CliError {
  const at = revision === 0 ? '' : ` at revision ${revision}`;
  const next =
    revision === 0 ? "See 'env-cli list' for those that exist" : `See 'env-cli history ${environment}' for all changes`;
  return new CliError(exitCodes.notFound, `there is no environment ${oneLine(environment)}${at}, and there never was. ${next}.`);
}
