import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { GetRequestSchema, PipelineRequestSchema, WriteRequestSchema } from '@env-cli/wire';
import * as fc from 'fast-check';

import { callOverheadBytes, encodePipelineRequest, type EncodedCall } from './pipeline-codec.ts';

test('what is written by hand is what the generated code reads, within the overhead that is counted for a call', () => {
  const integer = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  const session = fc.record({
    sessionId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    sequence: integer,
    firstIncomplete: integer,
  });
  const read = fc.record({
    kind: fc.constant('get' as const),
    id: integer,
    text: fc.string({ unit: 'grapheme' }),
    session: fc.constant(null),
  });
  const write = fc.record({
    kind: fc.constant('write' as const),
    id: integer,
    text: fc.string({ unit: 'grapheme' }),
    session: fc.option(session),
  });
  fc.assert(
    fc.property(fc.array(fc.oneof(read, write), { maxLength: 8 }), (calls) => {
      const encoded: EncodedCall[] = calls.map(({ kind, id, text, session: place }) => ({
        kind,
        id,
        session: place,
        request:
          kind === 'get'
            ? toBinary(GetRequestSchema, create(GetRequestSchema, { name: text }))
            : toBinary(WriteRequestSchema, create(WriteRequestSchema, { reason: text })),
      }));
      const bytes = encodePipelineRequest(encoded);
      const got = fromBinary(PipelineRequestSchema, bytes).calls.map(({ id, call }) => {
        if (call.case === 'get') return { kind: 'get', id: Number(id), text: call.value.name, session: null };
        if (call.case !== 'write') return null;
        const at = call.value.session;
        const place =
          at === undefined
            ? null
            : { sessionId: at.sessionId, sequence: Number(at.sequence), firstIncomplete: Number(at.firstIncomplete) };
        return { kind: 'write', id: Number(id), text: call.value.reason, session: place };
      });
      expect(
        got.map((call) => ({
          ...call,
          session: call?.session ? { ...call.session, sessionId: [...call.session.sessionId] } : null,
        })),
      ).toEqual(
        calls.map((call) => ({
          ...call,
          session: call.session ? { ...call.session, sessionId: [...call.session.sessionId] } : null,
        })),
      );
      const requests = encoded.reduce((sum, { request }) => sum + request.length, 0);
      expect(bytes.length).toBeLessThanOrEqual(requests + encoded.length * callOverheadBytes);
    }),
  );
});
