import { openToken, sealToken, type TokenIssuer } from './opaque.ts';

/** The token with which a watch goes on behind `revision`. */
export function resumeTokenOf(issuer: TokenIssuer, revision: number): string {
  return sealToken('resume token', issuer, (writer) => writer.varint(revision));
}

/** The revision up to which a watch has seen everything. */
export function openResumeToken(issuer: TokenIssuer, text: string, field: string): number {
  return openToken('resume token', issuer, text, field, (reader) => reader.varint());
}
