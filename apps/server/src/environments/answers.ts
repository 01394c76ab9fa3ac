import { batchGet, diff, getEnvironment, history, list } from '@env-cli/environments';
import { type Revision, toRevision } from '@env-cli/keyspace';
import type { BatchGetRequest, DiffRequest, GetRequest, HistoryRequest, ListRequest } from '@env-cli/wire';

import { writeChange, writeVariableChange } from '../answers/change.ts';
import { writeEnvironment, writeLabels } from '../answers/environment.ts';
import { writeHeader } from '../answers/header.ts';
import { ProtoWriter } from '../answers/proto-writer.ts';
import { invalid, Refused } from '../errors/refused.ts';
import type { ReadDemand } from '../reads/demand.ts';
import type { Snapshot } from '../reads/snapshot.ts';
import { natural, pageSize } from '../requests/integers.ts';
import { environmentName, namePrefix, namespaceOf, variableName } from '../requests/names.ts';
import { selectorOf } from '../requests/selector.ts';
import type { Encoded } from '../rpc/service-definition.ts';
import type { TokenIssuer } from '../tokens/opaque.ts';
import { openPageToken, type PageScope, pageTokenOf } from '../tokens/page-token.ts';

/** Bytes of an answer of several parts, which is then well below the 4 MiB of a default client. One part alone may have more. */
export const answerBytesMax = 3 * 1024 * 1024;

/** Names of one BatchGet. */
const batchNamesMax = 1_000;
/** Environments of the past that one BatchGet rebuilds: each costs up to 64 changes that are undone. */
const rebuiltMax = 100;
/** Variables that one Get may pick. */
const pickedVariablesMax = 4_096;
const listSize = { default: 100, max: 1_000 } as const;
/** Rows that a page of a list looks at: a selector that matches little must not hold up the thread. */
const listScanMax = 5_000;
/** A comparison shows values up to so many bytes below the limit: what is begun there, two values and all that is shown without them, fits. */
const valueBytesSpare = 768 * 1024;
const historySize = { default: 50, max: 1_000 } as const;

/** Every answer is made here, one after the other. */
const writer = new ProtoWriter(64 * 1024);

/** Field numbers of the answers, beside the header. */
const getField = { environment: 2 } as const;
const batchField = { environments: 2, missing: 3, remaining: 4 } as const;
const listField = { environments: 2, nextPageToken: 3, listRevision: 4 } as const;
const historyField = { changes: 2, nextPageToken: 3, compacted: 4 } as const;
const diffField = { variables: 2, labelsBefore: 3, labelsAfter: 4, leftExists: 5, rightExists: 6 } as const;

/** Answers `Get`. Without a header when the answer is part of a larger one. */
export function answerGet(snapshot: Snapshot, demand: ReadDemand, request: GetRequest, withHeader: boolean): Encoded {
  const name = environmentName(request.name, 'name');
  if (request.variables.length > pickedVariablesMax) throw invalid('variables', `at most ${pickedVariablesMax} can be picked`);
  for (const [at, variable] of request.variables.entries()) variableName(variable, `variables[${at}]`);
  const answer = getEnvironment(snapshot.tables, { namespace: namespaceOf(request), name, revision: revisionOf(demand) });
  if (answer.kind === 'refused') throw new Refused(answer.refusal);
  if (answer.kind === 'absent') throw new Refused({ code: 'not-found', field: 'name', environment: name });
  begin(snapshot, withHeader);
  const start = writer.begin(getField.environment);
  writeEnvironment(writer, answer.environment, {
    view: demand.view,
    secrets: snapshot.secrets,
    variables: request.variables.length === 0 ? null : request.variables,
  });
  writer.end(start);
  return writer.take();
}

/** Answers `BatchGet`. */
export function answerBatchGet(snapshot: Snapshot, demand: ReadDemand, request: BatchGetRequest, withHeader: boolean): Encoded {
  const { names } = request;
  if (names.length > batchNamesMax)
    throw invalid('names', `at most ${batchNamesMax} environments can be asked for, not ${names.length}`);
  for (const [at, name] of names.entries()) environmentName(name, `names[${at}]`);
  const answer = batchGet(snapshot.tables, {
    namespace: namespaceOf(request),
    names: demand.revision === 0 ? names : names.slice(0, rebuiltMax),
    revision: revisionOf(demand),
    bytesMax: answerBytesMax,
  });
  if (answer.kind === 'refused') throw new Refused(answer.refusal);
  begin(snapshot, withHeader);
  let at = 0;
  for (; at < answer.answered; at++) {
    const environment = answer.environments[at] ?? null;
    const fits = writePart(at === 0, () => {
      if (environment === null) return writer.text(batchField.missing, names[at]!);
      const start = writer.begin(batchField.environments);
      writeEnvironment(writer, environment, { view: demand.view, secrets: snapshot.secrets, variables: null });
      return writer.end(start);
    });
    if (!fits) break;
  }
  for (; at < names.length; at++) writer.text(batchField.remaining, names[at]!);
  return writer.take();
}

