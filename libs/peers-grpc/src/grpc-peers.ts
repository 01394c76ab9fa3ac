import {
  type ChannelCredentials,
  type sendUnaryData,
  Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { MemberId, PeerMessage } from '@env-cli/raft';
import type { Forward, ForwardAnswer, Hello, HelloAnswer, HelloRefusal, Introduction, Peers, Standing } from '@env-cli/replica';
import { ByteReader, MalformedBytes } from '@env-cli/support';

import { AcceptedStream, type Greeting } from './accepted-stream.ts';
import { Consumption } from './consumption.ts';
import { decodeForward, decodeForwardAnswer, encodeForward, encodeForwardAnswer } from './forward-bytes.ts';
import { decodeHello, encodeHelloAnswer } from './hello-bytes.ts';
import { introductionIn } from './introduction-metadata.ts';
import { Link } from './link.ts';
import { MessageLink } from './message-link.ts';
import { readPeerMessage } from './peer-message.ts';
import { RateLimit } from './rate-limit.ts';
import { RoundTrips } from './round-trips.ts';
import { noSecurity, type PeerSecurity, type SecuredCall } from './security.ts';
import { peersService, transportOptions } from './service.ts';
import type { SnapshotOffer } from './snapshot-bytes.ts';
import { type SnapshotHost, SnapshotReceiving } from './snapshot-receiving.ts';
import type { SnapshotSource } from './snapshot-pump.ts';
import { SnapshotSending } from './snapshot-sending.ts';
import { type FetchHost, SnapshotServing } from './snapshot-serving.ts';
import { sayHello } from './unary-hello.ts';

/** The member behind the connections. */
export interface PeersHost extends SnapshotHost, FetchHost {
  /** What this member says of itself. */
  hello(toMemberId: number): Hello;
  /** Why whoever said hello may not exchange messages and snapshots; null: it may. */
  refuse(hello: Hello): HelloRefusal | null;
  /** Why whoever said hello may not forward commands and fetch the state; null: it may, for the state names it. */
  refuseUnnamed(hello: Hello): HelloRefusal | null;
  /**
   * Takes in whoever brings messages or a snapshot and is not named by the state yet, if what it introduces itself with proves that it was added: from then
   * on {@link refuse} lets it in.
   */
  admit(hello: Hello, introduction: Introduction): void;
  /** The answer to a hello alone, by which clusters form. */
  greet(hello: Hello): HelloAnswer;
  /** What this member adds for one that may not have heard of it; null while it does not know where it is found itself. */
  introduction(toMemberId: number): Introduction | null;
  /** A member that was let in begins to send messages: those that are received from it are this one's, until the next begins. */
  begun(hello: Hello): void;
  received(from: MemberId, message: PeerMessage): void;
  /** How this member's disk stands, for the others. Asked for a few times a second. */
  standing(): Standing;
  /** How the disk of a member stands that was let in. */
  stands(hello: Hello, standing: Standing): void;
  unreachable(to: MemberId): void;
  forwarded(from: MemberId, forward: Forward): void;
  forwardAnswered(from: MemberId, answer: ForwardAnswer): void;
  forwardsBroken(to: MemberId): void;
  /** A member was reached, and said this of itself. */
  met(hello: Hello): void;
  /** Another member does not let this one in. */
  refusedBy(memberId: MemberId, refusal: HelloRefusal): void;
  /** For people. */
  report(message: string): void;
}

export interface GrpcPeersOptions {
  /** Where other members find this one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** How members know one another. Defaults to {@link noSecurity}. */
  readonly security?: PeerSecurity;
  /** A monotonic clock in milliseconds: the one by which deadlines of batches count. */
  readonly nowMs: () => number;
  /** 0 inclusive to 1 exclusive. */
  readonly random: () => number;
  /** Bytes a second of all snapshots together that go out. Defaults to 64 MiB. */
  readonly snapshotBytesPerSecondMax?: number;
  /** Milliseconds after which a snapshot of which the receiver writes nothing is given up, whether it is brought or fetched. Defaults to 60,000. */
  readonly snapshotSilenceMsMax?: number;
}

const snapshotBytesPerSecondMaxDefault = 64 * 1024 * 1024;
const snapshotSilenceMsMaxDefault = 60_000;

/** Commands of one forwarded batch. */
const forwardCommandsMax = 16_384;

/** Forwards that wait in this process for the leader's connection: what comes beyond is not sent. */
const forwardBufferBytesMax = 16 * 1024 * 1024;

/** Milliseconds between two looks at each connection. */
const checkMs = 250;

/** The same complaint about the same member is told once in so many milliseconds. */
const reportMs = 30_000;

interface PeerLinks {
  readonly messages: MessageLink;
  readonly forwards: Link;
}

/** The way to the other members over gRPC, bytes in and bytes out: no Nest, no protobuf, nothing queued for who is slow. */
export class GrpcPeers implements Peers {
  readonly #options: GrpcPeersOptions;
  readonly #host: PeersHost;
  readonly #security: PeerSecurity;
  readonly #server = new Server(transportOptions);
  readonly #links = new Map<number, PeerLinks>();
  readonly #incoming = new Map<number, AcceptedStream>();
  readonly #consumptions = new Map<AcceptedStream, Consumption>();
  readonly #forwarders = new Map<number, AcceptedStream>();
  readonly #snapshots = new Map<number, AcceptedStream>();
  readonly #fetches = new Map<number, AcceptedStream>();
  readonly #snapshotRate: RateLimit;
  readonly #snapshotSilenceMsMax: number;
  readonly #timer: NodeJS.Timeout;
  readonly #roundTrips = new RoundTrips();
  readonly #reported = new Map<string, number>();
  #members: readonly { readonly memberId: number; readonly address: string }[] = [];
  #port = 0;
  #closed = false;

  private constructor(options: GrpcPeersOptions, host: PeersHost) {
    this.#options = options;
    this.#host = host;
    this.#security = options.security ?? noSecurity;
    this.#snapshotRate = new RateLimit(options.snapshotBytesPerSecondMax ?? snapshotBytesPerSecondMaxDefault, options.nowMs);
    this.#snapshotSilenceMsMax = options.snapshotSilenceMsMax ?? snapshotSilenceMsMaxDefault;
    this.#server.addService(peersService, {
      Hello: (call: ServerUnaryCall<Uint8Array, Uint8Array>, answer: sendUnaryData<Uint8Array>) =>
        this.#answerHello(call, answer),
      Messages: (call: ServerDuplexStream<Uint8Array, Uint8Array>) => this.#acceptMessages(call),
      Forward: (call: ServerDuplexStream<Uint8Array, Uint8Array>) => this.#acceptForwards(call),
      Snapshot: (call: ServerDuplexStream<Uint8Array, Uint8Array>) => this.#acceptSnapshot(call),
      Fetch: (call: ServerDuplexStream<Uint8Array, Uint8Array>) => this.#acceptFetch(call),
    });
    this.#security.guard(this.#server);
    this.#timer = setInterval(() => this.#check(), checkMs);
  }

  /** Rejects when the address cannot be listened on. */
  static async listen(options: GrpcPeersOptions, host: PeersHost): Promise<GrpcPeers> {
    const peers = new GrpcPeers(options, host);
    const address = `${options.listen.host}:${options.listen.port}`;
    try {
      peers.#port = await new Promise<number>((resolve, reject) => {
        peers.#server.bindAsync(address, peers.#security.server, (error, port) =>
          error === null ? resolve(port) : reject(error),
        );
      });
    } catch (error) {
      await peers.close();
      throw new Error(
        `the peer address ${address} cannot be listened on (${(error as Error).message}): is another process using it?`,
        {
          cause: error,
        },
      );
    }
    return peers;
  }

  /** The port that is listened on. */
  get port(): number {
    return this.#port;
  }

  /** The members to which this one has a connection now. */
  get connected(): readonly number[] {
    return [...this.#links].filter(([, links]) => links.messages.open).map(([memberId]) => memberId);
  }

  /** Messages that were dropped for want of a connection or of room. */
  get droppedMessages(): number {
    let dropped = 0;
    for (const links of this.#links.values()) dropped += links.messages.droppedMessages;
    return dropped;
  }

  /** Names for /metrics, without their prefix; values in base units. */
  metrics(): Record<string, number> {
    return {
      peers_dropped_messages_total: this.droppedMessages,
      peers_connected: this.connected.length,
      ...this.#roundTrips.figures(this.#links.keys()),
    };
  }

  /** Connects to these members, and to no others; nor do others stay connected to this one. */
  setMembers(members: readonly { readonly memberId: number; readonly address: string }[]): void {
    if (this.#closed) return;
    this.#members = members;
    for (const streams of this.#accepted) {
      for (const [memberId, stream] of streams) if (!members.some((member) => member.memberId === memberId)) stream.close();
    }
    for (const [memberId, links] of this.#links) {
      if (members.some((member) => member.memberId === memberId && member.address === links.messages.address)) continue;
      closeLinks(links);
      this.#links.delete(memberId);
      // What the link had forwarded is answered on no other.
      this.#host.forwardsBroken(memberId as MemberId);
    }
    for (const { memberId, address } of this.#members) {
      if (!this.#links.has(memberId)) this.#links.set(memberId, this.#dial(memberId as MemberId, address));
    }
  }

  send(to: MemberId, message: PeerMessage): void {
    this.#roundTrips.sent(to, message, this.#options.nowMs());
    this.#links.get(to)?.messages.send(message);
  }

  flush(): void {
    for (const links of this.#links.values()) links.messages.flush();
  }

  forward(to: MemberId, forward: Forward): boolean {
    const link = this.#links.get(to)?.forwards;
    const buffered = link?.bufferedBytes ?? null;
    if (link === undefined || buffered === null || buffered > forwardBufferBytesMax) return false;
    return link.write(encodeForward(forward, this.#options.nowMs()));
  }

  answerForward(to: MemberId, answer: ForwardAnswer): void {
    this.#forwarders.get(to)?.write(encodeForwardAnswer(answer));
  }

  /** Streams a snapshot to a member. Null when it is not one of those that were set. `done` is called once, unless it is cancelled. */
  sendSnapshot(
    to: MemberId,
    offer: SnapshotOffer,
    source: SnapshotSource,
    done: (problem: string | null) => void,
  ): { cancel(): void } | null {
    const address = this.#links.get(to)?.messages.address;
    if (address === undefined) return null;
    return new SnapshotSending({
      address,
      offer,
      source,
      done,
      rate: this.#snapshotRate,
      silenceMsMax: this.#snapshotSilenceMsMax,
      hello: () => this.#host.hello(to),
      introduction: () => this.#host.introduction(to),
      credentials: () => this.#security.dial(to),
      refuse: (hello) => this.#host.refuse(hello),
    });
  }

  /** Introduces this member to one that it has no links to yet. Rejects when it is not reached within `withinMs`. */
  async hello(member: { readonly memberId: number; readonly address: string }, withinMs: number): Promise<HelloAnswer> {
    const { memberId, address } = member;
    return sayHello({ address, hello: this.#host.hello(memberId), credentials: this.#security.dial(memberId), withinMs });
  }

  /** Streams that others dialed, by kind. */
  get #accepted(): readonly Map<number, AcceptedStream>[] {
    return [this.#incoming, this.#forwarders, this.#snapshots, this.#fetches];
  }

  get closed(): boolean {
    return this.#closed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const links of this.#links.values()) closeLinks(links);
    this.#links.clear();
    for (const stream of this.#accepted.flatMap((streams) => [...streams.values()])) stream.close();
    this.#server.forceShutdown();
    await Promise.resolve();
  }

  #dial(memberId: MemberId, address: string): PeerLinks {
    const host = this.#host;
    const common = {
      address,
      random: this.#options.random,
      hello: () => host.hello(memberId),
      credentials: () => this.#security.dial(memberId),
      doubt: (dialed: ChannelCredentials) => this.#security.doubt(dialed),
      refuse: (hello: Hello) => host.refuse(hello),
    };
    return {
      messages: new MessageLink({
        ...common,
        memberId,
        introduction: () => host.introduction(memberId),
        onOpen: (hello) => host.met(hello),
        onUnreachable: (to) => host.unreachable(to),
        onStanding: (hello, standing) => host.stands(hello, standing),
        onFailed: (reason, refusal) => {
          // While a cluster forms, members meet that are not ready: nobody has to do anything.
          if (refusal?.code !== 'not-formed') this.#report(memberId, `member ${memberId} at ${address}: ${reason}`);
          if (refusal !== null) host.refusedBy(memberId, refusal);
        },
      }),
      forwards: new Link({
        ...common,
        method: peersService.Forward,
        onOpen: () => undefined,
        onFrame: (bytes) => host.forwardAnswered(memberId, decodeForwardAnswer(bytes)),
        onBroken: () => host.forwardsBroken(memberId),
        // The messages' link tells the same, and is dialed at the same times.
        onFailed: () => undefined,
      }),
    };
  }

  #acceptMessages(call: ServerDuplexStream<Uint8Array, Uint8Array>): void {
    AcceptedStream.accept({
      call,
      greet: (hello) => this.#greet(hello, call),
      onOpen: (stream, hello) => {
        this.#takePlace(this.#incoming, stream);
        this.#host.begun(hello);
        // What it asks is answered on a way of this member's own, which may wait for its next try: a candidate that was just started would not hear its votes.
        const links = this.#links.get(stream.memberId);
        links?.messages.redial();
        links?.forwards.redial();
        this.#consumptions.set(stream, new Consumption(stream, this.#host.standing()));
      },
      onFrame: (stream, bytes) => {
        const reader = new ByteReader(bytes);
        while (reader.remaining > 0) {
          const message = readPeerMessage(reader);
          this.#roundTrips.received(stream.memberId, message, this.#options.nowMs());
          this.#host.received(stream.memberId as MemberId, message);
        }
        this.#consumptions.get(stream)?.add(bytes.length);
      },
      onClosed: (stream) => {
        this.#consumptions.delete(stream);
        if (this.#incoming.get(stream.memberId) === stream) this.#incoming.delete(stream.memberId);
      },
      report: (message) => this.#report(call.getPeer(), message),
    });
  }

  #acceptForwards(call: ServerDuplexStream<Uint8Array, Uint8Array>): void {
    AcceptedStream.accept({
      call,
      greet: (hello) => this.#greetNamed(hello, call),
      onOpen: (stream) => this.#takePlace(this.#forwarders, stream),
      onFrame: (stream, bytes) =>
        this.#host.forwarded(stream.memberId as MemberId, decodeForward(bytes, this.#options.nowMs(), forwardCommandsMax)),
      onClosed: (stream) => {
        if (this.#forwarders.get(stream.memberId) === stream) this.#forwarders.delete(stream.memberId);
      },
      report: (message) => this.#report(call.getPeer(), message),
    });
  }

  #acceptSnapshot(call: ServerDuplexStream<Uint8Array, Uint8Array>): void {
    let receiving: SnapshotReceiving | null = null;
    AcceptedStream.accept({
      call,
      greet: (hello) => this.#greet(hello, call),
      onOpen: (stream) => {
        this.#takePlace(this.#snapshots, stream);
        receiving = new SnapshotReceiving(stream, this.#host);
      },
      onFrame: (_stream, bytes) => receiving?.take(bytes),
      onClosed: (stream) => {
        receiving?.close();
        if (this.#snapshots.get(stream.memberId) === stream) this.#snapshots.delete(stream.memberId);
      },
      report: (message) => this.#report(call.getPeer(), message),
    });
  }

  #acceptFetch(call: ServerDuplexStream<Uint8Array, Uint8Array>): void {
    let serving: SnapshotServing | null = null;
    AcceptedStream.accept({
      call,
      greet: (hello) => this.#greetNamed(hello, call),
      onOpen: (stream) => {
        this.#takePlace(this.#fetches, stream);
        serving = new SnapshotServing({
          stream,
          host: this.#host,
          rate: this.#snapshotRate,
          silenceMsMax: this.#snapshotSilenceMsMax,
          report: (message) => this.#report(stream.memberId, message),
        });
      },
      onFrame: (_stream, bytes) => serving?.take(bytes),
      onClosed: (stream) => {
        serving?.close();
        if (this.#fetches.get(stream.memberId) === stream) this.#fetches.delete(stream.memberId);
      },
      report: (message) => this.#report(call.getPeer(), message),
    });
  }

  /** A member that dials again has lost its former stream, even if that is not known here yet. */
  #takePlace(streams: Map<number, AcceptedStream>, stream: AcceptedStream): void {
    const former = streams.get(stream.memberId);
    streams.set(stream.memberId, stream);
    former?.close();
  }

  /** Why a member is not believed that its certificate does not name; null: it is, or nobody shows certificates. */
  #refuseCaller(hello: Hello, call: SecuredCall): HelloRefusal | null {
    const caller = this.#security.callerOf(call);
    if (caller === undefined || caller === hello.memberId) return null;
    const shown = caller === null ? 'no member' : `member ${caller}`;
    const message = `it says that it is member ${hello.memberId}, and shows the certificate of ${shown}: give each member its own certificate`;
    return { code: 'other-certificate', message };
  }

  /** Looks at whoever brings messages or a snapshot. */
  #greet(hello: Hello, call: ServerDuplexStream<Uint8Array, Uint8Array>): Greeting {
    const stranger = this.#refuseCaller(hello, call);
    if (stranger !== null) return { refusal: stranger };
    const introduction = introductionIn(call);
    if (introduction !== null) this.#host.admit(hello, introduction);
    return this.#greeting(hello, this.#host.refuse(hello));
  }

  /** Looks at whoever forwards commands or fetches the state. */
  #greetNamed(hello: Hello, call: SecuredCall): Greeting {
    return this.#greeting(hello, this.#refuseCaller(hello, call) ?? this.#host.refuseUnnamed(hello));
  }

  #greeting(hello: Hello, refusal: HelloRefusal | null): Greeting {
    return refusal === null ? { hello: this.#host.hello(hello.memberId) } : { refusal };
  }

  #answerHello(call: ServerUnaryCall<Uint8Array, Uint8Array>, answer: sendUnaryData<Uint8Array>): void {
    try {
      const hello = decodeHello(call.request);
      const refusal = this.#refuseCaller(hello, call);
      const decided = refusal === null ? this.#host.greet(hello) : { refusal };
      if ('refusal' in decided) this.#report(call.getPeer(), `${call.getPeer()} is refused: ${decided.refusal.message}`);
      answer(null, encodeHelloAnswer(decided));
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#report(call.getPeer(), `${call.getPeer()} sent a hello that cannot be read: ${error.message}`);
      answer({ code: status.INVALID_ARGUMENT, details: error.message } satisfies Partial<ServiceError>);
    }
  }

  #check(): void {
    const nowMs = this.#options.nowMs();
    for (const links of this.#links.values()) {
      links.messages.check(nowMs);
      links.forwards.checkSecurity();
    }
    if (this.#consumptions.size === 0) return;
    const standing = this.#host.standing();
    for (const consumption of this.#consumptions.values()) consumption.tell(standing);
  }

  #report(about: unknown, message: string): void {
    const nowMs = this.#options.nowMs();
    // A caller's port is another one each time: the address without it is the same complaint.
    const key = `${String(about).replace(/:\d+$/, '')} ${message.replaceAll(/:\d{4,5}\b/g, '')}`;
    const before = this.#reported.get(key);
    if (before !== undefined && nowMs - before < reportMs) return;
    if (this.#reported.size > 1000) this.#reported.clear();
    this.#reported.set(key, nowMs);
    this.#host.report(message);
  }
}

function closeLinks(links: PeerLinks): void {
  links.messages.close();
  links.forwards.close();
}
