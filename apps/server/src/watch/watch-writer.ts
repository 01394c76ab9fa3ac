import { toBinary } from '@bufbuild/protobuf';
import { type Status, StatusSchema } from '@env-cli/wire';

import { ProtoWriter } from '../answers/proto-writer.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import type { TokenIssuer } from '../tokens/opaque.ts';
import { resumeTokenOf } from '../tokens/resume-token.ts';
import type { WatchBatch } from './watch.ts';

/** Field numbers of `envcli.v1.WatchResponse`. */
const field = { watchId: 1, started: 2, changes: 3, progress: 4, ended: 5, revision: 6, resumeToken: 7 } as const;
/** Those of the messages within. */
const startRevisionField = 1;
const changeField = 1;
const statusField = 1;

/** Writes the messages of a stream of watches. */
export class WatchWriter {
  readonly #writer = new ProtoWriter(16 * 1024);
  readonly #issuer: TokenIssuer;
  /** Watches that send the same revision, as most do, share its token. */
  #lastToken: { readonly revision: number; readonly text: string } | null = null;

  constructor(issuer: TokenIssuer) {
    this.#issuer = issuer;
  }

  started(watchId: bigint, startRevision: number): Encoded {
    return this.#message(watchId, startRevision - 1, () => {
      const start = this.#writer.begin(field.started);
      this.#writer.uint(startRevisionField, startRevision);
      this.#writer.end(start);
    });
  }

  changes(watchId: bigint, { changes, revision }: WatchBatch): Encoded {
    return this.#message(watchId, revision, () => {
      const start = this.#writer.begin(field.changes);
      for (const change of changes) this.#writer.presentBytes(changeField, change);
      this.#writer.end(start);
    });
  }

  progress(watchId: bigint, revision: number): Encoded {
    return this.#message(watchId, revision, () => this.#writer.end(this.#writer.begin(field.progress)));
  }

  /** `revision`: where the watch could go on; null when it never began. */
  ended(watchId: bigint, revision: number | null, status: Status | null): Encoded {
    return this.#message(watchId, revision, () => {
      const start = this.#writer.begin(field.ended);
      this.#writer.presentBytes(statusField, status === null ? new Uint8Array(0) : toBinary(StatusSchema, status));
      this.#writer.end(start);
    });
  }

  #message(watchId: bigint, revision: number | null, writeEvent: () => void): Encoded {
    this.#writer.truncate(0);
    this.#writer.int64(field.watchId, watchId);
    writeEvent();
    if (revision !== null) {
      this.#writer.uint(field.revision, revision);
      if (this.#lastToken?.revision !== revision) this.#lastToken = { revision, text: resumeTokenOf(this.#issuer, revision) };
      this.#writer.text(field.resumeToken, this.#lastToken.text);
    }
    return this.#writer.take();
  }
}
