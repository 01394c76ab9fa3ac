import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type {
  DescMethod,
  MessageShape,
  DescMethodUnary,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
} from '@bufbuild/protobuf';
import { grpcService } from '@env-cli/wire';
import {
  Client,
  connectivityState,
  Metadata,
  type ChannelOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';

import { isOver, overError, whenOver, type Bounds } from './bounds.ts';
import { EnvCliError } from './error.ts';
import { failureOfCall } from './failure.ts';
import type { Reason } from './reasons.ts';
import { securityOf, type TlsOptions } from './tls.ts';

/** How the connections are kept. */
const channelOptions: ChannelOptions = {
  // A connection that is shared with other clients of the process could not be closed, and would be counted twice.
  'grpc.use_local_subchannel_pool': 1,
  // A call is sent again by this client, which knows what is safe; grpc-js would keep a copy of every message for it.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // A proxy of the environment is for the web. It would also swallow connections to the own machine.
  'grpc.enable_http_proxy': 0,
  // A member that is paused or cut off is noticed within four seconds, also when it owes an answer.
  'grpc.keepalive_time_ms': 2000,
  'grpc.keepalive_timeout_ms': 2000,
  // Answers page at 3 MiB; the room above is for a single environment of the greatest size, shown before and after.
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};

const asIs = (bytes: Buffer): Buffer => bytes;

const definitions = new Map<DescMethod, MethodDefinition<any, any>>();

/** The methods of a service are made once: each holds its own serializer. */
function definitionOf(method: DescMethod): MethodDefinition<any, any> {
  let definition = definitions.get(method);
  if (definition === undefined) {
    const service = grpcService(method.parent);
    for (const each of method.parent.methods) definitions.set(each, service[each.name]!);
    definition = definitions.get(method)!;
  }
  return definition;
}

/**
 * One connection to one member. It is made once and never again: when it breaks, it is over.
 *
 * It is closed when it is retired and nothing uses it any more.
 */
export class Channel {
  readonly address: string;
  readonly #client: Client;
  readonly #tls: TlsOptions | null;
  #uses = 0;
  #retired = false;

  /** `tls`: null: neither encrypted nor authenticated. Throws INVALID_FIELD where its files cannot be used. */
  constructor(address: string, tls: TlsOptions | null) {
    this.address = address;
    this.#tls = tls;
    const { credentials, options } = securityOf(tls, address);
    this.#client = new Client(address, credentials, { ...channelOptions, ...options });
  }

  /** Whether it is connected. */
  get ready(): boolean {
    return this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  /**
   * Connects. Rejects with CONNECTION_LOST when that fails or takes longer than `timeoutMs`, and with CERTIFICATE_REFUSED when one of the two
   * sides does not believe the certificate of the other.
   */
  connect(timeoutMs: number): Promise<void> {
    const channel = this.#client.getChannel();
    const deadline = new Date(Date.now() + timeoutMs);
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const state = channel.getConnectivityState(true);
        if (state === connectivityState.READY) resolve();
        else if (state === connectivityState.IDLE || state === connectivityState.CONNECTING) {
          channel.watchConnectivityState(state, deadline, (error) => {
            if (error === undefined) look();
            else reject(this.#unreached(`no connection within ${timeoutMs / 1000} s`));
          });
        } else {
          this.#whyUnreached().then(
            ({ why, certificateRefused }) => reject(this.#unreached(why, certificateRefused ? 'CERTIFICATE_REFUSED' : undefined)),
            reject,
          );
        }
      };
      look();
    });
  }

  #unreached(why: string, reason: Reason = 'CONNECTION_LOST'): EnvCliError {
    return new EnvCliError({ reason, message: `${this.address}: ${why}` });
  }

  async #whyUnreached(): Promise<Unreached> {
    const details = await this.#whyFailed();
    const { certFile } = this.#tls ?? {};
    // Node ends a connection whose certificate it does not believe without a word, after the handshake. Whoever lets nobody in without a
    // certificate, and hangs up on this one, does not believe it.
    if (certFile !== undefined && hungUp.test(details) && (await this.#wantsCertificate()))
      return { why: whyRefused(certFile), certificateRefused: true };
    return unreachedBy(details);
  }

  /** A connection that failed does not say why; a call on it does, at once. */
  #whyFailed(): Promise<string> {
    return new Promise((resolve) => {
      const deadline = Date.now() + 200;
      this.#client.makeUnaryRequest('/-/-', asIs, asIs, Buffer.alloc(0), new Metadata(), { deadline }, (error) => {
        resolve(error?.details ?? '');
      });
    });
  }

  async #wantsCertificate(): Promise<boolean> {
    const { caFile } = this.#tls!;
    const nobody = new Channel(this.address, caFile === undefined ? {} : { caFile });
    try {
      await nobody.connect(probeMs);
      return false;
    } catch (error) {
      return (error as EnvCliError).message.endsWith(certificateWanted);
    } finally {
      nobody.close();
    }
  }

  /** One call, one answer, one attempt. Rejects with an {@link EnvCliError}. */
  unary<M extends DescMethodUnary>(
    method: M,
    request: MessageShape<M['input']>,
    bounds: Bounds,
  ): Promise<MessageShape<M['output']>> {
    const { path, requestSerialize, responseDeserialize } = definitionOf(method);
    const release = this.use();
    return new Promise<MessageShape<M['output']>>((resolve, reject) => {
      const leftMs = bounds.deadlineMs - performance.now();
      const options = Number.isFinite(leftMs) ? { deadline: Date.now() + leftMs } : {};
      let takeBack: (() => void) | undefined;
      const settled = (error: ServiceError | null, answer?: MessageShape<M['output']>): void => {
        takeBack?.();
        release();
        if (error === null) resolve(answer!);
        else reject(failureOfCall(error, this.address));
      };
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        options,
        settled,
      );
      takeBack = whenOver(bounds, () => {
        reject(overError(bounds, null, false));
        call.cancel();
      });
    });
  }

  /** One call, a stream of answers, one attempt. They are read no faster than they are taken. Rejects with an {@link EnvCliError}. */
  async *serverStream<M extends DescMethodServerStreaming>(
    method: M,
    request: MessageShape<M['input']>,
    bounds: Bounds,
  ): AsyncGenerator<MessageShape<M['output']>, void, void> {
    const { path, requestSerialize, responseDeserialize } = definitionOf(method);
    const leftMs = bounds.deadlineMs - performance.now();
    const options = Number.isFinite(leftMs) ? { deadline: Date.now() + leftMs } : {};
    const release = this.use();
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      options,
    ) as ClientReadableStream<MessageShape<M['output']>>;
    const takeBack = whenOver(bounds, () => call.cancel());
    try {
      for await (const message of call) yield message as MessageShape<M['output']>;
    } catch (error) {
      throw isOver(bounds) ? overError(bounds, null, false) : failureOfCall(error as ServiceError, this.address);
    } finally {
      takeBack();
      call.cancel();
      release();
    }
  }

  /** Opens a two-way stream. `read` and `write` are how its messages become and are made of bytes. */
  stream<Out, In>(
    method: DescMethodBiDiStreaming,
    write: (message: Out) => Buffer,
    read: (bytes: Buffer) => In,
  ): ClientDuplexStream<Out, In> {
    const stream = this.#client.makeBidiStreamRequest(definitionOf(method).path, write, read, new Metadata(), {});
    const release = this.use();
    stream.once('status', release);
    return stream;
  }

  /** Says that it is in use. What comes back ends that, once. */
  use(): () => void {
    this.#uses++;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#uses--;
      if (this.#retired && this.#uses === 0) this.#client.close();
    };
  }

  /** Takes no new calls; closes once the last one is over. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#uses === 0) this.#client.close();
  }

  /** Closes now: what is under way on it fails. */
  close(): void {
    this.#retired = true;
    this.#client.close();
  }
}

