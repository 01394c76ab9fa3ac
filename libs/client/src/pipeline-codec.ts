import { fromBinary } from '@bufbuild/protobuf';
import { PipelineResponseSchema, type PipelineResponse } from '@env-cli/wire';

import { varintBytes } from './proto-writer.ts';

/** What a call of a pipeline asks for, with its field number in `envcli.v1.PipelineCall`. */
export const callFields = { get: 2, batchGet: 3, write: 4 } as const;

export type CallKind = keyof typeof callFields;

/** The place of a write in its session, as `envcli.v1.SessionWrite` carries it. */
export interface SessionPlace {
  /** 16 bytes. */
  readonly sessionId: Uint8Array;
  readonly sequence: number;
  readonly firstIncomplete: number;
}

/** A call that is ready to go out. */
export interface EncodedCall {
  readonly id: number;
  readonly kind: CallKind;
  /** The request's bytes; for a write without its session, which an attempt adds. */
  readonly request: Uint8Array;
  readonly session: SessionPlace | null;
}

const sessionIdBytes = 16;
const tag = (field: number, wireType: number): number => (field << 3) | wireType;
const varintType = 0;
const lengthType = 2;
/** `WriteRequest.session`. */
const sessionField = 4;

/** The greatest number of bytes that a call adds to its request: ids, session, lengths. */
export const callOverheadBytes = 80;

/**
 * The bytes of `envcli.v1.PipelineRequest`.
 *
 * Written by hand around the requests' own bytes: those are made once, when the call is made, and serve for every attempt,
 * while number and session are of each attempt. protobuf lets fields come in any order.
 */
export function encodePipelineRequest(calls: readonly EncodedCall[]): Buffer {
  const sizes = calls.map(sizesOf);
  let total = 0;
  for (const { call } of sizes) total += 1 + varintBytes(call) + call;
  const out = Buffer.allocUnsafe(total);
  let at = 0;
  const varint = (value: number): void => {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 128;
    out[at++] = rest;
  };
  const raw = (bytes: Uint8Array): void => {
    out.set(bytes, at);
    at += bytes.length;
  };
  for (const [i, { id, kind, request, session }] of calls.entries()) {
    const size = sizes[i]!;
    out[at++] = tag(1, lengthType);
    varint(size.call);
    out[at++] = tag(1, varintType);
    varint(id);
    out[at++] = tag(callFields[kind], lengthType);
    varint(size.body);
    raw(request);
    if (session === null) continue;
    out[at++] = tag(sessionField, lengthType);
    varint(size.session);
    out[at++] = tag(1, lengthType);
    varint(sessionIdBytes);
    raw(session.sessionId);
    out[at++] = tag(2, varintType);
    varint(session.sequence);
    out[at++] = tag(3, varintType);
    varint(session.firstIncomplete);
  }
  return out;
}

function sizesOf({ id, request, session }: EncodedCall): { call: number; body: number; session: number } {
  const ofSession =
    session === null ? 0 : 2 + sessionIdBytes + 1 + varintBytes(session.sequence) + 1 + varintBytes(session.firstIncomplete);
  const body = request.length + (session === null ? 0 : 1 + varintBytes(ofSession) + ofSession);
  return { call: 1 + varintBytes(id) + 1 + varintBytes(body) + body, body, session: ofSession };
}

/** Reads a message of answers. Throws when the bytes are none. */
export function decodePipelineResponse(bytes: Uint8Array): PipelineResponse {
  return fromBinary(PipelineResponseSchema, bytes, { readUnknownFields: false });
}
