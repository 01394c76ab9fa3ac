import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Environments, WatchRequestSchema, WatchResponseSchema, type WatchRequest, type WatchResponse } from '@env-cli/wire';
import { status, type ClientDuplexStream, type ServiceError, type StatusObject } from '@grpc/grpc-js';

import { backoffMs, type BackoffOptions } from './backoff.ts';
import { boundsFrom } from './bounds.ts';
import type { Channel } from './channel.ts';
import { EnvCliError } from './error.ts';
import { failureOfCall, failureOfStatus, remedyOf } from './failure.ts';
import { closedError, type Members } from './members.ts';
import { isPassing, type Watch, type WatchCarrier } from './watch.ts';

/** Watches that a stream may carry (`WatchRequest.watch_id`). */
const streamWatchesMax = 10_000;

interface Received {
  readonly response: WatchResponse;
  readonly bytes: number;
}

/** One stream that carries many watches. */
interface WatchStream {
  readonly channel: Channel;
  readonly stream: ClientDuplexStream<WatchRequest, Received>;
  readonly watches: Map<bigint, Watch>;
  over: boolean;
}

export interface WatchStreamsOptions {
  readonly backoff: BackoffOptions;
  readonly random: () => number;
  /** The longest that a watch which has not begun waits for a connection to any member, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/**
 * The streams that carry watches. A watch of a stream that broke goes on at whatever member is reached next.
 *
 * A stream is always read, so that a slow reader of one watch holds up no other: a watch whose buffer is full is cancelled
 * and begun again where it stopped.
 */
export class WatchStreams implements WatchCarrier {
  readonly #members: Members;
  readonly #options: WatchStreamsOptions;
  readonly #streams = new Set<WatchStream>();
  readonly #placed = new Map<Watch, { readonly stream: WatchStream; readonly id: bigint }>();
  /** Those that are to begin. */
  readonly #due = new Set<Watch>();
  #nextId = 1n;
  #failures = 0;
  #placing = false;
  #pause: { readonly timer: NodeJS.Timeout; readonly end: () => void } | null = null;
  #closed = false;

  constructor(members: Members, options: WatchStreamsOptions) {
    this.#members = members;
    this.#options = options;
  }

  start(watch: Watch): void {
    if (this.#closed) {
      watch.fail(closedError());
      return;
    }
    this.#placed.delete(watch);
    this.#due.add(watch);
    void this.#place();
  }

  cancel(watch: Watch): void {
    this.#due.delete(watch);
    const place = this.#placed.get(watch);
    if (place === undefined) return;
    this.#placed.delete(watch);
    const { stream, id } = place;
    stream.watches.delete(id);
    if (stream.over) return;
    if (stream.watches.size === 0) {
      // The last one takes the stream with it, so that nothing is sent to nobody.
      this.#drop(stream);
      stream.stream.cancel();
    } else {
      stream.stream.write(create(WatchRequestSchema, { watchId: id, action: { case: 'cancel', value: {} } }));
    }
  }

  /** Ends all of them with CLIENT_CLOSED. */
  close(): void {
    this.#closed = true;
    this.#pause?.end();
    for (const watch of [...this.#due, ...this.#placed.keys()]) watch.fail(closedError());
    for (const stream of this.#streams) {
      this.#drop(stream);
      stream.stream.cancel();
    }
  }

  /** Puts those that are due on a stream, after connecting and waiting as need be. */
  async #place(): Promise<void> {
    if (this.#placing) return;
    this.#placing = true;
    try {
      // What is asked for in the same turn goes out together.
      await Promise.resolve();
      while (this.#due.size > 0 && !this.#closed) {
        if (this.#failures > 0) await this.#rest();
        const channel = await this.#channel();
        if (channel === null || this.#closed) continue;
        for (const watch of this.#due) this.#send(this.#streamOn(channel), watch);
      }
    } finally {
      this.#placing = false;
    }
  }

  async #channel(): Promise<Channel | null> {
    try {
      return await this.#members.channel(boundsFrom(this.#options.connectTimeoutMs, undefined));
    } catch (error) {
      this.#failures++;
      // One that has begun goes on for as long as it takes; one that has not says that nobody is there.
      for (const watch of this.#due) {
        if (watch.begun) continue;
        this.#due.delete(watch);
        watch.fail(error as EnvCliError);
      }
      return null;
    }
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pause = null;
        resolve();
      };
      const timer = setTimeout(end, backoffMs(this.#failures, this.#options.backoff, this.#options.random()));
      this.#pause = { timer, end };
    });
  }

  #send(stream: WatchStream, watch: Watch): void {
    this.#due.delete(watch);
    const id = this.#nextId++;
    stream.watches.set(id, watch);
    this.#placed.set(watch, { stream, id });
    stream.stream.write(create(WatchRequestSchema, { watchId: id, action: { case: 'start', value: watch.start } }));
  }

  #streamOn(channel: Channel): WatchStream {
    for (const stream of this.#streams) {
      if (stream.channel === channel && stream.watches.size < streamWatchesMax) return stream;
    }
    const stream: WatchStream = {
      channel,
      stream: channel.stream<WatchRequest, Received>(
        Environments.method.watch,
        (request) => Buffer.from(toBinary(WatchRequestSchema, request)),
        (bytes) => ({ response: fromBinary(WatchResponseSchema, bytes, { readUnknownFields: false }), bytes: bytes.length }),
      ),
      watches: new Map(),
      over: false,
    };
    this.#streams.add(stream);
    const ended = (error: EnvCliError): void => this.#onEnded(stream, error);
    stream.stream.on('data', (received: Received) => this.#onReceived(stream, received));
    stream.stream.on('error', (error: ServiceError) => ended(failureOfCall(error, channel.address)));
    stream.stream.on('status', (at: StatusObject) => {
      const message = `${channel.address} ended its watches`;
      ended(
        at.code === status.OK
          ? new EnvCliError({ reason: 'CONNECTION_LOST', message })
          : failureOfCall(at as ServiceError, channel.address),
      );
    });
    return stream;
  }

  #onReceived(stream: WatchStream, { response, bytes }: Received): void {
    const watch = stream.watches.get(response.watchId);
    if (watch === undefined || stream.over) return;
    if (response.event.case === 'ended') {
      this.#onWatchEnded(stream, watch, response);
      return;
    }
    this.#failures = 0;
    try {
      watch.receive(response, bytes);
    } catch (error) {
      watch.fail(error as EnvCliError);
    }
  }

  #onWatchEnded(stream: WatchStream, watch: Watch, { watchId, event }: WatchResponse): void {
    stream.watches.delete(watchId);
    this.#placed.delete(watch);
    const why = event.case === 'ended' ? event.value.status : undefined;
    const error =
      why === undefined
        ? new EnvCliError({ reason: 'CONNECTION_LOST', message: `${stream.channel.address} ended the watch` })
        : failureOfStatus(why);
    if (isPassing(error)) this.#failures++;
    if (remedyOf(error) === 'elsewhere') this.#members.failed(stream.channel);
    watch.interrupted(error);
  }

  #onEnded(stream: WatchStream, error: EnvCliError): void {
    if (stream.over) return;
    this.#drop(stream);
    this.#failures++;
    this.#members.failed(stream.channel);
    for (const watch of stream.watches.values()) {
      this.#placed.delete(watch);
      watch.interrupted(error);
    }
  }

  #drop(stream: WatchStream): void {
    stream.over = true;
    this.#streams.delete(stream);
  }
}
