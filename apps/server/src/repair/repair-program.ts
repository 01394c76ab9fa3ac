import { NotUnderstood } from '@env-cli/environments';
import { LogFileError } from '@env-cli/log-file';
import { DataDirectoryRefused, StoreFailed } from '@env-cli/store-lmdb';

import { MemberRefused } from '../member/member-refused.ts';
import { showAddress } from '../options/kinds.ts';
import { StartRefused } from '../options/refusal.ts';
import type { OptionValues } from '../options/table.ts';
import type { RestoreSink } from '../restore/restore-program.ts';
import { TlsProblem } from '../security/tls-files.ts';
import { tlsPathsOf } from '../security/tls-options.ts';
import { systemProblemOf } from './machine-error.ts';
import { forceWords, type RepairDone, repairMember } from './repair-member.ts';
import { RepairRefused, RepairUnfinished } from './repair-refused.ts';

/** Places of the bar that a person sees. */
const barPlaces = 30;

/** `env-cli-server repair`. Throws {@link StartRefused}, which says whether the member is as it was. */
export async function runRepair(force: string | null, options: OptionValues, sink: RestoreSink): Promise<void> {
  if (force !== null && force !== forceWords)
    throw new StartRefused('options', `flag --force takes the words '${forceWords}' and no others`);
  const memberId = options['server.member_id'];
  const dataDir = options['server.data_dir'];
  let percent = -1;
  const clear = (): void => {
    if (percent >= 0) sink.write('\r\u001B[2K');
    percent = -1;
  };
  try {
    const done = await repairMember({
      dataDir,
      memberId,
      members: options['server.members'].map((member) => ({
        memberId: member.memberId,
        address: showAddress(member.peerAddress),
      })),
      apiAddress: showAddress(options['server.advertise'] ?? options['server.listen']),
      tls: tlsPathsOf(options),
      mapBytes: options['storage.map_size'],
      logSegmentBytes: options['storage.log_segment_size'],
      force: force !== null,
      say: (text) => {
        clear();
        sink.write(`${text}\n`);
      },
      progress: (receivedBytes, sizeBytes, from) => {
        const now = Math.floor((receivedBytes / sizeBytes) * 100);
        if (sink.isTTY !== true || now === percent) return;
        percent = now;
        const filled = Math.floor((receivedBytes / sizeBytes) * barPlaces);
        sink.write(
          `\r\u001B[2K${'█'.repeat(filled)}${'░'.repeat(barPlaces - filled)} ${percent} %  of the state of member ${from}`,
        );
      },
    });
    sink.write(`${outcomeOf(memberId, dataDir, done)}\n`);
  } catch (error) {
    clear();
    throw refusalOf(error, dataDir) ?? error;
  }
}

const asBefore = 'The state is the one that it was';

/** What a person is told; null for what is a fault of this program. */
export function refusalOf(error: unknown, dataDir: string): StartRefused | null {
  if (error instanceof TlsProblem) return new StartRefused('keys', error.message);
  const system = systemProblemOf(error);
  if (error instanceof RepairUnfinished)
    return new StartRefused('data', `${error.message}. ${system?.remedy ?? 'Check the disk'}, and repair again`);
  if (error instanceof NotUnderstood) return new StartRefused('data', `${dataDir}: ${error.message}. ${asBefore}`);
  if (refusals.some((refusal) => error instanceof refusal))
    return new StartRefused('data', `${(error as Error).message.replace(/\.$/, '')}. ${asBefore}`);
  if (error instanceof StoreFailed && (system === null || error.code !== 'io-error'))
    return new StartRefused('data', `${error.path}: ${reasons[error.code]}. ${asBefore}`);
  if (system === null) return null;
  return new StartRefused('data', `${dataDir}: ${system.reason}. ${system.remedy}, and repair again. ${asBefore}`);
}

/** Their messages say what was wrong, where, and what to do next. */
const refusals = [RepairRefused, DataDirectoryRefused, MemberRefused, LogFileError] as const;

function outcomeOf(memberId: number, dataDir: string, { from, state, problem, logGoesOn }: RepairDone): string {
  const log = logGoesOn ? 'The log goes on behind it' : 'The log begins anew behind it';
  const alarm =
    state.alarm === null
      ? ''
      : ` The alarm stands until you clear it: 'env-cli cluster alarms --clear ${state.alarm.kind}:${memberId}'.`;
  return (
    `member ${memberId} is repaired in ${dataDir}: it has the state of member ${from} up to log index ${state.index}, revision ${state.revision}. ` +
    `What was wrong: ${problem}. ${log}; term and vote are kept. Start it as usual: it takes the rest from the others, and is compared with them again.${alarm}`
  );
}

/** What the disk did, and what helps. What `StoreFailed` itself says is for a member that runs. */
const reasons: Readonly<Record<StoreFailed['code'], string>> = {
  'disk-full': 'the disk is full. A repair needs room for two copies of the state beside the old one: make it, and repair again',
  'map-full': 'the state is larger than storage.map_size. Raise that, and repair again',
  'io-error': 'the disk failed. Check it and its file system, and repair again',
};
