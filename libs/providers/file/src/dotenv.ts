import { decodeUtf8 } from '@env-cli/support';

/** One variable of a file. */
export interface FileVariable {
  readonly name: string;
  readonly value: string;
}

/**
 * Why a variable cannot stand in a dotenv file; null: it can.
 *
 * There is no standard for these files, and readers differ: `sh` ends a single-quoted text at the first `'` and expands `$` in a
 * double-quoted one; npm's dotenv and Node.js know no escape but `\n` and drop carriage returns; python-dotenv resolves `\\`
 * and `\'` in single quotes. What they do not all read alike is refused: a password that is wrong for one of them is worse
 * than one that is reported. (python-dotenv also replaces `${NAME}` unless it is told `interpolate=False`; that is its
 * reader's choice, and no way of writing prevents it.)
 */
export function dotenvProblem({ name, value }: FileVariable): string | null {
  const advice = 'use a mirror with format json';
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `a shell reads no name with . or -: ${advice}`;
  if (value.includes('\0')) return `the value holds a zero byte, which no dotenv file can: ${advice}`;
  if (value.includes('\r')) return `the value holds a carriage return, which some readers of dotenv files drop: ${advice}`;
  if (/\\\\|\\$/.test(value))
    return `the value holds \\\\ or ends with \\, which readers of dotenv files take differently: ${advice}`;
  if (value.includes("'") && /["$`\\]/.test(value)) {
    return `the value holds ' together with one of " $ \` \\, for which dotenv files have no quotes that all readers know: ${advice}`;
  }
  return null;
}

/** The text of a dotenv file. Every variable has passed {@link dotenvProblem}. */
export function dotenvText(comment: string, variables: readonly FileVariable[]): string {
  const lines = variables.map(({ name, value }) => {
    const quote = value.includes("'") ? '"' : "'";
    return `${name}=${quote}${value}${quote}\n`;
  });
  return `# ${comment}\n${lines.join('')}`;
}

/** The text of a value; null: its bytes are no UTF-8. */
export function textOf(value: Uint8Array): string | null {
  try {
    return decodeUtf8(value);
  } catch {
    return null;
  }
}
