/** One variable of a dotenv text. */
export interface DotenvVariable {
  readonly name: string;
  readonly value: string;
  /** Where its assignment begins, from 1. */
  readonly line: number;
}

/** A line of a dotenv text that is no assignment. */
export class DotenvError extends Error {
  override readonly name = 'DotenvError';
  /** From 1. */
  readonly line: number;

  constructor(line: number, problem: string) {
    super(problem);
    this.line = line;
  }
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const doubleEscapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', $: '$', '`': '`' };

/**
 * Reads a dotenv text: `NAME=value` lines, with `export ` before the name or without, blank lines and `#` comments.
 *
 * - A bare value ends at the end of its line or at a `#` that follows a space; spaces around it do not count.
 * - `'single'` and `` `back` `` quotes take everything as it is; `"double"` quotes know `\n \r \t \\ \" \$`, and leave any other
 *   backslash alone. All of them may go over several lines.
 * - Nothing is expanded: `$` is a character.
 * - Lines end with LF or CRLF. Inside quotes a CRLF is a line break like any other: an LF.
 *
 * Throws a {@link DotenvError} at the first line that is none of this, and where a name comes twice: other readers differ on
 * which of the two counts.
 */
export function parseDotenv(text: string): readonly DotenvVariable[] {
  const source = text.replace(/^\uFEFF/, '').replace(/\r\n/g, '\n');
  const variables: DotenvVariable[] = [];
  const lineOf = new Map<string, number>();
  let line = 1;
  let at = 0;
  while (at < source.length) {
    const end = endOfLine(source, at);
    const whole = source.slice(at, end).trim();
    if (whole === '' || whole.startsWith('#')) {
      at = end + 1;
      line++;
      continue;
    }
    const { name, from } = assignmentAt(source.slice(at, end), line);
    const first = lineOf.get(name);
    if (first !== undefined) throw new DotenvError(line, `${name} stands in line ${first} already`);
    lineOf.set(name, line);
    const { value, next } = valueAt(source, at + from, line);
    variables.push({ name, value, line });
    line += source.slice(at, next).split('\n').length - 1;
    at = next;
  }
  return variables;
}

function endOfLine(source: string, at: number): number {
  const end = source.indexOf('\n', at);
  return end === -1 ? source.length : end;
}

/** The name of an assignment, and where in its line the value begins. */
function assignmentAt(text: string, line: number): { name: string; from: number } {
  const equals = text.indexOf('=');
  if (equals === -1) throw new DotenvError(line, "expected NAME=value: there is no '='");
  const name = text
    .slice(0, equals)
    .trim()
    .replace(/^export\s+/, '');
  if (!namePattern.test(name)) {
    // Not shown: what stands before a '=' may be a line of a key whose quotes were forgotten.
    throw new DotenvError(
      line,
      "what stands before the '=' is no name of a variable: that begins with a letter or _ and holds letters, digits and _ . -",
    );
  }
  const value = text.slice(equals + 1);
  return { name, from: equals + 1 + (value.length - value.trimStart().length) };
}

/** The value that begins at a place, and where the next line begins. */
function valueAt(source: string, at: number, line: number): { value: string; next: number } {
  const quote = source[at];
  if (quote !== '"' && quote !== "'" && quote !== '`') {
    const end = endOfLine(source, at);
    const bare = source.slice(at, end);
    if (bare.startsWith('#')) return { value: '', next: end + 1 };
    return { value: checked(bare.replace(/\s#.*$/, '').trim(), line), next: end + 1 };
  }
  const { value, end } = quote === '"' ? doubleQuoted(source, at + 1, line) : untilQuote(source, at + 1, quote, line);
  const lineEnd = endOfLine(source, end);
  const rest = source.slice(end, lineEnd).trim();
  if (rest !== '' && !rest.startsWith('#')) {
    const endLine = line + source.slice(at, end).split('\n').length - 1;
    throw new DotenvError(endLine, `there is text behind the closing ${quote}`);
  }
  return { value: checked(value, line), next: lineEnd + 1 };
}

function untilQuote(source: string, from: number, quote: string, line: number): { value: string; end: number } {
  const close = source.indexOf(quote, from);
  if (close === -1) throw new DotenvError(line, `the quote ${quote} that opens here is never closed`);
  return { value: source.slice(from, close), end: close + 1 };
}

function doubleQuoted(source: string, from: number, line: number): { value: string; end: number } {
  let value = '';
  for (let at = from; at < source.length; at++) {
    const character = source[at]!;
    if (character === '"') return { value, end: at + 1 };
    const escaped = character === '\\' ? doubleEscapes[source[at + 1] ?? ''] : undefined;
    if (escaped !== undefined) at++;
    value += escaped ?? character;
  }
  throw new DotenvError(line, 'the quote " that opens here is never closed');
}

function checked(value: string, line: number): string {
  if (value.includes('\0')) throw new DotenvError(line, 'the value holds a zero byte, which no environment variable can');
  return value;
}

/** A value as {@link parseDotenv} reads it back, in the quotes that other readers take the same way where there are such. */
export function dotenvAssignment(name: string, value: string): string {
  if (!value.includes("'") && !value.includes('\r')) return `${name}='${value}'\n`;
  if (!/["$`\\\r]/.test(value)) return `${name}="${value}"\n`;
  const escaped = value
    .replace(/[\\"$`]/g, '\\$&')
    .replace(/\r/g, '\\r')
    .replace(/\n/g, '\\n');
  return `${name}="${escaped}"\n`;
}
