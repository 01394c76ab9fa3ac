import type { Change } from '@env-cli/client';

import { changeSummary } from '../changes-text.ts';
import { withClient, type Invocation } from '../invocation.ts';
import { print } from '../io.ts';
import { dataLine } from '../structured.ts';
import { moment, oneLine } from '../text.ts';

export interface WatchFlags {
  readonly prefix?: string;
  readonly selector?: string;
  readonly fromRevision?: number;
}

/** `env-cli watch [ENVIRONMENT]`: a line a change, until it is interrupted. */
export async function watch(at: Invocation, environment: string | undefined, flags: WatchFlags): Promise<void> {
  const { settings, io } = at;
  const { selector = '', fromRevision = 0 } = flags;
  await withClient(at, async (client) => {
    const events = client.environments.watch({
      ...(environment === undefined ? { prefix: flags.prefix ?? '' } : { name: environment }),
      selector,
      startRevision: fromRevision,
      view: settings.reveal ? 'full' : 'masked',
      signal: io.interrupted,
      onInterrupted: ({ message }) => io.stderr.write(`env-cli: ${message}; going on elsewhere\n`, () => undefined),
    });
    for await (const event of events) {
      if (event.kind !== 'changes') continue;
      for (const change of event.changes) {
        const data = await dataLine(at.output, { ...change, resumeToken: event.resumeToken });
        await print(io, data ?? lineOf(change, at));
      }
    }
  });
}

function lineOf(change: Change, { style }: Invocation): string {
  const colour = { created: style.green, updated: style.yellow, deleted: style.red, left: style.red }[change.kind];
  const parts = [
    style.bold(String(change.revision)),
    style.dim(moment(change.time)),
    colour(change.kind.padEnd(7)),
    oneLine(change.environment),
    changeSummary(change, style),
    style.dim(oneLine([change.principal, change.reason].filter((part) => part !== '').join(': '))),
  ];
  return `${parts.filter((part) => part !== '').join('  ')}\n`;
}
