import { type Progress, readProgress, type ReadTables } from '@env-cli/keyspace';

import type { Header } from '../answers/header.ts';
import type { Member } from '../member/member.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { TokenIssuer } from '../tokens/opaque.ts';
import { readTokenOf } from '../tokens/read-token.ts';

/** One consistent state, and what an answer from it says of it. */
export class Snapshot {
  readonly tables: ReadTables;
  readonly progress: Progress;
  /** The way to the texts of secrets in it. */
  readonly secrets: Secrets;
  readonly #member: Member;
  #header: Header | undefined;

  constructor(member: Member, tables: ReadTables, secrets: Secrets) {
    this.#member = member;
    this.secrets = secrets;
    this.tables = tables;
    this.progress = readProgress(tables);
  }

  /** The header of answers from this state. The token comes from the same state, or it would promise what was not seen. */
  get header(): Header {
    return (this.#header ??= headerOf(this.#member, this.progress.appliedIndex, this.progress.revision));
  }
}

/** The header of an answer that has seen everything up to a log index. */
export function headerOf(member: Member, appliedIndex: number, revision: number): Header {
  return {
    revision,
    token: readTokenOf(issuerOf(member), appliedIndex, revision),
    memberId: member.identity.memberId,
    leaderAddress: member.view().leaderApiAddress ?? '',
  };
}

/** In whose name tokens are made. */
export function issuerOf({ identity }: Member): TokenIssuer {
  return identity;
}
