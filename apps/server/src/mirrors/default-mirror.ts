import { resolve } from 'node:path';

import { type CommandBody } from '@env-cli/environments';
import { fileDefinition } from '@env-cli/provider-file';

import { type Member, MemberUnavailable } from '../member/member.ts';
import type { Log } from '../observability/log.ts';
import { ownProposal } from '../writes/own-proposal.ts';

/** The name of the mirror that comes with a new cluster. */
const name = 'files';
const attemptMs = 5_000;
const attemptsMax = 60;
const waitMs = 500;

/** Makes the mirror that a new cluster comes with: everything of the namespace `default`, as dotenv files in a folder. */
export async function createDefaultMirror(member: Member, directory: string, log: Log): Promise<void> {
  const path = resolve(directory);
  const body: CommandBody = {
    kind: 'create-mirror',
    definition: {
      name,
      prefix: '',
      labels: [],
      ...fileDefinition(path, 'dotenv'),
      onLeave: 'delete',
      onDrift: 'overwrite',
      deleteShareMaxPercent: 50,
      paused: false,
    },
  };
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    try {
      const principal = `member ${member.identity.memberId}`;
      const { result } = await member.propose(ownProposal(body, { principal }), performance.now() + attemptMs);
      if (result.kind === 'refused' && result.refusal.code !== 'mirror-exists') {
        log.warn({ mirror: name, directory: path, why: result.refusal.code }, 'the default mirror could not be made');
      } else log.info({ mirror: name, directory: path }, 'the namespace default is mirrored to a folder');
      return;
    } catch (error) {
      if (!(error instanceof MemberUnavailable)) throw error;
      if (error.code === 'stopping') return;
      // Nobody leads yet, or its outcome is not known: made twice, it is refused the second time.
      await new Promise((wake) => setTimeout(wake, waitMs));
    }
  }
  log.warn(
    { mirror: name, directory: path },
    'the default mirror was not made: the cluster took no command. Make it with env-cli mirror create',
  );
}
