import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Recording } from './recording.ts';
import type { Run } from './simulate.ts';

const template = fileURLToPath(new URL('../page.html', import.meta.url));

/** One page that shows a run, with everything in it that it needs: it asks nothing of any server. */
export function pageOf(run: Run, { spans, messages, messagesLeftOut, lines }: Recording): string {
  const { seed, violation, settings, virtualMs, events, committed, terms } = run;
  const kinds = [...new Set(messages.map(({ kind }) => kind))];
  const data = {
    seed,
    verdict: violation === null ? 'every rule held' : violation.message.split('\n')[0],
    broken: violation !== null,
    settings,
    endMs: round(virtualMs),
    faultsMs: settings.faultsMs,
    events,
    committed,
    terms,
    kinds,
    messagesLeftOut,
    members: [...spans].map(([id, list]) => ({
      id,
      spans: list.map(({ fromMs, toMs, state, term }) => [round(fromMs), round(toMs), state, term]),
    })),
    messages: messages.map(({ from, to, kind, sentMs, arrivesMs, fate }) => [
      from,
      to,
      kinds.indexOf(kind),
      round(sentMs),
      round(arrivesMs),
      fate === 'arrived' ? 0 : fate === 'lost' ? 1 : 2,
    ]),
    lines: lines.map(({ atMs, text }) => [round(atMs), text]),
  };
  // Within a script `</` would end it, whatever it stands in.
  const json = JSON.stringify(data).replaceAll('<', String.raw`\u003c`);
  return readFileSync(template, 'utf8')
    .replace('<!-- title -->', () => `seed ${seed}`)
    .replace('/* the data of the run */ null', () => json);
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
