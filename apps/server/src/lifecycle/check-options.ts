import { resolve } from 'node:path';
import { fileDefinition, problemOfFileTarget } from '@env-cli/provider-file';

import { forbiddenFolders } from '../mirrors/forbidden-folders.ts';
import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { checkAddresses } from './addresses.ts';

/** Refuses options that contradict one another: everything that can be known before anything is opened or listened on. */
export async function checkOptions(options: OptionValues): Promise<void> {
  checkAddresses(options);
  const { 'server.members': members, 'server.member_id': memberId } = options;
  if (options['server.bootstrap'] && members.length > 0 && !members.some((member) => member.memberId === memberId)) {
    throw new StartRefused(
      'options',
      `server.members does not hold member ${memberId} itself. Name all members of the new cluster, this one among them`,
    );
  }
  const directory = options['mirrors.default_directory'];
  if (directory === '') return;
  const target = fileDefinition(resolve(directory), 'dotenv');
  const problem = await problemOfFileTarget(target, forbiddenFolders(options['server.data_dir']));
  if (problem !== null) throw new StartRefused('options', `mirrors.default_directory: ${problem}`);
}
