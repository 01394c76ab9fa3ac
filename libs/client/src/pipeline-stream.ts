import type { PipelineResponse } from '@env-cli/wire';
import { Environments } from '@env-cli/wire';
import { status, type ClientDuplexStream, type ServiceError, type StatusObject } from '@grpc/grpc-js';

import type { Channel } from './channel.ts';
import { EnvCliError } from './error.ts';
import { failureOfCall } from './failure.ts';
import { decodePipelineResponse, encodePipelineRequest, type EncodedCall } from './pipeline-codec.ts';
import { Unanswered } from './unanswered.ts';

/** What a stream tells its owner. */
export interface PipelineStreamEvents {
  readonly answered: (stream: PipelineStream, response: PipelineResponse) => void;
  /** Bytes went out: there is room for more. */
  readonly sent: (stream: PipelineStream) => void;
  /** It is over; nothing more comes from it. */
  readonly ended: (stream: PipelineStream, error: EnvCliError) => void;
}

/** One `Environments.Pipeline` stream to one member. */
export class PipelineStream {
  readonly channel: Channel;
  /** Calls that went out and were not answered. */
  readonly unanswered = new Unanswered();
  /** Bytes that were given to gRPC and did not go out yet: what a slow connection holds back. */
  unsentBytes = 0;
  /** When the member was last heard of while it owed an answer, by `performance.now()`. */
  heardMs = performance.now();
  readonly #stream: ClientDuplexStream<Buffer, PipelineResponse>;
  #over = false;

  constructor(channel: Channel, events: PipelineStreamEvents) {
    this.channel = channel;
    this.#stream = channel.stream(Environments.method.pipeline, (bytes: Buffer) => bytes, decodePipelineResponse);
    this.#stream.on('data', (response: PipelineResponse) => {
      if (this.#over) return;
      this.heardMs = performance.now();
      events.answered(this, response);
    });
    const end = (error: EnvCliError): void => {
      if (this.#over) return;
      this.#over = true;
      events.ended(this, error);
    };
    // A status that is not OK comes as an error as well, before it.
    this.#stream.on('error', (error: ServiceError) => end(failureOfCall(error, channel.address)));
    this.#stream.on('status', (at: StatusObject) => {
      const message = `${channel.address} ended the pipeline`;
      end(
        at.code === status.OK
          ? new EnvCliError({ reason: 'CONNECTION_LOST', message })
          : failureOfCall(at as ServiceError, channel.address),
      );
    });
    this.#onSent = () => events.sent(this);
  }

  readonly #onSent: () => void;

  /** Sends calls as one message. */
  send(calls: readonly EncodedCall[]): void {
    const bytes = encodePipelineRequest(calls);
    if (this.unanswered.size === 0) this.heardMs = performance.now();
    this.unsentBytes += bytes.length;
    this.#stream.write(bytes, () => {
      this.unsentBytes -= bytes.length;
      if (!this.#over) this.#onSent();
    });
  }

  /** Sends nothing more; what was sent is still answered. */
  finish(): void {
    this.#stream.end();
  }

  /** Ends it at once. The owner is not told. */
  abandon(): void {
    this.#over = true;
    this.#stream.cancel();
  }
}