/** Answers `List`. */
export function answerList(snapshot: Snapshot, demand: ReadDemand, request: ListRequest, issuer: TokenIssuer): Encoded {
  const namespace = namespaceOf(request);
  const prefix = namePrefix(request.prefix, 'prefix');
  const labels = selectorOf(request.selector, 'selector');
  const rowsMax = pageSize(request.pageSize, listSize.default, listSize.max);
  const scope: PageScope = {
    method: 'Environments.List',
    request: [namespace, prefix, request.selector, String(request.namesOnly), demand.view, String(demand.revision)],
  };
  const from = request.pageToken === '' ? null : openPageToken(issuer, scope, request.pageToken);
  const answer = list(snapshot.tables, {
    namespace,
    prefix,
    labels,
    after: from?.after ?? null,
    revision: from === null ? revisionOf(demand) : toRevision(from.revision),
    rowsMax,
    bytesMax: answerBytesMax,
    scanMax: listScanMax,
  });
  if (answer.kind === 'refused') throw new Refused(answer.refusal);
  begin(snapshot, true);
  let { next } = answer;
  for (const [at, environment] of answer.environments.entries()) {
    const fits = writePart(at === 0, () => {
      const start = writer.begin(listField.environments);
      writeEnvironment(writer, environment, {
        view: demand.view,
        secrets: snapshot.secrets,
        variables: request.namesOnly ? [] : null,
      });
      writer.end(start);
    });
    if (fits) continue;
    // The records fitted, but are longer on the wire.
    next = answer.environments[at - 1]!.name;
    break;
  }
  if (next !== null) writer.text(listField.nextPageToken, pageTokenOf(issuer, scope, { revision: answer.revision, after: next }));
  writer.uint(listField.listRevision, answer.revision);
  return writer.take();
}

/** Answers `History`. */
export function answerHistory(snapshot: Snapshot, demand: ReadDemand, request: HistoryRequest, issuer: TokenIssuer): Encoded {
  const namespace = namespaceOf(request);
  const name = environmentName(request.name, 'name');
  const rowsMax = pageSize(request.pageSize, historySize.default, historySize.max);
  const scope: PageScope = { method: 'Environments.History', request: [namespace, name, demand.view, String(demand.revision)] };
  const from = request.pageToken === '' ? null : openPageToken(issuer, scope, request.pageToken);
  const upTo = from === null ? revisionOf(demand) : toRevision(from.revision);
  const answer = history(snapshot.tables, { namespace, name, upTo, rowsMax, bytesMax: answerBytesMax });
  if (answer.kind === 'refused') throw new Refused(answer.refusal);
  begin(snapshot, true);
  let { next } = answer;
  for (const [at, change] of answer.changes.entries()) {
    const fits = writePart(at === 0, () => {
      const start = writer.begin(historyField.changes);
      writeChange(writer, change, { view: demand.view, secrets: snapshot.secrets, left: false });
      writer.end(start);
    });
    if (fits) continue;
    next = change.revision;
    break;
  }
  if (next !== null) writer.text(historyField.nextPageToken, pageTokenOf(issuer, scope, { revision: next, after: '' }));
  writer.bool(historyField.compacted, answer.compacted && next === null);
  return writer.take();
}

/** Answers `Diff`. */
export function answerDiff(snapshot: Snapshot, demand: ReadDemand, request: DiffRequest): Encoded {
  if (demand.revision !== 0)
    throw invalid('options.revision', 'must be 0: revision and other_revision say which states are compared');
  const namespace = namespaceOf(request);
  const name = environmentName(request.name, 'name');
  const otherName = request.otherName === '' ? name : environmentName(request.otherName, 'other_name');
  const answer = diff(
    snapshot.tables,
    { namespace, name, revision: stated(natural(request.revision, 'revision')) },
    { namespace, name: otherName, revision: stated(natural(request.otherRevision, 'other_revision')) },
  );
  if (answer.kind === 'refused') throw new Refused(answer.refusal);
  begin(snapshot, true);
  for (const variable of answer.variables) {
    // Both sides of two very large environments would not fit into an answer: values beyond it are left out.
    const view = writer.length < answerBytesMax - valueBytesSpare ? demand.view : 'withheld';
    const start = writer.begin(diffField.variables);
    const shown = { view, secrets: snapshot.secrets, namespace };
    writeVariableChange(writer, variable, { ...shown, environment: name }, { ...shown, environment: otherName });
    writer.end(start);
  }
  if (answer.left !== null) writeLabels(writer, diffField.labelsBefore, answer.left.labels());
  if (answer.right !== null) writeLabels(writer, diffField.labelsAfter, answer.right.labels());
  writer.bool(diffField.leftExists, answer.left !== null);
  writer.bool(diffField.rightExists, answer.right !== null);
  return writer.take();
}

/** Begins an answer. What an answer that failed half-way left behind is forgotten. */
function begin(snapshot: Snapshot, withHeader: boolean): void {
  writer.truncate(0);
  if (withHeader) writeHeader(writer, snapshot.header);
}

/** Writes a part of an answer; takes it back, and says so, when the answer becomes too large by it. The first part stays. */
function writePart(isFirst: boolean, write: () => void): boolean {
  const { length } = writer;
  write();
  if (isFirst || writer.length <= answerBytesMax) return true;
  writer.truncate(length);
  return false;
}

function revisionOf(demand: ReadDemand): Revision | null {
  return stated(demand.revision);
}

function stated(revision: number): Revision | null {
  return revision === 0 ? null : toRevision(revision);
}
