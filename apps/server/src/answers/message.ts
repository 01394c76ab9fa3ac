import { type DescMessage, type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';

import type { Encoded } from '../rpc/service-definition.ts';
import { type Header, writeHeader } from './header.ts';
import { ProtoWriter } from './proto-writer.ts';

const writer = new ProtoWriter();

/** An answer that is asked for seldom: made as an object, with the header in front. */
export function answerOf<Desc extends DescMessage>(schema: Desc, header: Header, fields: MessageInitShape<Desc>): Encoded {
  writer.truncate(0);
  writeHeader(writer, header);
  writer.raw(toBinary(schema, create(schema, fields)));
  return writer.take();
}

/** A message of a stream that needs no header. */
export function bareAnswerOf<Desc extends DescMessage>(schema: Desc, fields: MessageInitShape<Desc>): Encoded {
  return toBinary(schema, create(schema, fields));
}
