import { resolve } from 'node:path';
import { fileDefinition, problemOfFileTarget } from '@env-cli/provider-file';

import { forbiddenFolders } from '../mirrors/forbidden-folders.ts';
import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { checkTls } from '../security/tls-options.ts';
import { masterKeySourceOf } from '../secrets/master-key-options.ts';
import { checkAddresses } from './addresses.ts';

/** Refuses options that contradict one another: everything that can be known before anything is opened or listened on. */
export async function checkOptions(options: OptionValues): Promise<void> {
  checkAddresses(options);
  checkTls(options);
  checkMasterKey(options);
  const { 'server.members': members, 'server.member_id': memberId, 'server.bootstrap': founds, 'server.join': joins } = options;
  if (founds && joins) {
    const problem = 'server.bootstrap and server.join exclude one another: a member founds a cluster, or comes to one that runs';
    throw new StartRefused('options', problem);
  }
  if (joins && !members.some((member) => member.memberId !== memberId)) {
    throw new StartRefused(
      'options',
      'server.join needs server.members: name members of the cluster with their peer addresses, and this one',
    );
  }
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

/** One way to the master key, or none; and a file of it that can be read as one. */
function checkMasterKey(options: OptionValues): void {
  const { 'security.master_key_file': file, 'security.master_key_command': command, 'security.plain_secrets': plain } = options;
  const given = [
    ...(file === '' ? [] : ['security.master_key_file']),
    ...(command === '' ? [] : ['security.master_key_command']),
    ...(plain ? ['security.plain_secrets'] : []),
  ];
  if (given.length > 1) throw new StartRefused('options', `${given.join(' and ')} exclude one another. Keep one of them`);
  masterKeySourceOf(options);
}
