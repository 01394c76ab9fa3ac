import { createHash } from 'node:crypto';

import { equalBytes } from '@env-cli/support';

import { Refused } from '../errors/refused.ts';
import { openToken, sealToken, type TokenIssuer } from './opaque.ts';

/** Methods that answer in pages. Their places are part of the format. */
const pagedMethods = ['Environments.List', 'Environments.History', 'Mirrors.Status'] as const;

export type PagedMethod = (typeof pagedMethods)[number];

/** Where a page ended. */
export interface PagePosition {
  /** The revision that all pages show. */
  readonly revision: number;
  /** The last name or revision of the page, as text. */
  readonly after: string;
}

/** What a page token belongs to: the method, and all of the request that must stay as it was. */
export interface PageScope {
  readonly method: PagedMethod;
  readonly request: readonly string[];
}

const scopeBytes = 8;

function hashOf({ request }: PageScope): Uint8Array {
  const hash = createHash('sha256');
  // Lengths stand between the parts, or ['a', 'bc'] would be ['ab', 'c'].
  for (const part of request) hash.update(`${part.length}:${part}`);
  return hash.digest().subarray(0, scopeBytes);
}

/** The token with which the page behind `position` is asked for. */
export function pageTokenOf(issuer: TokenIssuer, scope: PageScope, position: PagePosition): string {
  return sealToken('page token', issuer, (writer) =>
    writer.u8(pagedMethods.indexOf(scope.method)).raw(hashOf(scope)).varint(position.revision).text(position.after),
  );
}

/** Reads a page token; refuses that of another method, and of a request that asked for something else. */
export function openPageToken(issuer: TokenIssuer, scope: PageScope, text: string): PagePosition {
  return openToken('page token', issuer, text, 'page_token', (reader) => {
    const method = pagedMethods[reader.u8()];
    if (method !== scope.method) throw mismatch(`was made by ${method ?? 'another method'}, not by ${scope.method}`);
    if (!equalBytes(reader.raw(scopeBytes), hashOf(scope)))
      throw mismatch('was made for a request that asked for something else');
    return { revision: reader.varint(), after: reader.text() };
  });
}

function mismatch(problem: string): Refused {
  return new Refused({ code: 'token-mismatch', token: 'page token', field: 'page_token', problem });
}
