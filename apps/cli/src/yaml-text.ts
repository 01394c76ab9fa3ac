import { isMap, isScalar, LineCounter, parseDocument, stringify, type YAMLMap } from 'yaml';

/** A YAML text that is not what it should be. The message quotes nothing of it: it may hold a secret. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
  /** From 1. */
  readonly line: number;

  constructor(line: number, problem: string) {
    super(problem);
    this.line = line;
  }
}

/** An entry of a mapping, and where it stands. */
export interface YamlEntry {
  readonly name: string;
  readonly line: number;
  /** A text, or the entries of a mapping. */
  readonly value: string | readonly YamlEntry[];
}

/**
 * Reads mappings of names to texts or to further mappings. Every scalar is the text that is written there: `yes`, `1.10` and `null`
 * are no boolean, no number and no null.
 */
export function readYaml(text: string): readonly YamlEntry[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const [error] = document.errors;
  if (error !== undefined) throw new YamlError(lineAt(error.pos[0]), problems[error.code] ?? 'this is no valid YAML');
  if (document.contents === null) return [];
  if (!isMap(document.contents)) throw new YamlError(lineAt(document.contents.range?.[0] ?? 0), 'expected names and values');
  return entriesOf(document.contents, lineAt);
}

const problems: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this name stands there already',
  BAD_INDENT: 'this line is not indented as it must be',
  TAB_AS_INDENT: 'YAML indents with spaces, not with tabs',
  MISSING_CHAR: 'something is missing here: a quote, a bracket or a colon',
  BAD_ALIAS: 'a value that begins with * must be quoted',
  MULTILINE_IMPLICIT_KEY: 'a name must stand on one line; is a quote missing?',
  UNEXPECTED_TOKEN: 'this cannot stand here',
  MULTIPLE_DOCS: 'only one document is read',
};

function entriesOf(map: YAMLMap, lineAt: (offset: number) => number): YamlEntry[] {
  return map.items.map(({ key, value }) => {
    const line = lineAt(isScalar(key) ? (key.range?.[0] ?? 0) : 0);
    if (!isScalar(key) || typeof key.value !== 'string') throw new YamlError(line, 'a name is a text');
    const name = key.value;
    if (value === null || value === undefined) return { name, line, value: '' };
    if (isMap(value)) return { name, line, value: entriesOf(value, lineAt) };
    if (isScalar(value)) return { name, line, value: typeof value.value === 'string' ? value.value : '' };
    throw new YamlError(line, `${name} is a list or an alias; write a text, in quotes if it begins with * or &`);
  });
}

/** A value as YAML 1.2: texts are quoted wherever another reader, of 1.1 too, could take them for something else. */
export function writeYaml(value: unknown): string {
  // JSON's view of it: dates are texts.
  return stringify(JSON.parse(JSON.stringify(value)), { compat: 'yaml-1.1', lineWidth: 0, aliasDuplicateObjects: false });
}
