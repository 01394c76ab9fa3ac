import type { Command } from 'commander';

import { does, examples, outputOption, type Frame } from './verb.ts';
import type { BackupFlags } from './verbs/backup.ts';

/** Registers the verbs that are about backups. */
export function addBackupVerbs(program: Command, frame: Frame): void {
  const backup = program.command('backup').argument('<file>', "the file to make; '-' for standard output");
  backup.description('Copy the whole state of the cluster, its history included, into a file');
  outputOption(backup).option('--force', 'replace the file if it exists');
  const notes =
    "The file holds secrets as the cluster stores them. 'env-cli-server restore' makes members of a new cluster from it.";
  examples(backup, ['env-cli backup monday.backup', 'env-cli backup - | gzip > monday.backup.gz'], notes);
  does<BackupFlags>(backup, frame, async (at, { one }, flags) => {
    await (await import('./verbs/backup.ts')).backup(at, one(0), flags);
  });

  const verify = backup.command('verify <file>').description('Read a backup in full, and say what it is');
  examples(outputOption(verify), ['env-cli backup verify monday.backup']);
  does(verify, frame, async (at, { one }) => {
    await (await import('./verbs/backup.ts')).verify(at, one(0));
  });
}
