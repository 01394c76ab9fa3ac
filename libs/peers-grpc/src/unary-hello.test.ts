import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { credentials, type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { type Hello, joiningId, noStanding, protocolRange } from '@env-cli/replica';
import { MalformedBytes } from '@env-cli/support';

import { encodeHelloAnswer } from './hello-bytes.ts';
import { peersService } from './service.ts';
import { sayHello } from './unary-hello.ts';

const hello: Hello = {
  formingId: joiningId,
  clusterId: null,
  epoch: 0,
  memberId: 2,
  diskId: new Uint8Array(16).fill(2),
  toMemberId: 1,
  protocolMin: protocolRange.min,
  protocolMax: protocolRange.max,
  featureLevel: 1,
  apiAddress: 'api2:1',
  founderDiskId: null,
  startNonce: 7,
  found: noStanding,
};

let server: Server;
let address: string;
/** What the other side answers; null: nothing, ever. */
let answer: Uint8Array | null;

beforeEach(async () => {
  server = new Server();
  server.addService(peersService, {
    Hello: (_call: ServerUnaryCall<Uint8Array, Uint8Array>, done: sendUnaryData<Uint8Array>) => {
      if (answer !== null) done(null, answer);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  address = `127.0.0.1:${port}`;
});

afterEach(() => server.forceShutdown());

const said = (withinMs: number): Promise<unknown> =>
  sayHello({ address, hello, credentials: credentials.createInsecure(), withinMs });

describe('a hello alone', () => {
  test('brings what the other one has against it', async () => {
    const refusal = { code: 'older-disk', message: 'it lacks a vote' } as const;
    answer = encodeHelloAnswer({ refusal });
    expect(await said(5_000)).toEqual({ refusal });
  });

  test('that is answered with something else is rejected where it was said', async () => {
    answer = new Uint8Array(40).fill(7);
    await expect(said(5_000)).rejects.toThrow(MalformedBytes);
  });

  test('that nobody answers, or that reaches nobody, is not waited for longer than it says', async () => {
    answer = null;
    await expect(said(50)).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    server.forceShutdown();
    await expect(said(5_000)).rejects.toMatchObject({ code: status.UNAVAILABLE });
  });
});
