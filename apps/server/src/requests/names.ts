import { invalid } from '../errors/refused.ts';

/** The namespace of a request that names none. */
export const defaultNamespace = 'default';

const namespacePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const environmentPattern = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*){0,7}$/;
const prefixPattern = /^[a-z0-9._/-]*$/;
const variablePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const nameLengthMax = 256;

/** The namespace that a request means. */
export function namespaceOf(request: { readonly namespace: string }): string {
  if (request.namespace === '') return defaultNamespace;
  if (!namespacePattern.test(request.namespace))
    throw invalid('namespace', 'must be 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends');
  return request.namespace;
}

/** Whether an environment may have this name. */
export function isEnvironmentName(name: string): boolean {
  return name.length <= nameLengthMax && environmentPattern.test(name);
}

/** A name that an environment may have. */
export function environmentName(name: string, field: string): string {
  if (!isEnvironmentName(name)) {
    throw invalid(
      field,
      'must be 1 to 8 segments of a-z, 0-9, ., _ and -, each beginning with a letter or digit, joined by /, at most 256 bytes',
    );
  }
  return name;
}

/** What names of environments may begin with. */
export function namePrefix(prefix: string, field: string): string {
  if (prefix.length > nameLengthMax || !prefixPattern.test(prefix))
    throw invalid(field, 'must be a beginning of names: a-z, 0-9, ., _, - and /, at most 256 bytes');
  return prefix;
}

/** A name that a variable may have. */
export function variableName(name: string, field: string): string {
  if (name.length > nameLengthMax || !variablePattern.test(name)) {
    throw invalid(field, 'must be letters, digits, _, . and -, beginning with a letter or _, at most 256 bytes');
  }
  return name;
}
