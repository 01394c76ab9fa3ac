import { type CommandBody, getEnvironment, type SessionUse } from '@env-cli/environments';
import { type EnvironmentReader, readClusterIdentity, type ReadTables } from '@env-cli/keyspace';
import { encodeUtf8 } from '@env-cli/support';
import type { WriteRequest } from '@env-cli/wire';

import { Refused } from '../errors/refused.ts';
import type { Applied, Member, Proposal } from '../member/member.ts';
import { namespaceOf } from '../requests/names.ts';
import type { SecretMarks } from '../requests/secrets.ts';
import { needsMarks, sessionUseOf, writeBodyOf } from '../requests/write.ts';
import type { CallContext } from '../rpc/call-context.ts';
import { onlyGroup } from '../tokens/read-token.ts';
import { type Done, doneOf } from './outcome.ts';
import { checkProposal, levelOf } from './rules.ts';

/** What a command is besides its body. */
export interface CommandFrame {
  readonly namespace: string;
  readonly session: SessionUse | null;
  readonly reason: string;
}

/** A write that found no room beside the others of its log entry is proposed so often before the client is told. */
const attemptsMax = 8;

/** Proposes commands, and tells what came of them. */
export class Writes {
  readonly #member: Member;
  /** The key of the hashes of secrets: it never changes while a cluster lives. */
  #hashKey: Uint8Array | undefined;

  constructor(member: Member) {
    this.#member = member;
  }

  /** Does one write. */
  async write(context: CallContext, request: WriteRequest): Promise<Done> {
    const [done] = await this.writeAll(context, [request]);
    return done!;
  }

  /**
   * Begins writes in their order, and answers a promise for each: they go to the log together, and one that is refused
   * holds up no other. Rejects only when none of them could be prepared.
   */
  async writeAll(context: CallContext, requests: readonly WriteRequest[]): Promise<Promise<Done>[]> {
    if (this.#hashKey !== undefined && !requests.some(needsMarks))
      return requests.map((request) => this.#begin(context, request, nothingMarked));
    // Looked at here, where the state may be a little behind: a mark that changed since is noticed when the write is applied.
    return this.#member.read({ freshness: { kind: 'any' }, appliedIndex: 0, deadline: context.deadline }, (tables) => {
      this.#hashKey ??= hashKeyOf(tables);
      return requests.map((request) => this.#begin(context, request, new MarksNow(tables, request)));
    });
  }

  /** Does any other command. */
  propose(context: CallContext, body: CommandBody, frame: CommandFrame): Promise<Done> {
    return this.#propose(context, proposalOf(context, body, frame));
  }

  async #begin(context: CallContext, request: WriteRequest, marks: SecretMarks): Promise<Done> {
    const body = writeBodyOf(request, { marks, hashKey: this.#hashKey! });
    const frame = { namespace: namespaceOf(request), session: sessionUseOf(request.session), reason: request.reason };
    return this.#propose(context, proposalOf(context, body, frame));
  }

  async #propose(context: CallContext, proposal: Proposal): Promise<Done> {
    checkProposal(proposal);
    for (let attempt = 1; ; attempt++) {
      const applied = await this.#member.propose(proposal, context.deadline);
      if (attempt < attemptsMax && foundNoRoom(applied)) continue;
      return doneOf(applied, proposal.session?.sequence ?? 0);
    }
  }
}

function proposalOf(context: CallContext, body: CommandBody, frame: CommandFrame): Proposal {
  return {
    level: levelOf(body),
    group: onlyGroup,
    namespace: frame.namespace,
    principal: context.principal,
    authorisationRevision: 0,
    session: frame.session,
    reason: encodeUtf8(frame.reason),
    body,
  };
}

/** It was not executed, and that was not written down either: the same command may be proposed again. */
function foundNoRoom({ result }: Applied): boolean {
  return result.kind === 'refused' && result.refusal.code === 'entry-full';
}

function hashKeyOf(tables: ReadTables): Uint8Array {
  const identity = readClusterIdentity(tables);
  if (identity === null) throw new Refused({ code: 'not-bootstrapped' });
  return identity.hashKey.slice();
}

const nothingMarked: SecretMarks = { isSecret: () => false };

/** Marks of secrets as a state has them. Each environment is read once. */
class MarksNow implements SecretMarks {
  readonly #tables: ReadTables;
  readonly #namespace: string;
  readonly #read = new Map<string, EnvironmentReader | null>();

  constructor(tables: ReadTables, request: WriteRequest) {
    this.#tables = tables;
    this.#namespace = request.namespace === '' ? 'default' : request.namespace;
  }

  isSecret(environment: string, variable: string): boolean {
    return this.#of(environment)?.cursorAt(variable)?.secret ?? false;
  }

  #of(environment: string): EnvironmentReader | null {
    const known = this.#read.get(environment);
    if (known !== undefined) return known;
    const answer = getEnvironment(this.#tables, { namespace: this.#namespace, name: environment, revision: null });
    const found = answer.kind === 'found' ? answer.environment : null;
    this.#read.set(environment, found);
    return found;
  }
}
