import type { PlainVariable, RenderedKey } from '@env-cli/outbox';

import type { AwsTarget } from './aws-target.ts';

/** What a store takes. */
export interface StoreRules {
  nameProblem(name: string): string | null;
  valueProblem(bytes: Uint8Array): string | null;
  /** How a variable is kept beside its value: part of what is compared. Empty: in the one way that there is. */
  attributes(secret: boolean): string;
}

/** How an environment looks at a target, with what the store does not take refused or skipped as the mirror says. */
export function render(
  target: AwsTarget,
  rules: StoreRules,
  environment: string,
  variables: readonly PlainVariable[],
): readonly RenderedKey[] {
  return target.layout === 'blob'
    ? [renderBlob(target, rules, environment, variables)]
    : variables.map((variable) => renderVariable(target, rules, environment, variable));
}

function renderVariable(target: AwsTarget, rules: StoreRules, environment: string, variable: PlainVariable): RenderedKey {
  const { name } = variable;
  const key = target.names.key(environment, name);
  const empty = variable.value.length === 0;
  const bytes = empty && target.emptyValues === 'replace' ? new TextEncoder().encode(target.emptyReplacement) : variable.value;
  const reason = rules.nameProblem(key) ?? (isText(bytes) ? rules.valueProblem(bytes) : 'the value is no UTF-8 text');
  if (reason === null) {
    return { key, variables: [name], content: { kind: 'value', bytes, attributes: rules.attributes(variable.secret) } };
  }
  const skipped = empty ? target.emptyValues === 'skip' : target.unfitValues === 'skip';
  return {
    key,
    variables: [name],
    content: { kind: 'refused', reason: 'it cannot be written', refusals: [{ variable: name, reason }], skipped },
  };
}

function renderBlob(target: AwsTarget, rules: StoreRules, environment: string, variables: readonly PlainVariable[]): RenderedKey {
  const key = target.names.key(environment, '');
  const sorted = variables.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const names = sorted.map(({ name }) => name);
  const refused = (reason: string, refusals: { variable: string; reason: string }[] = []): RenderedKey => ({
    key,
    variables: names,
    content: { kind: 'refused', reason, refusals, skipped: target.unfitValues === 'skip' },
  });
  const refusals = sorted
    .filter(({ value }) => !isText(value))
    .map(({ name }) => ({ variable: name, reason: 'the value is no UTF-8 text' }));
  if (refusals.length > 0) return refused('it is left as it is, because a variable cannot be written to it', refusals);
  const bytes = blobOf(sorted);
  const reason = rules.nameProblem(key) ?? rules.valueProblem(bytes);
  if (reason !== null) {
    const largest = sorted.toSorted((a, b) => b.value.length - a.value.length)[0];
    const which =
      largest === undefined
        ? []
        : [{ variable: largest.name, reason: `${reason} (it is the largest, with ${largest.value.length} bytes)` }];
    return refused('the environment as one object cannot be written', which);
  }
  return {
    key,
    variables: names,
    content: { kind: 'value', bytes, attributes: rules.attributes(sorted.some(({ secret }) => secret)) },
  };
}

/** One JSON object, sorted. Braces inside of texts that could pass for a reference of Parameter Store are written as escapes. */
function blobOf(variables: readonly PlainVariable[]): Uint8Array {
  const decoder = new TextDecoder();
  const fields = variables.map(({ name, value }) => `${jsonText(name)}:${jsonText(decoder.decode(value))}`);
  return new TextEncoder().encode(`{${fields.join(',')}}`);
}

function jsonText(text: string): string {
  return JSON.stringify(text).replaceAll('{{', String.raw`\u007b\u007b`);
}

/** The variables that a key's bytes hold, for an import; null: they are no such text. */
export function variablesOf(
  target: AwsTarget,
  variables: readonly string[],
  bytes: Uint8Array,
): readonly { readonly name: string; readonly value: Uint8Array }[] | null {
  if (!isText(bytes)) return null;
  if (target.layout === 'per-variable') {
    const isEmpty = target.emptyValues === 'replace' && new TextDecoder().decode(bytes) === target.emptyReplacement;
    return variables.slice(0, 1).map((name) => ({ name, value: isEmpty ? new Uint8Array() : bytes }));
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null;
  const fields = Object.entries(parsed);
  if (!fields.every(([, value]) => typeof value === 'string')) return null;
  return fields.map(([name, value]) => ({ name, value: new TextEncoder().encode(value as string) }));
}

function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
