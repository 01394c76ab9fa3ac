import type { LevelAnswer } from '@env-cli/client';

import { withClient, type Invocation } from '../invocation.ts';
import { print, say } from '../io.ts';
import { printedAsData } from '../structured.ts';
import { cell, table, type Column } from '../table.ts';

/** What is done to the feature level; null: nothing, it is shown. */
export type LevelChange = 'raise' | 'hold' | 'release' | null;

const columns: readonly Column[] = [
  { title: 'MEMBER', align: 'right' },
  { title: 'ADDRESS' },
  { title: 'UNDERSTANDS', align: 'right' },
  { title: 'CONNECTED' },
];

/** `env-cli cluster level [--raise|--hold|--release]`. */
export async function level(at: Invocation, change: LevelChange): Promise<void> {
  const answer = await withClient(at, ({ cluster }) => {
    if (change === null) return cluster.level();
    return change === 'raise' ? cluster.raiseLevel() : cluster.holdLevel(change === 'hold');
  });
  if (await printedAsData(at, answer)) return;
  const rows = answer.members.map(({ memberId, apiAddress, featureLevelMax, connected }) => [
    String(memberId),
    cell(apiAddress),
    featureLevelMax === 0 ? '' : String(featureLevelMax),
    connected ? 'yes' : at.style.red('no'),
  ]);
  if (change === null) await print(at.io, table(columns, rows, at));
  for (const line of levelLines(answer)) await say(at.io, line);
}

/** How the level stands, and what comes next. */
function levelLines({ level: now, levelMax, readyLevel, held, raisesInMs, missing }: LevelAnswer): string[] {
  const next =
    raisesInMs === null
      ? []
      : [
          `It rises to ${readyLevel} in ${Math.ceil(raisesInMs / 1000)} s if every member stays ready, and then no member can go back to an earlier version.`,
        ];
  return [
    now < levelMax
      ? `The feature level is ${now}.`
      : `The feature level is ${now}, the highest that the leader's program understands.`,
    ...next,
    ...(held ? [heldLine(now < levelMax)] : []),
    ...(missing === '' ? [] : [`It cannot rise to ${levelMax} yet: ${missing}.`]),
  ];
}

function heldLine(isBelowMax: boolean): string {
  return isBelowMax
    ? "It is held: it rises with 'env-cli cluster level --raise', or by itself after '--release'."
    : "It is held: a higher one that a later version brings waits for 'env-cli cluster level --raise' or '--release'.";
}
