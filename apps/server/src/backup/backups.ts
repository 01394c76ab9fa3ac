import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { newSpoolPath, SpoolReader } from '@env-cli/store-lmdb';
import { hexOf } from '@env-cli/support';
import { type ClusterBackupRequest, ClusterBackupResponseSchema } from '@env-cli/wire';

import { answerOf, bareAnswerOf } from '../answers/message.ts';
import { Refused } from '../errors/refused.ts';
import type { BackupCopied } from '../member/backup-copy.ts';
import type { Member } from '../member/member.ts';
import type { Reads } from '../reads/reads.ts';
import { headerOf } from '../reads/snapshot.ts';
import type { CallContext } from '../rpc/call-context.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import { lackOfRoom } from './room.ts';

export interface BackupOptions {
  readonly member: Member;
  readonly reads: Reads;
  /** Where copies lie while they are sent: on the disk of the state. */
  readonly dataDir: string;
  readonly storageBytes: () => number;
  /** Aborts when the member begins to stop. */
  readonly draining: AbortSignal;
  /** Milliseconds after which a backup whose client takes nothing is given up. Defaults to 60,000. */
  readonly stallMs?: number;
}

/** Backups that are made and sent at once: each is a second copy of the state on the disk. */
const backupsMax = 2;

/** Bytes of one message. */
const chunkBytes = 256 * 1024;

const stallMsDefault = 60_000;

/**
 * Backups on their way to clients. The state is copied at the speed of the disk, so that its pages are held for as short as can be, and the
 * copy is sent as fast as the client takes it.
 */
export class Backups {
  readonly #options: BackupOptions;
  #running = 0;
  #sent = 0;
  #failed = 0;

  constructor(options: BackupOptions) {
    this.#options = options;
  }

  /** The messages of one backup. Rejects with {@link Refused}. */
  async *stream(request: ClusterBackupRequest, context: CallContext): AsyncGenerator<Encoded, void, void> {
    const { member, reads } = this.#options;
    const demand = reads.demandOf(request.options);
    if (this.#running >= backupsMax) throw new Refused({ code: 'too-many-backups', max: backupsMax });
    this.#running++;
    const spooled = new Spooled(
      newSpoolPath(this.#options.dataDir),
      this.#options.stallMs ?? stallMsDefault,
      () => this.#running--,
    );
    const abort = new AbortController();
    const release = (): void => {
      abort.abort();
      void spooled.release();
    };
    const endListening = context.onCancelled(release);
    this.#options.draining.addEventListener('abort', release);
    try {
      // What is copied next is at least as fresh.
      await reads.here(context, demand, () => undefined);
      const copied = await this.#copy(spooled, abort.signal);
      const header = headerOf(member, copied.appliedIndex, copied.revision);
      const { epoch, revision, bytes } = copied;
      const clusterId = hexOf(member.identity.clusterId);
      const start = { clusterId, epoch: BigInt(epoch), revision: BigInt(revision), sizeBytes: BigInt(bytes) };
      spooled.waitsForClient();
      yield answerOf(ClusterBackupResponseSchema, header, { part: { case: 'start', value: start } });
      const digest = createHash('sha256');
      for (let offset = 0; offset < bytes;) {
        const chunk = await spooled.read(offset, chunkBytes);
        digest.update(chunk);
        offset += chunk.length;
        spooled.waitsForClient();
        yield bareAnswerOf(ClusterBackupResponseSchema, { part: { case: 'chunk', value: chunk } });
      }
      yield bareAnswerOf(ClusterBackupResponseSchema, { part: { case: 'end', value: { sha256: digest.digest() } } });
      this.#sent++;
    } catch (error) {
      this.#failed++;
      throw this.#options.draining.aborted ? stopping() : error;
    } finally {
      endListening();
      this.#options.draining.removeEventListener('abort', release);
      await spooled.release();
    }
  }

  /** For /metrics. */
  figures(): Promise<Record<string, number>> {
    return Promise.resolve({
      backup_streams: this.#running,
      'backup_streams_total{outcome="sent"}': this.#sent,
      'backup_streams_total{outcome="failed"}': this.#failed,
    });
  }

  async #copy(spooled: Spooled, signal: AbortSignal): Promise<BackupCopied> {
    const { member, dataDir, storageBytes } = this.#options;
    try {
      const lack = lackOfRoom(dataDir, storageBytes());
      if (lack !== null) throw new Refused({ code: 'backup-no-room', ...lack });
      const copied = await member.backUp(spooled.path, { checked: false, signal });
      await spooled.open();
      return copied;
    } catch (error) {
      if (error instanceof Refused) throw error;
      throw new Refused({ code: 'backup-failed', problem: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** The copy of one backup. It goes as soon as nobody waits for it. */
class Spooled {
  readonly path: string;
  readonly #stallMs: number;
  readonly #onReleased: () => void;
  #file: SpoolReader | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stalled = false;
  #released: Promise<void> | null = null;

  constructor(path: string, stallMs: number, onReleased: () => void) {
    this.path = path;
    this.#stallMs = stallMs;
    this.#onReleased = onReleased;
  }

  async open(): Promise<void> {
    this.#file = await SpoolReader.open(this.path);
  }

  /** The next message is handed out: the client has to come for the one behind it in time. */
  waitsForClient(): void {
    this.#timer = setTimeout(() => {
      this.#stalled = true;
      void this.release();
    }, this.#stallMs);
  }

  async read(offset: number, maxBytes: number): Promise<Uint8Array> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#stalled) throw new Refused({ code: 'backup-stalled', seconds: this.#stallMs / 1_000 });
    if (this.#file === null || this.#released !== null) throw stopping();
    const chunk = await this.#file.readAt(offset, maxBytes);
    if (chunk.length === 0) throw new Refused({ code: 'backup-failed', problem: 'the copy of the state is cut off' });
    return chunk;
  }

  /** Closes and removes the copy. May be called again. */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#file?.close();
    rmSync(this.path, { force: true });
    this.#onReleased();
  }
}

function stopping(): Refused {
  return new Refused({ code: 'stopping', problem: 'the member is stopping' });
}
