import type { Backup } from '@env-cli/client';

import { refusedError, usageError } from '../cli-error.ts';
import { interruptible } from '../interruption.ts';
import { withClient, type Invocation } from '../invocation.ts';
import { print, printBytes, say } from '../io.ts';
import { makeFile } from '../new-file.ts';
import { Progress } from '../progress.ts';
import { printedAsData } from '../structured.ts';
import { count, moment, size } from '../text.ts';

export interface BackupFlags {
  readonly force?: boolean;
  readonly timeout?: string;
}

/** `env-cli backup FILE`. */
export async function backup(at: Invocation, file: string, { force = false, timeout }: BackupFlags): Promise<void> {
  const toStandardOutput = file === '-';
  if (toStandardOutput && at.io.stdout.isTTY === true)
    throw usageError("a backup is no text for a terminal: write it to a file, or pipe '-' into a program");
  if (toStandardOutput && at.output !== 'table')
    throw usageError("-o json goes with a file: '-' sends the backup itself to standard output");
  const limit = timeout === undefined ? {} : { timeoutMs: at.settings.timeoutMs };
  const taken = await interruptible(at.io, (signal) =>
    withClient(at, async (client) => {
      let begun: Backup | undefined;
      const copy = async (append: (bytes: Uint8Array) => Promise<void>): Promise<void> => {
        begun = await client.cluster.backup({ signal, ...limit });
        await copyAll(at, begun, append);
      };
      if (toStandardOutput) await copy((bytes) => printBytes(at.io, bytes));
      else await makeFile(file, { replace: force }, copy);
      return begun!;
    }),
  );
  const { clusterId, epoch, revision, sizeBytes } = taken;
  if (toStandardOutput || (await printedAsData(at, { file, clusterId, epoch, revision, bytes: sizeBytes }))) return;

  await say(
    at.io,
    `${file} holds the cluster at revision ${revision}, ${size(sizeBytes)}. 'env-cli backup verify ${file}' reads it again.`,
  );
}

async function copyAll(at: Invocation, from: Backup, append: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const progress = byteProgress(at, from.sizeBytes);
  try {
    let bytes = 0;
    for await (const chunk of from) {
      await append(chunk);
      bytes += chunk.length;
      progress.reached(bytes);
    }
  } finally {
    progress.end();
  }
}

/** `env-cli backup verify FILE`. */
export async function verify(at: Invocation, file: string): Promise<void> {
  const { BackupRefused, checkBackup } = await import('@env-cli/snapshot-file');
  let progress: ReturnType<typeof byteProgress> | null = null;
  try {
    const facts = await checkBackup(file, (readBytes, sizeBytes) => {
      progress ??= byteProgress(at, sizeBytes);
      progress.reached(readBytes);
    });
    endOf(progress);
    const { takenAtMs, ...rest } = facts;
    if (await printedAsData(at, { file, ...rest, takenAt: new Date(takenAtMs) })) return;
    const lines = [
      `${file} is whole: every checksum and every state hash is right.`,
      `  cluster       ${facts.clusterId}, epoch ${facts.epoch}`,
      `  revision      ${facts.revision}, history from ${facts.compactedRevision} on`,
      `  environments  ${facts.environments.toLocaleString('en')}`,
      `  taken         ${moment(new Date(facts.takenAtMs))} by member ${facts.memberId}, version ${facts.version}`,
      `  size          ${size(facts.bytes)} (${count(facts.rows, 'row')})`,
      `  SHA-256       ${facts.digest}`,
    ];
    await print(at.io, `${lines.join('\n')}\n`);
  } catch (error) {
    endOf(progress);
    throw error instanceof BackupRefused ? refusedError(error.message) : error;
  }
}

function endOf(progress: { end(): void } | null): void {
  progress?.end();
}

const mebibyte = 2 ** 20;

/** A bar in MiB: what is smaller is done before anybody looks. */
function byteProgress(at: Invocation, sizeBytes: number): { reached(bytes: number): void; end(): void } {
  const progress = new Progress(at.io, 'MiB', Math.floor(sizeBytes / mebibyte));
  let done = 0;
  return {
    reached: (bytes) => {
      const now = Math.floor(bytes / mebibyte);
      if (now > done) progress.add(now - done);
      done = now;
    },
    end: () => progress.end(),
  };
}
