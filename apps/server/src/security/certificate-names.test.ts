import { describe, expect, test } from '@jest/globals';

import { memberOf, principalOf } from './certificate-names.ts';

describe('a certificate names its holder', () => {
  const cases = [
    // why                                  alternative names                                                     common name    member  principal
    ['a member', 'URI:env-cli://member/3, DNS:localhost, IP Address:127.0.0.1', 'x', 3, 'member 3'],
    ['a principal', 'DNS:a.b, URI:env-cli://principal/alice@example.com', 'x', null, 'alice@example.com'],
    ['a common name alone', undefined, 'deploy-bot', null, 'deploy-bot'],
    ['a common name beside other names', 'DNS:a.b', 'deploy-bot', null, 'deploy-bot'],
    ['nobody', undefined, undefined, null, null],
    ['a common name with a space, as members have in the log', undefined, 'member 2', null, null],
    ['member 0', 'URI:env-cli://member/0', 'x', null, 'x'],
    ['a member beyond 32 bits', 'URI:env-cli://member/4294967296', 'x', null, 'x'],
    ['a name that only looks like ours', 'DNS:URI:env-cli://member/3', 'x', null, 'x'],
    // As Node quotes a name that holds what separates names.
    ['a name within a name', 'DNS:"a, URI:env-cli://member/3"', 'x', null, 'x'],
    ['a principal with a slash', 'URI:env-cli://principal/a/b', 'x', null, 'x'],
    ['a common name that is too long', undefined, 'x'.repeat(129), null, null],
  ] as const;
  test.each(cases)('%s', (_why, subjectaltname, commonName, member, principal) => {
    const certificate = { subjectaltname, subject: { CN: commonName } };
    expect([memberOf(certificate), principalOf(certificate)]).toEqual([member, principal]);
  });
});
