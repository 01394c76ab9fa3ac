import { type CommandBody, commandLevel, getEnvironment, type Limits, limitsOf, type SessionUse } from '@env-cli/environments';
import { type EnvironmentReader, type ReadTables } from '@env-cli/keyspace';
import { encodeUtf8 } from '@env-cli/support';
import type { WriteRequest } from '@env-cli/wire';

import type { Applied, Member, Proposal, ReadNeed } from '../member/member.ts';
import { isEnvironmentName, namespaceOf } from '../requests/names.ts';
import { type SecretMarks, unmarked, type VariableMark } from '../requests/secrets.ts';
import { comparesText, needsMarks, sealedBody, secretsAtMost, sessionUseOf, writeBodyOf } from '../requests/write.ts';
import type { CallContext } from '../rpc/call-context.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { onlyGroup } from '../tokens/read-token.ts';
import { type Done, doneOf } from './outcome.ts';
import { checkProposal } from './rules.ts';

/** What a command is besides its body. */
export interface CommandFrame {
  readonly namespace: string;
  readonly session: SessionUse | null;
  readonly reason: string;
}

/** Who is told how writes end, by their place among those that were given. */
export interface WritesTold {
  readonly done: (at: number, done: Done) => void;
  readonly failed: (at: number, error: unknown) => void;
}

/** A write that found no room beside the others of its log entry is proposed so often before the client is told. */
const attemptsMax = 8;

/** Proposes commands, and tells what came of them. */
export class Writes {
  readonly #member: Member;
  readonly #secrets: Secrets;
  #rules: ClusterRules | undefined;

  constructor(member: Member, secrets: Secrets) {
    this.#member = member;
    this.#secrets = secrets;
  }

  /** Does one write. */
  write(context: CallContext, request: WriteRequest): Promise<Done> {
    return new Promise((resolve, reject) => {
      this.writeAll(context, [request], { done: (_at, done) => resolve(done), failed: (_at, error) => reject(error) });
    });
  }

  /**
   * Does writes, begun in their order, and tells of each how it ended: they go to the log together, and one that is refused
   * holds up no other. Told and not promised: a promise for each would be a good part of what a write costs this thread.
   */
  writeAll(context: CallContext, requests: readonly WriteRequest[], told: WritesTold): void {
    const room = this.#secrets.seals ? this.#secrets.ready(secretsAtMost(requests)) : null;
    if (room === null) {
      this.#beginAll(context, requests, told);
      return;
    }
    room.then(
      () => this.#beginAll(context, requests, told),
      (error: unknown) => {
        for (let at = 0; at < requests.length; at++) told.failed(at, error);
      },
    );
  }

  #beginAll(context: CallContext, requests: readonly WriteRequest[], told: WritesTold): void {
    const rules = this.#rules;
    if (rules !== undefined && !requests.some(needsMarks)) {
      for (let at = 0; at < requests.length; at++) this.#begin(context, requests[at]!, nothingMarked, rules, told, at);
      return;
    }
    // Looked at here, where the state may be a little behind: a mark that changed since is noticed when the write is applied.
    let begun = 0;
    const freshness = { kind: requests.some(comparesText) ? 'strong' : 'any' } as const;
    this.#read(context, freshness, (tables) => {
      const now = this.#rulesOf(tables);
      for (; begun < requests.length; begun++) {
        const request = requests[begun]!;
        this.#begin(context, request, new MarksNow(tables, request), now, told, begun);
      }
    }).catch((error: unknown) => {
      for (let at = begun; at < requests.length; at++) told.failed(at, error);
    });
  }

  /** Does any other command. */
  async propose(context: CallContext, body: CommandBody, frame: CommandFrame): Promise<Done> {
    const rules = this.#rules ?? (await this.#read(context, { kind: 'any' }, (tables) => this.#rulesOf(tables)));
    return this.#propose(context, proposalOf(context, body, frame), rules);
  }

  /** Begins a write. Never throws: what is wrong with it is told like any other end. */
  #begin(
    context: CallContext,
    request: WriteRequest,
    marks: SecretMarks,
    rules: ClusterRules,
    told: WritesTold,
    at: number,
  ): void {
    try {
      const body = writeBodyOf(request, { marks, hashKey: rules.hashKey });
      const namespace = namespaceOf(request);
      const proposal = proposalOf(context, body, { namespace, session: sessionUseOf(request.session), reason: request.reason });
      // What is wrong with a text can be seen as long as it is one.
      checkProposal(proposal, rules.limits);
      const sealed = sealedBody(body, namespace, this.#secrets);
      this.#attempt(context, sealed === body ? proposal : { ...proposal, body: sealed }, 1).then(
        (done) => told.done(at, done),
        (error: unknown) => told.failed(at, error),
      );
    } catch (error) {
      told.failed(at, error);
    }
  }

  /** Throws when the proposal breaks a rule that needs no state. */
  #propose(context: CallContext, proposal: Proposal, { limits }: ClusterRules): Promise<Done> {
    checkProposal(proposal, limits);
    return this.#attempt(context, proposal, 1);
  }

  #attempt(context: CallContext, proposal: Proposal, attempt: number): Promise<Done> {
    return this.#member.propose(proposal, context.deadline).then((applied) => {
      if (attempt < attemptsMax && foundNoRoom(applied)) return this.#attempt(context, proposal, attempt + 1);
      return doneOf(applied, proposal.session?.sequence ?? 0);
    });
  }

  #read<T>(context: CallContext, freshness: ReadNeed['freshness'], work: (tables: ReadTables) => T): Promise<T> {
    return this.#member.read({ freshness, appliedIndex: 0, deadline: context.deadline }, work);
  }

  #rulesOf(tables: ReadTables): ClusterRules {
    return (this.#rules = { hashKey: this.#secrets.hashKeyIn(tables).slice(), limits: limitsOf(tables) });
  }
}

/** What of the cluster a command is made and measured by. */
interface ClusterRules {
  /** The key of the hashes of secrets. It never changes while a cluster lives. */
  readonly hashKey: Uint8Array;
  /** They seldom change; apply measures by its own, which are the newest. */
  readonly limits: Limits;
}

function proposalOf(context: CallContext, body: CommandBody, frame: CommandFrame): Proposal {
  return {
    level: commandLevel(body),
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

const nothingMarked: SecretMarks = { of: () => unmarked };

/** Marks of secrets as a state has them. Each environment is read once. */
class MarksNow implements SecretMarks {
  readonly #tables: ReadTables;
  readonly #namespace: string;
  readonly #read = new Map<string, EnvironmentReader | null>();

  constructor(tables: ReadTables, request: WriteRequest) {
    this.#tables = tables;
    this.#namespace = namespaceOf(request);
  }

  of(environment: string, variable: string): VariableMark {
    return this.#environment(environment)?.cursorAt(variable) ?? unmarked;
  }

  #environment(environment: string): EnvironmentReader | null {
    // What is no name is refused later, with its place in the request.
    if (!isEnvironmentName(environment)) return null;
    const known = this.#read.get(environment);
    if (known !== undefined) return known;
    const answer = getEnvironment(this.#tables, { namespace: this.#namespace, name: environment, revision: null });
    const found = answer.kind === 'found' ? answer.environment : null;
    this.#read.set(environment, found);
    return found;
  }
}
