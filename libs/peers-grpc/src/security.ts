import { type ChannelCredentials, credentials, type Server, ServerCredentials } from '@grpc/grpc-js';

/** A call as it came in, as far as it tells who made it. */
export interface SecuredCall {
  getAuthContext(): { readonly sslPeerCertificate?: { readonly subjectaltname?: string | undefined } };
}

/** How members know one another on the wire. */
export interface PeerSecurity {
  readonly server: ServerCredentials;
  /** For a new connection to a member: it must show the certificate of that very member. */
  dial(memberId: number): ChannelCredentials;
  /** The member whose certificate a call came with: a number; null when it is no member's; undefined where nobody shows certificates. */
  callerOf(call: SecuredCall): number | null | undefined;
  /** Ends connections to a server whose certificate does not hold any more. */
  guard(server: Server): void;
  /** Why the member that was dialed with these is believed no more, on the connection that stands; null: it is. */
  doubt(dialed: ChannelCredentials): string | null;
}

/** Members that believe one another's word. */
export const noSecurity: PeerSecurity = {
  server: ServerCredentials.createInsecure(),
  dial: () => credentials.createInsecure(),
  callerOf: () => undefined,
  guard: () => undefined,
  doubt: () => null,
};
