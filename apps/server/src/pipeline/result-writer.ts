import { create, toBinary } from '@bufbuild/protobuf';
import { StatusSchema, type Status, StuckMirrorSchema } from '@env-cli/wire';

import { writeHeader } from '../answers/header.ts';
import { ProtoWriter } from '../answers/proto-writer.ts';
import type { Member } from '../member/member.ts';
import { headerOf } from '../reads/snapshot.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import type { Done } from '../writes/outcome.ts';

/** Field numbers of `envcli.v1.PipelineResult`. */
const field = { id: 1, get: 2, batch_get: 3, write: 4, error: 5 } as const;
const resultsField = 2;

/** Bytes that the answer to a write takes, about. */
const writeBytes = 16;

/** How a call of a pipeline ended. Its answer comes without a header. */
export interface PipelineAnswer {
  readonly id: bigint;
  readonly kind: 'get' | 'batch_get' | 'write' | 'error';
  /** The answer; of a write it is written where it goes out. */
  readonly answer: Encoded | Done;
  /** A state that has applied this index has seen the answer; 0 for errors. */
  readonly appliedIndex: number;
  readonly revision: number;
}

const writer = new ProtoWriter(64 * 1024);

/** The fields of a `WriteResponse` behind its header. */
export function writeDone(to: ProtoWriter, done: Done): void {
  to.uint(2, done.revision);
  to.bool(3, done.changed);
  to.bool(4, done.replayed);
  for (const name of done.mirrorsBehind ?? []) to.text(5, name);
  // Seldom any, and never many: one for a mirror.
  for (const stuck of done.mirrorsStuck ?? []) {
    to.presentBytes(6, toBinary(StuckMirrorSchema, create(StuckMirrorSchema, stuck)));
  }
}

/** Bytes that an answer takes, about. */
export function bytesOf({ answer }: PipelineAnswer): number {
  return answer instanceof Uint8Array ? answer.length : writeBytes;
}

/** The answer to a write. */
export function answerOfDone(id: bigint, done: Done): PipelineAnswer {
  return { id, kind: 'write', answer: done, appliedIndex: done.appliedIndex, revision: done.revision };
}

/** The answer to a call that failed. */
export function answerOfFailure(id: bigint, failure: Status): PipelineAnswer {
  return { id, kind: 'error', answer: toBinary(StatusSchema, failure), appliedIndex: 0, revision: 0 };
}

/** Answers that finished together, under the header of a state that has seen them all. */
export function pipelineResponse(member: Member, answers: readonly PipelineAnswer[]): Encoded {
  writer.truncate(0);
  let appliedIndex = 0;
  let revision = 0;
  for (const answer of answers) {
    appliedIndex = Math.max(appliedIndex, answer.appliedIndex);
    revision = Math.max(revision, answer.revision);
  }
  // Where all failed, no state has been seen.
  if (appliedIndex > 0) writeHeader(writer, headerOf(member, appliedIndex, revision));
  for (const { id, kind, answer } of answers) {
    const start = writer.begin(resultsField);
    writer.int64(field.id, id);
    if (answer instanceof Uint8Array) writer.presentBytes(field[kind], answer);
    else {
      const write = writer.begin(field[kind]);
      writeDone(writer, answer);
      writer.end(write);
    }
    writer.end(start);
  }
  return writer.take();
}
