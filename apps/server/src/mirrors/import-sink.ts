import { getEnvironment, type Limits, limitsOf, type VariableInput, type WriteBody } from '@env-cli/environments';
import { type EnvironmentReader, type ReadTables, toRevision } from '@env-cli/keyspace';
import { readMirrors } from '@env-cli/mirroring';
import type { ImportedVariable, ImportRequest, ImportResult, ImportSink } from '@env-cli/outbox';
import { equalBytes } from '@env-cli/support';

import { Refused } from '../errors/refused.ts';
import { rpcStatusOf } from '../errors/status.ts';
import type { Member } from '../member/member.ts';
import { keyedHash } from '../requests/secrets.ts';
import { sealedBody } from '../requests/write.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { ownProposal } from '../writes/own-proposal.ts';
import { checkProposal } from '../writes/rules.ts';

/** How long an import may wait to be proposed. It is tried again. */
const importTimeoutMs = 10_000;

/** Who imports, in the log and the history. */
const principal = 'mirror worker';

/** The way of what others changed at a target into the log: a write like any other, on the state that was compared. */
export class MemberImportSink implements ImportSink {
  readonly #member: Member;
  readonly #secrets: Secrets;

  constructor(member: Member, secrets: Secrets) {
    this.#member = member;
    this.#secrets = secrets;
  }

  async import(request: ImportRequest): Promise<ImportResult> {
    try {
      return await this.#import(request);
    } catch (error) {
      // As it is where a member has no key for secrets: that is for a person to see to.
      if (error instanceof Refused) return { kind: 'refused', reason: rpcStatusOf(error.refusal).message };
      throw error;
    }
  }

  async #import(request: ImportRequest): Promise<ImportResult> {
    const deadline = performance.now() + importTimeoutMs;
    const made = await this.#member.read({ freshness: { kind: 'strong' }, appliedIndex: 0, deadline }, (tables) =>
      writeOf(tables, request, this.#secrets),
    );
    if (made === null) return { kind: 'conflict' };
    if (made.inputs.length === 0) return { kind: 'unchanged' };
    const { environment, modifyRevision } = request;
    const body: WriteBody = {
      kind: 'write',
      conditions: [{ kind: 'environment-at-revision', environment, revision: toRevision(modifyRevision) }],
      operations: [{ kind: 'set', environment, createIfAbsent: false, variables: made.inputs }],
    };
    const reason = `imported from the target of mirror ${made.mirror}`;
    const proposal = ownProposal(body, { principal, namespace: made.namespace, reason });
    // What is wrong with a text can be seen as long as it is one.
    checkProposal(proposal, made.limits);
    await this.#secrets.ready(made.inputs.filter(({ hash }) => hash !== null).length);
    const sealed = sealedBody(body, made.namespace, this.#secrets);
    const { result } = await this.#member.propose({ ...proposal, body: sealed }, deadline);
    if (result.kind !== 'refused') return { kind: 'written' };
    if (result.refusal.code === 'condition-failed' || result.refusal.code === 'entry-full') return { kind: 'conflict' };
    return { kind: 'refused', reason: rpcStatusOf(result.refusal).message };
  }
}

/** What is to be set; null: the environment is not what was compared any more. */
function writeOf(
  tables: ReadTables,
  { mirror, environment, modifyRevision, variables }: ImportRequest,
  secrets: Secrets,
): {
  readonly namespace: string;
  readonly mirror: string;
  readonly limits: Limits;
  readonly inputs: readonly VariableInput[];
} | null {
  const row = readMirrors(tables, null).find(({ id }) => id === mirror);
  if (row === undefined) return null;
  const answer = getEnvironment(tables, { namespace: row.namespace, name: environment, revision: null });
  if (answer.kind !== 'found' || answer.environment.modifyRevision !== modifyRevision) return null;
  const hashKey = secrets.hashKeyIn(tables);
  const inputs = variables.flatMap((variable) => inputOf(answer.environment, variable, hashKey) ?? []);
  return { namespace: row.namespace, mirror: row.definition.name, limits: limitsOf(tables), inputs };
}

/** Null: the cluster holds it already. What is new there is taken for a secret: nobody has said that it is none. */
function inputOf(environment: EnvironmentReader, { name, value }: ImportedVariable, hashKey: Uint8Array): VariableInput | null {
  const kept = environment.cursorAt(name);
  const secret = kept?.secret ?? true;
  const hash = secret ? keyedHash(hashKey, value) : null;
  if (kept !== null) {
    const isSame = hash === null ? equalBytes(kept.valueBytes, value) : kept.hash !== null && equalBytes(kept.hash, hash);
    if (isSame) return null;
  }
  return { name, value: { kind: 'plain', bytes: value }, secret: kept === null ? true : null, hash, type: null, comment: null };
}
