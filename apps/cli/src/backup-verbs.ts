import type { Command } from 'commander';

import { does, examples, outputOption, type Frame } from './verb.ts';
import type { BackupFlags } from './verbs/backup.ts';

/** Registers the verbs that are about backups. */
export function addBackupVerbs(program: Command, frame: Frame): void {
  const backup = program.command('backup').argument('<file>', fileArgument);
  backup.description('Copy the whole state of the cluster, its history included, into a file');
  takesBackup(backup, frame, 'env-cli backup');

  const verify = backup.command('verify <file>').description('Read a backup in full, and say what it is');
  examples(outputOption(verify), ['env-cli backup verify monday.backup']);
  does(verify, frame, async (at, { one }) => {
    await (await import('./verbs/backup.ts')).verify(at, one(0));
  });
}

/** Registers `cluster snapshot`, by which name who comes from etcd, Consul or Vault looks for `backup`. */
export function addSnapshotVerb(cluster: Command, frame: Frame): void {
  const snapshot = cluster.command('snapshot').argument('<file>', fileArgument);
  snapshot.description("Make a backup: the same as 'env-cli backup'");
  takesBackup(snapshot, frame, 'env-cli cluster snapshot');
}

const fileArgument = "the file to make; '-' for standard output";

function takesBackup(command: Command, frame: Frame, name: string): void {
  outputOption(command).option('--force', 'replace the file if it exists');
  const notes =
    "The file holds secrets as the cluster stores them. 'env-cli-server restore' makes members of a new cluster from it.";
  examples(command, [`${name} monday.backup`, `${name} - | gzip > monday.backup.gz`], notes);
  does<BackupFlags>(command, frame, async (at, { one }, flags) => {
    await (await import('./verbs/backup.ts')).backup(at, one(0), flags);
  });
}
