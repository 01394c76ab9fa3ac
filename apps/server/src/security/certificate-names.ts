/** What of a certificate tells who shows it: Node's `PeerCertificate` has it. */
export interface NamedCertificate {
  /** As Node writes it: `URI:…, DNS:…, IP Address:…`. What holds a separator is quoted there, and none of our names does. */
  readonly subjectaltname?: string | undefined;
  readonly subject?: { readonly CN?: string | string[] | undefined } | undefined;
}

const memberUri = /^URI:env-cli:\/\/member\/([1-9]\d{0,9})$/;
const principalUri = /^URI:env-cli:\/\/principal\/([A-Za-z0-9._@+-]{1,128})$/;

/**
 * What a principal may be called. It holds no space, and the words of the members themselves in the log ("mirror worker", "member 2")
 * do: nobody passes for one of them.
 */
const principalName = /^[A-Za-z0-9._@+-]{1,128}$/;

/** How a certificate says that it is a member's: the URI of its subject alternative names. */
export function memberUriOf(memberId: number): string {
  return `env-cli://member/${memberId}`;
}

/** The member that a certificate is of; null when it is no member's. */
export function memberOf({ subjectaltname = '' }: NamedCertificate): number | null {
  for (const name of subjectaltname.split(', ')) {
    const [, id] = memberUri.exec(name) ?? [];
    if (id !== undefined && Number(id) <= 0xffff_ffff) return Number(id);
  }
  return null;
}

/**
 * Whom the history names for a client: the URI `env-cli://principal/NAME` of its certificate, or else the common name of its
 * subject. Null when it has neither in a form that can stand there.
 */
export function principalOf(certificate: NamedCertificate): string | null {
  const member = memberOf(certificate);
  if (member !== null) return `member ${member}`;
  for (const name of (certificate.subjectaltname ?? '').split(', ')) {
    const [, principal] = principalUri.exec(name) ?? [];
    if (principal !== undefined) return principal;
  }
  const commonName = certificate.subject?.CN;
  return typeof commonName === 'string' && principalName.test(commonName) ? commonName : null;
}
