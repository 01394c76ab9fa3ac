import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { type BackupStart, Cluster as Service, ClusterBackupRequestSchema, type ClusterBackupResponse } from '@env-cli/wire';

import type { Bounds } from './bounds.ts';
import { type Calls, wireReadOptions } from './calls.ts';
import { EnvCliError } from './error.ts';
import { remedyOf } from './failure.ts';
import { type Header, headerOf } from './header.ts';
import type { Members } from './members.ts';
import type { ReadOptions } from './options.ts';
import { revisionOf } from './revision.ts';

/**
 * A backup on its way from a member. Iterated once, it brings the bytes in order, no faster than they are taken; it ends without an error
 * only when they are all there and their checksum is right. What was iterated before an error is no backup.
 */
export interface Backup extends AsyncIterable<Uint8Array> {
  readonly header: Header;
  /** In hexadecimal digits. */
  readonly clusterId: string;
  readonly epoch: number;
  /** The revision at which all of it stands. */
  readonly revision: number;
  readonly sizeBytes: number;
}

/** Members that are asked before it is given up, while none has sent anything. */
const attemptsMax = 5;

type Messages = AsyncGenerator<ClusterBackupResponse, void, void>;

/** Begins a backup at some member. */
export async function beginBackup(calls: Calls, members: Members, options: ReadOptions, bounds: Bounds): Promise<Backup> {
  for (let attempts = 1; ; attempts++) {
    const channel = await members.channel(bounds);
    const read = calls.fixed(options);
    const request = create(ClusterBackupRequestSchema, { options: wireReadOptions(read.options) });
    const messages = channel.serverStream(Service.method.backup, request, bounds);
    try {
      const first = await messages.next();
      const { header, part } = first.done === true ? { header: undefined, part: undefined } : first.value;
      if (part?.case !== 'start') throw damaged('it did not begin with what it is');
      if (header !== undefined) calls.heard(header, read.began);
      return backupOf(headerOf(header), part.value, messages);
    } catch (error) {
      const remedy = error instanceof EnvCliError ? remedyOf(error) : 'never';
      if (attempts >= attemptsMax || (remedy !== 'elsewhere' && remedy !== 'same-session')) throw error;
      members.failed(channel);
    }
  }
}

function backupOf(header: Header, start: BackupStart, messages: Messages): Backup {
  const sizeBytes = revisionOf(start.sizeBytes);
  return {
    header,
    clusterId: start.clusterId,
    epoch: revisionOf(start.epoch),
    revision: revisionOf(start.revision),
    sizeBytes,
    [Symbol.asyncIterator]: () => bytesOf(messages, sizeBytes),
  };
}

async function* bytesOf(messages: Messages, sizeBytes: number): AsyncGenerator<Uint8Array, void, void> {
  const digest = createHash('sha256');
  let bytes = 0;
  for await (const { part } of messages) {
    if (part.case === 'chunk') {
      digest.update(part.value);
      bytes += part.value.length;
      yield part.value;
    } else if (part.case === 'end') {
      if (bytes !== sizeBytes) throw damaged(`${bytes} bytes came, of ${sizeBytes}`);
      if (digest.digest().compare(part.value.sha256) !== 0) throw damaged('its checksum is wrong');
      return;
    }
  }
  throw damaged(`it ended early, after ${bytes} bytes of ${sizeBytes}`);
}

function damaged(what: string): EnvCliError {
  return new EnvCliError({
    reason: 'OTHER',
    code: 'DATA_LOSS',
    message: `the backup that came is not what was sent: ${what}`,
    next: 'Begin a new one.',
  });
}
