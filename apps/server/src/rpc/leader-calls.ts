import { toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';

import { Refused } from '../errors/refused.ts';
import type { Member } from '../member/member.ts';
import { type CallContext, forwardedByKey, forwardedPrincipalKey, forwardProofKey } from './call-context.ts';
import { PassedOnStatus } from './faults.ts';
import type { ForwardProofs } from './forward-proof.ts';
import type { Encoded } from './service-definition.ts';

/** A unary call as it is passed on. */
export interface ForwardedCall {
  /** `/envcli.v1.Environments/Get`. */
  readonly path: string;
  /** The request's bytes, made only if it is passed on. */
  readonly encode: () => Uint8Array;
}

/** A request as it is passed on. */
export function forwarded<Desc extends DescMessage>(path: string, schema: Desc, request: MessageShape<Desc>): ForwardedCall {
  return { path, encode: () => toBinary(schema, request) };
}

/** How members are connected to. */
export interface Dialing {
  /** For a new connection. */
  dialAny(): ChannelCredentials;
  /** Whether a connection that was dialed with these may be used on: certificates change, the own one too. */
  holds(dialed: ChannelCredentials): boolean;
}

const noDialing: Dialing = { dialAny: () => credentials.createInsecure(), holds: () => true };

/**
 * Passes calls that only the leader can answer on to it: one hop, marked and proved, with what is left of the deadline and the
 * principal, on a connection of its own (a client's stream that is stuck must not hold them up, nor they the peers' traffic).
 */
export class LeaderCalls {
  readonly #member: Member;
  readonly #proofs: ForwardProofs;
  readonly #dialing: Dialing;
  #client: { readonly address: string; readonly client: Client; readonly dialed: ChannelCredentials } | null = null;

  constructor(member: Member, proofs: ForwardProofs, dialing: Dialing = noDialing) {
    this.#dialing = dialing;
    this.#member = member;
    this.#proofs = proofs;
  }

  /** The leader's address if the call can be passed on to it; null when this member leads, nobody is known to, or it was passed on already. */
  addressFor(context: CallContext): string | null {
    const view = this.#member.view();
    return context.forwardedBy === null && view.leaderId !== view.memberId ? view.leaderApiAddress : null;
  }

  /** What the leader answers, still encoded. Rejects with the leader's own status. */
  forward(address: string, call: ForwardedCall, context: CallContext): Promise<Encoded> {
    return this.#call(this.#clientOf(address), address, call, context);
  }

  /** What some member answers, asked once on a connection of its own. Rejects with its status. */
  async ask(address: string, call: ForwardedCall, context: CallContext): Promise<Encoded> {
    const client = clientTo(address, this.#dialing.dialAny());
    try {
      return await this.#call(client, address, call, context);
    } finally {
      client.close();
    }
  }

  close(): void {
    this.#client?.client.close();
    this.#client = null;
  }

  #call(client: Client, address: string, call: ForwardedCall, context: CallContext): Promise<Encoded> {
    const { memberId } = this.#member.identity;
    const { principal } = context;
    const proof = this.#proofs.prove({ memberId, principal, path: call.path });
    // This member has not applied the cluster's first entry: whoever leads has, and is reached by asking another member.
    if (proof === null) return Promise.reject(new Refused({ code: 'leader-unreached', leader: address }));
    const metadata = new Metadata();
    metadata.set(forwardedByKey, String(memberId));
    metadata.set(forwardedPrincipalKey, principal);
    metadata.set(forwardProofKey, Buffer.from(proof));
    const deadline = Date.now() + Math.max(0, context.deadline - performance.now());
    return new Promise((resolve, reject) => {
      const started = client.makeUnaryRequest<Uint8Array, Encoded>(
        call.path,
        (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
        (bytes) => bytes,
        call.encode(),
        metadata,
        { deadline },
        (error, answer) => {
          stopListening();
          if (error === null) resolve(answer!);
          else reject(asRejection(error, address));
        },
      );
      const stopListening = context.onCancelled(() => started.cancel());
    });
  }

  #clientOf(address: string): Client {
    if (this.#client?.address === address && this.#dialing.holds(this.#client.dialed)) return this.#client.client;
    this.close();
    const dialed = this.#dialing.dialAny();
    const client = clientTo(address, dialed);
    this.#client = { address, client, dialed };
    return client;
  }
}

function clientTo(address: string, security: ChannelCredentials): Client {
  return new Client(address, security, {
    'grpc.use_local_subchannel_pool': 1,
    // With TLS a member is known by its number, whatever its address: the name that is asked for is nobody's.
    'grpc.ssl_target_name_override': 'member.invalid',
  });
}

function asRejection(error: ServiceError, address: string): Error {
  const { code, details, metadata } = error;
  // A status without details is the transport's, and says nothing that a client could act on.
  if (code === status.UNAVAILABLE && metadata.get('grpc-status-details-bin').length === 0) {
    return new Refused({ code: 'leader-unreached', leader: address });
  }
  // It is of an earlier version than this member, which may be so for as long as a cluster is upgraded.
  if (code === status.UNIMPLEMENTED && metadata.get('grpc-status-details-bin').length === 0) {
    return new Refused({ code: 'leader-earlier', leader: address });
  }
  const own = new Metadata();
  for (const bytes of metadata.get('grpc-status-details-bin')) own.set('grpc-status-details-bin', bytes);
  return new PassedOnStatus({ code, details, metadata: own });
}
