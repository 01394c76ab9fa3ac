import { fromBinary } from '@bufbuild/protobuf';
import { ByteReader } from '@env-cli/support';
import { type ResponseHeader, ResponseHeaderSchema } from '@env-cli/wire';

import type { Encoded } from '../rpc/service-definition.ts';
import type { ProtoWriter } from './proto-writer.ts';

/** Of which state an answer is. */
export interface Header {
  /** The newest revision of that state. */
  readonly revision: number;
  readonly token: string;
  readonly memberId: number;
  /** Empty when none is known. */
  readonly leaderAddress: string;
}

/** Every answer has its header in this field, first of all. */
const headerField = 1;
const headerTag = headerField * 8 + 2;

/** Writes the header of an answer. */
export function writeHeader(writer: ProtoWriter, header: Header): void {
  const start = writer.begin(headerField);
  writer.uint(1, header.revision);
  writer.text(2, header.token);
  writer.uint(3, header.memberId);
  writer.text(4, header.leaderAddress);
  writer.end(start);
}

/** Takes the header off an answer of another member. */
export function splitHeader(answer: Encoded): { readonly header: ResponseHeader | null; readonly rest: Encoded } {
  if (answer[0] !== headerTag) return { header: null, rest: answer };
  const reader = new ByteReader(answer);
  reader.u8();
  const header = fromBinary(ResponseHeaderSchema, reader.bytes());
  return { header, rest: answer.subarray(reader.position) };
}
