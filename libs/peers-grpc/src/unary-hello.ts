import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Hello, HelloAnswer } from '@env-cli/replica';

import { decodeHelloAnswer, encodeHello } from './hello-bytes.ts';
import { dialClient, peersService } from './service.ts';

export interface UnaryHello {
  readonly address: string;
  readonly hello: Hello;
  readonly credentials: ChannelCredentials;
  /** Milliseconds from now in which the other member has to answer. */
  readonly withinMs: number;
}

/**
 * Says hello to a member over a connection of its own, which ends with the answer: for who does not run yet, and for whom no link is kept to. Rejects with
 * gRPC's error when there is no answer in time, and with `MalformedBytes` when it cannot be read.
 */
export async function sayHello({ address, hello, credentials, withinMs }: UnaryHello): Promise<HelloAnswer> {
  const client = dialClient(address, credentials);
  const { path, requestSerialize, responseDeserialize } = peersService.Hello;
  try {
    const answered = await new Promise<Uint8Array>((resolve, reject) => {
      const deadline = new Date(Date.now() + withinMs);
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, encodeHello(hello), { deadline }, (error, answer) => {
        if (error !== null || answer === undefined) reject(error ?? new Error('no answer'));
        else resolve(answer);
      });
    });
    return decodeHelloAnswer(answered);
  } finally {
    client.close();
  }
}
