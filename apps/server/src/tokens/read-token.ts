import { openToken, sealToken, type TokenIssuer } from './opaque.ts';

/** What an answer saw. */
export interface ReadToken {
  /** For each raft group the log index that the answer's state had applied. One group so far, number 1. */
  readonly applied: readonly { readonly group: number; readonly index: number }[];
  /** The newest revision of that state. Indexes alone are compared; this is for people who debug. */
  readonly revision: number;
}

/** The raft group of every environment, until there are several. */
export const onlyGroup = 1;

/** The token of a state of the only group. */
export function readTokenOf(issuer: TokenIssuer, appliedIndex: number, revision: number): string {
  return sealToken('read token', issuer, (writer) => writer.varint(1).varint(onlyGroup).varint(appliedIndex).varint(revision));
}

/** Reads a token that came with a request. */
export function openReadToken(issuer: TokenIssuer, text: string, field: string): ReadToken {
  return openToken('read token', issuer, text, field, (reader) => {
    const applied = Array.from({ length: Math.min(reader.varint(), 64) }, () => ({
      group: reader.varint(),
      index: reader.varint(),
    }));
    return { applied, revision: reader.varint() };
  });
}

/** The lowest applied index of a group that will do for a token. */
export function neededIndex(token: ReadToken, group: number): number {
  return token.applied.find((seen) => seen.group === group)?.index ?? 0;
}
