import { withClient, type Invocation } from '../invocation.ts';
import { say } from '../io.ts';
import { printedAsData } from '../structured.ts';
import { shownDiff } from './diff.ts';

export interface RollbackFlags {
  readonly dryRun?: boolean;
  readonly ifRevision?: number;
  readonly reason?: string;
}

/** `env-cli rollback ENVIRONMENT REVISION`: as it was at a revision, as a new revision. `--dry-run`: what that would change. */
export async function rollback(at: Invocation, environment: string, revision: number, flags: RollbackFlags): Promise<void> {
  const { dryRun = false, ifRevision, reason = `rollback to revision ${revision}` } = flags;
  at.about = { environment, ifRevision, atRevision: revision };
  if (dryRun) {
    const view = at.settings.reveal ? 'full' : 'masked';
    const sides = { name: environment, revision: 0, otherName: environment, otherRevision: revision };
    const answer = await withClient(at, ({ environments }) =>
      environments.diff(environment, { otherName: environment, otherRevision: revision, view }),
    );
    await shownDiff(at, sides, answer);
    if (at.output === 'table') await say(at.io, 'Nothing was written.');
    return;
  }
  const answer = await withClient(at, ({ environments }) =>
    environments.write(
      {
        operations: [{ kind: 'restore', environment, revision }],
        conditions: ifRevision === undefined ? [] : [{ kind: 'at-revision', environment, revision: ifRevision }],
      },
      { reason },
    ),
  );
  if (await printedAsData(at, answer)) return;
  await say(
    at.io,
    answer.changed
      ? `${environment} is at revision ${answer.revision}, as it was at revision ${revision}.`
      : `${environment} is as it was at revision ${revision} already. Nothing was to be changed.`,
  );
}
