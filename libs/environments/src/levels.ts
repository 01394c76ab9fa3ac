import type { CommandBody } from './command.ts';

type Kind = CommandBody['kind'];

/**
 * What each feature level brought. Level 1 is all that the build of commit fff30fe understands; a kind of command that is not named here is one
 * of those. A new kind stands in the newest level that no published build understands, or opens the next one: nobody proposes it before the
 * cluster has that level, which it gets once every member's program understands it (docs/decisions/0030-feature-levels.md).
 */
const kindsOfLevel = {
  2: ['replace-member', 'hold-level'],
} as const satisfies Readonly<Record<number, readonly Kind[]>>;

const levelOfKind: ReadonlyMap<Kind, number> = new Map(
  Object.entries(kindsOfLevel).flatMap(([level, kinds]) => kinds.map((kind) => [kind, Number(level)] as const)),
);

/** The highest feature level that this version understands. */
export const featureLevelMax = Math.max(...Object.keys(kindsOfLevel).map(Number));

/** The feature level that a member needs to understand a body. */
export function commandLevel(body: Pick<CommandBody, 'kind'>): number {
  return levelOfKind.get(body.kind) ?? 1;
}
