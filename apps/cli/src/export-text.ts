import type { Variable } from '@env-cli/client';
import { unreachable } from '@env-cli/support';

import { dotenvAssignment } from './dotenv.ts';
import { json } from './json.ts';
import { yaml } from './structured.ts';
import { refusedError } from './cli-error.ts';

export type ExportFormat = 'dotenv' | 'json' | 'yaml' | 'shell';

/** A variable whose value is at hand. */
export interface Exported {
  readonly name: string;
  readonly value: string;
}

/** Refuses variables whose values are masked: a file without them would look whole and not be. */
export function revealed(environment: string, variables: readonly Variable[]): readonly Exported[] {
  const masked = variables.filter(({ value }) => value === null);
  if (masked.length > 0) {
    const names =
      masked.length > 5
        ? `${masked
            .slice(0, 5)
            .map(({ name }) => name)
            .join(', ')}, …`
        : masked.map(({ name }) => name).join(', ');
    throw refusedError(
      `${masked.length} of the ${variables.length} variables of ${environment} ${masked.length === 1 ? 'is a secret' : 'are secrets'} (${names}). Add --reveal to write ${masked.length === 1 ? 'it' : 'them'} out.`,
    );
  }
  return variables.map(({ name, value }) => ({ name, value: value ?? '' }));
}

/** Variables as text that a program reads back. */
export async function exportText(variables: readonly Exported[], format: ExportFormat): Promise<string> {
  switch (format) {
    case 'dotenv':
      return variables.map(({ name, value }) => dotenvAssignment(name, value)).join('');
    case 'json':
    case 'yaml': {
      const values = Object.fromEntries(variables.map(({ name, value }) => [name, value]));
      return format === 'json' ? json(values) : await yaml(values);
    }
    case 'shell':
      return variables.map(shellAssignment).join('');
    default:
      return unreachable(format);
  }
}

function shellAssignment({ name, value }: Exported): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw refusedError(`a shell has no variable of the name ${name}. Use -o dotenv or -o json, or 'env-cli run'.`);
  }
  if (value.includes('\0')) throw refusedError(`the value of ${name} holds a zero byte, which a shell cannot. Use -o json.`);
  return `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`;
}
