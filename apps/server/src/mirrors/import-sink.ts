import { type CommandBody, commandLevel, getEnvironment, type VariableInput } from '@env-cli/environments';
import { type EnvironmentReader, readClusterIdentity, type ReadTables, toRevision } from '@env-cli/keyspace';
import { readMirrors } from '@env-cli/mirroring';
import type { ImportedVariable, ImportRequest, ImportResult, ImportSink } from '@env-cli/outbox';
import { encodeUtf8, equalBytes } from '@env-cli/support';

import { rpcStatusOf } from '../errors/status.ts';
import type { Member } from '../member/member.ts';
import { keyedHash } from '../requests/secrets.ts';
import { onlyGroup } from '../tokens/read-token.ts';

/** How long an import may wait to be proposed. It is tried again. */
const importTimeoutMs = 10_000;

/** Who imports, in the log and the history. */
const principal = 'mirror worker';

/** The way of what others changed at a target into the log: a write like any other, on the state that was compared. */
export class MemberImportSink implements ImportSink {
  readonly #member: Member;

  constructor(member: Member) {
    this.#member = member;
  }

  async import(request: ImportRequest): Promise<ImportResult> {
    const deadline = performance.now() + importTimeoutMs;
    const made = await this.#member.read({ freshness: { kind: 'strong' }, appliedIndex: 0, deadline }, (tables) =>
      writeOf(tables, request),
    );
    if (made === null) return { kind: 'conflict' };
    if (made.inputs.length === 0) return { kind: 'unchanged' };
    const { environment, modifyRevision } = request;
    const body: CommandBody = {
      kind: 'write',
      conditions: [{ kind: 'environment-at-revision', environment, revision: toRevision(modifyRevision) }],
      operations: [{ kind: 'set', environment, createIfAbsent: false, variables: made.inputs }],
    };
    const { result } = await this.#member.propose(
      {
        level: commandLevel(body),
        group: onlyGroup,
        namespace: made.namespace,
        principal,
        authorisationRevision: 0,
        session: null,
        reason: encodeUtf8(`imported from the target of mirror ${made.mirror}`),
        body,
      },
      deadline,
    );
    if (result.kind !== 'refused') return { kind: 'written' };
    if (result.refusal.code === 'condition-failed' || result.refusal.code === 'entry-full') return { kind: 'conflict' };
    return { kind: 'refused', reason: rpcStatusOf(result.refusal).message };
  }
}

/** What is to be set; null: the environment is not what was compared any more. */
function writeOf(
  tables: ReadTables,
  { mirror, environment, modifyRevision, variables }: ImportRequest,
): { readonly namespace: string; readonly mirror: string; readonly inputs: readonly VariableInput[] } | null {
  const row = readMirrors(tables, null).find(({ id }) => id === mirror);
  const identity = readClusterIdentity(tables);
  if (row === undefined || identity === null) return null;
  const answer = getEnvironment(tables, { namespace: row.namespace, name: environment, revision: null });
  if (answer.kind !== 'found' || answer.environment.modifyRevision !== modifyRevision) return null;
  const inputs = variables.flatMap((variable) => inputOf(answer.environment, variable, identity.hashKey) ?? []);
  return { namespace: row.namespace, mirror: row.definition.name, inputs };
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
