import { describe, expect, test } from '@jest/globals';
import type { EnvironmentReader, Revision } from '@env-cli/keyspace';
import { decodeUtf8 } from '@env-cli/support';
import * as fc from 'fast-check';

import { changesAfter } from './changes.ts';
import { getEnvironment } from './get.ts';
import { history } from './history.ts';
import { list } from './list.ts';
import type { Operation } from './operation.ts';
import { bytesOf, input, writeOf } from './testing/commands.ts';
import { Model, type ModelEnvironment } from './testing/model.ts';
import { TestMember } from './testing/test-member.ts';

const names = ['a', 'a/b', 'b', 'c/d/e'];
const environment = fc.constantFrom(...names);
const variable = fc.constantFrom('A', 'B', 'C');
const inputs = fc
  .uniqueArray(fc.tuple(variable, fc.nat(3)), { maxLength: 3, selector: ([name]) => name })
  .map((pairs) => pairs.map(([name, value]) => input(name, String(value))));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('set' as const, 'replace' as const),
      environment,
      createIfAbsent: fc.boolean(),
      variables: inputs,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('unset' as const), environment, variables: fc.array(variable, { maxLength: 2 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('label' as const),
      environment,
      set: fc.nat(2).map((value) => [{ key: 'k', value: String(value) }]),
      remove: fc.constantFrom([], ['k'], ['x']),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), environment }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('restore' as const),
      environment,
      revision: fc.integer({ min: 1, max: 30 }).map((revision) => revision as Revision),
    }),
  },
);
/** A write, or a compaction to a share of the revisions so far. */
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ operations: fc.array(operation, { minLength: 1, maxLength: 4 }), compact: fc.constant(null) }),
  },
  { weight: 1, arbitrary: fc.record({ operations: fc.constant([]), compact: fc.double({ min: 0, max: 1, noNaN: true }) }) },
);

function described(reader: EnvironmentReader): ModelEnvironment {
  const variables: Record<string, { value: string; changed: number }> = {};
  for (const cursor = reader.variables(); cursor.next();) {
    variables[cursor.name] = { value: decodeUtf8(cursor.valueBytes), changed: cursor.changedRevision };
  }
  return {
    created: reader.createRevision,
    modified: reader.modifyRevision,
    version: reader.version,
    labels: Object.fromEntries(reader.labels().map(({ key, value }) => [key, value])),
    variables,
  };
}

describe('the keyspace is what a model says that keeps every state whole', () => {
  test('at every revision that is kept, read one by one and as a list, and through its changes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const member = TestMember.bootstrapped();
        const model = new Model();
        for (const { operations, compact } of steps) {
          const floor = Math.floor((compact ?? 0) * model.revision) as Revision;
          member.entry([bytesOf({ kind: 'compact', revision: floor })]);
          model.floor = Math.max(model.floor, floor);
          const kinds = operations.length === 0 ? [] : [member.apply(writeOf(operations)).kind, model.write(operations)];
          expect(kinds.at(0)).toBe(kinds.at(1));
        }
        checkStates(member, model);
        checkChanges(member, model);
      }),
      { numRuns: 80 },
    );
  });
});

function checkStates({ tables }: TestMember, model: Model): void {
  for (let revision = model.floor; revision <= model.revision; revision++) {
    const state = model.states[revision]!;
    const at = revision as Revision;
    for (const name of names) {
      const answer = getEnvironment(tables, { namespace: 'default', name, revision: at });
      expect(answer.kind === 'found' ? described(answer.environment) : undefined).toEqual(state[name]);
    }
    const request = { namespace: 'default', prefix: '', labels: [], revision: at, rowsMax: 2, bytesMax: 1e6, scanMax: 1000 };
    const listed: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const page = list(tables, { ...request, after });
      if (page.kind !== 'page') throw new Error(page.kind);
      listed.push(...page.environments.map(({ name }) => name));
      after = page.next;
      more = after !== null;
    }
    expect(listed).toEqual(Object.keys(state).toSorted());
  }
  const compacted = { kind: 'refused', refusal: { code: 'compacted', oldest: model.floor } };
  for (let below = model.floor - 1; below >= 0; below -= 3) {
    expect(getEnvironment(tables, { namespace: 'default', name: 'a', revision: below as Revision })).toMatchObject(compacted);
  }
  const future = getEnvironment(tables, { namespace: 'default', name: 'a', revision: (model.revision + 1) as Revision });
  expect(future).toMatchObject({ kind: 'refused', refusal: { code: 'future-revision', newest: model.revision } });
}

/** The log leads from each state to the next, and each name's history is its part of the log. */
function checkChanges({ tables }: TestMember, model: Model): void {
  const floor = model.floor as Revision;
  const answer = changesAfter(tables, floor, { rowsMax: 10_000, bytesMax: 1e9 });
  if (answer.kind !== 'changes') throw new Error(answer.kind);
  expect(answer).toMatchObject({ upTo: model.revision, more: false });
  for (let revision = floor + 1; revision <= model.revision; revision++) {
    const [before, after] = [model.states[revision - 1]!, model.states[revision]!];
    const expected = names.filter((name) => before[name] !== after[name]);
    const changes = answer.changes.filter((change) => change.revision === revision);
    expect(changes.map(({ name }) => name).toSorted()).toEqual(expected.toSorted());
    for (const change of changes) {
      const variables = change.kind === 'updated' ? { ...before[change.name]!.variables } : {};
      for (const { name, after: now } of change.variableChanges()) {
        if (now === null) delete variables[name];
        else variables[name] = { value: decodeUtf8(now.valueBytes), changed: now.changedRevision };
      }
      expect(variables).toEqual(after[change.name]?.variables ?? {});
      expect(change.before?.version).toBe(before[change.name]?.version);
      expect(change.labelsBefore().map(({ value }) => value)).toEqual(Object.values(before[change.name]?.labels ?? {}));
      expect(change.labelsAfter().map(({ value }) => value)).toEqual(Object.values(after[change.name]?.labels ?? {}));
    }
  }
  for (const name of names) {
    const found: number[] = [];
    for (let upTo: Revision | null = null, more = true; more;) {
      const page = history(tables, { namespace: 'default', name, upTo, rowsMax: 3, bytesMax: 1e6 });
      if (page.kind !== 'page') throw new Error(page.kind);
      found.push(...page.changes.map(({ revision }) => revision));
      upTo = page.next;
      more = upTo !== null;
    }
    expect(found.toReversed()).toEqual(answer.changes.filter((change) => change.name === name).map(({ revision }) => revision));
  }
}