/** Why there is no connection. */
interface Unreached {
  readonly why: string;
  /** One side does not believe the certificate of the other: it will be no different in a moment. */
  readonly certificateRefused: boolean;
}

/** How long is waited for what a member says to somebody without a certificate, in milliseconds. */
const probeMs = 1_000;

/** What grpc-js says of a connection that was ended before the first word of HTTP/2. */
const hungUp = /Failed to connect|ECONNRESET|socket hang up|closed before/;

const certificateWanted = 'it wants a certificate that its authority signed: give certFile and keyFile (--cert, --key)';

/** What OpenSSL and Node say of a certificate that is not believed, and what it means to who connects. */
const certificateTroubles: readonly (readonly [RegExp, string])[] = [
  [/certificate required|alert number 116|bad certificate|alert number 42/i, certificateWanted],
  [/certificate expired|alert number 45/i, 'it says that your certificate has expired: bring a new one'],
  [/unknown ca|alert number 48/i, 'it does not know the authority that signed your certificate: bring one of its own'],
  [/CERT_HAS_EXPIRED|certificate has expired/i, 'its certificate has expired'],
  [
    /unable to verify|self-signed|UNABLE_TO_GET_ISSUER|unable to get local issuer/i,
    'its certificate was not signed by the authority that was given: check caFile (--ca)',
  ],
  [/altnames|does not match/i, 'its certificate is for other names than this address'],
];

/** What grpc-js says of a connection that failed, without its wrapping. */
function unreachedBy(details: string): Unreached {
  const last = /Last error: (?:Error: )?(?<why>.*?)(?:\. Resolution note: .*)?$/.exec(details)?.groups?.['why'] ?? details;
  const trouble = certificateTroubles.find(([sign]) => sign.test(last));
  return trouble === undefined
    ? { why: otherwise(details, last), certificateRefused: false }
    : { why: trouble[1], certificateRefused: true };
}

function otherwise(details: string, last: string): string {
  if (details.startsWith('Name resolution failed')) return 'no host of that name was found';
  if (last.includes('ECONNREFUSED')) return 'connection refused';
  if (/wrong version number|packet length too long|EPROTO/i.test(last))
    return 'it does not speak TLS: connect without certificates';
  return last === '' ? 'no connection' : last;
}

/** What of an own certificate that a member does not believe can be told from here. */
function whyRefused(certFile: string): string {
  const { validTo } = new X509Certificate(readFileSync(certFile));
  return Date.parse(validTo) < Date.now()
    ? `your certificate (${certFile}) has expired, at ${validTo}: bring a new one`
    : `it does not know the authority that signed your certificate (${certFile}): bring one of its own`;
}
