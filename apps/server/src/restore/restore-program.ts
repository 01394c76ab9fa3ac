import { BackupRefused } from '@env-cli/snapshot-file';
import { DataDirectoryRefused, StoreFailed } from '@env-cli/store-lmdb';

import { showAddress } from '../options/kinds.ts';
import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import { restoreMember } from './restore-member.ts';

/** Places of the bar that a person sees. */
const barPlaces = 30;

/** Where the program says how far it is, and what came of it. */
export interface RestoreSink {
  /** Whether a person sees it. */
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** `env-cli-server restore --from FILE`. Throws {@link StartRefused}, after which nothing is left of it. */
export async function runRestore(from: string, options: OptionValues, sink: RestoreSink): Promise<void> {
  const memberId = options['server.member_id'];
  const dataDir = options['server.data_dir'];
  const members = membersOf(options);
  let percent = -1;
  try {
    const { backup, revision } = await restoreMember({
      from,
      dataDir,
      memberId,
      members,
      mapBytes: options['storage.map_size'],
      progress: (readBytes, sizeBytes) => {
        const now = Math.floor((readBytes / sizeBytes) * 100);
        if (sink.isTTY !== true || now === percent) return;
        percent = now;
        const filled = Math.floor((readBytes / sizeBytes) * barPlaces);
        sink.write(`\r\u001B[2K${'█'.repeat(filled)}${'░'.repeat(barPlaces - filled)} ${percent} %  of ${from}`);
      },
    });
    if (percent >= 0) sink.write('\r\u001B[2K');
    const others = members.filter((member) => member.memberId !== memberId).map((member) => member.memberId);
    const rest =
      others.length === 0
        ? 'Start it now.'
        : `Restore member${others.length === 1 ? '' : 's'} ${others.join(', ')} from the same file and with the same --members, and start all of them.`;
    sink.write(
      `member ${memberId} is restored in ${dataDir}: cluster ${backup.clusterId} as it stood at revision ${backup.revision}, ` +
        `${backup.environments} environment${backup.environments === 1 ? '' : 's'}. It goes on at revision ${revision} with a new epoch. ${rest}\n`,
    );
  } catch (error) {
    if (percent >= 0) sink.write('\r\u001B[2K');
    if (error instanceof StoreFailed)
      throw new StartRefused(
        'data',
        `${dataDir}: the backup could not be restored: ${reasonOf(error)}. Nothing is left of it there`,
      );
    if (error instanceof BackupRefused || error instanceof DataDirectoryRefused) throw new StartRefused('data', error.message);
    throw error;
  }
}

function membersOf(options: OptionValues): { readonly memberId: number; readonly address: string }[] {
  const memberId = options['server.member_id'];
  const stated = options['server.members'].map((member) => ({
    memberId: member.memberId,
    address: showAddress(member.peerAddress),
  }));
  if (stated.length === 0) return [{ memberId, address: showAddress(options['server.peer_listen']) }];
  if (stated.some((member) => member.memberId === memberId)) return stated;
  const problem = `server.members does not hold member ${memberId} itself. Name all members of the restored cluster, this one among them`;
  throw new StartRefused('options', problem);
}

const reasons: Readonly<Record<StoreFailed['code'], string>> = {
  'disk-full': 'the disk is full. Make room on it for a state as large as the backup, and restore again',
  'map-full': 'the state is larger than storage.map_size. Raise that, and restore again',
  'io-error': 'the disk failed. Check it and its file system',
};

function reasonOf({ code }: StoreFailed): string {
  return reasons[code];
}
