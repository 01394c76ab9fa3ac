import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OperationSchema } from '@env-cli/wire';

type OperationInit = MessageInitShape<typeof OperationSchema>;

/** Sets variables, in an environment that is created when there is none. `secret` is left open unless given. */
export function setting(environment: string, values: Readonly<Record<string, string>>, secret?: boolean): OperationInit {
  const variables = Object.entries(values).map(([name, value]) => ({ name, value, ...(secret === undefined ? {} : { secret }) }));
  return { environment, action: { case: 'set', value: { createIfAbsent: true, variables } } };
}

/** Creates an environment. */
export function creating(
  environment: string,
  values: Readonly<Record<string, string>>,
  labels: Record<string, string> = {},
): OperationInit {
  const variables = Object.entries(values).map(([name, value]) => ({ name, value }));
  return { environment, action: { case: 'create', value: { variables, labels } } };
}
