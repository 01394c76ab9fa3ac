import type { Variable } from './environment.ts';

/** The values of an environment by name. A name that does not exist has no value. */
export type Values = Readonly<Record<string, string | undefined>>;

/**
 * Turns the text of a variable into a value. Throws when it is none: the message says what it must be, as in 'must be a number',
 * and is shown unless the variable is a secret.
 */
export interface VariableParser<V> {
  (text: string): V;
  /** What the variable is when it does not exist. Without this it must exist. */
  readonly absent?: () => V;
}

/** A schema: for each variable that is wanted, what turns its text into a value. */
export type VariableParsers = Readonly<Record<string, VariableParser<unknown>>>;

/** What {@link VariableParsers} make of an environment. */
export type Parsed<S extends VariableParsers> = { readonly [Name in keyof S]: ReturnType<S[Name]> };

/**
 * A schema of a library that speaks Standard Schema (https://standardschema.dev), such as zod, valibot or arktype. It is given
 * {@link Values} and answers at once, not by a promise.
 */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (values: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** A variable that is not as the schema wants it. Never holds the value of a secret. */
export interface VariableProblem {
  /** Empty: the environment as a whole. */
  readonly variable: string;
  readonly problem: string;
}

export type Typing<T> =
  { readonly kind: 'valid'; readonly values: T } | { readonly kind: 'invalid'; readonly problems: readonly VariableProblem[] };

/** The problems as one text. */
export function problemsText(problems: readonly VariableProblem[]): string {
  return problems
    .map(({ variable, problem }) => (variable === '' ? `the environment ${problem}` : `${variable} ${problem}`))
    .join('; ');
}

/** Makes typed values of an environment's variables. Without a schema they are texts. */
export function typed(
  variables: readonly Variable[],
  schema: VariableParsers | StandardSchema<unknown> | undefined,
): Typing<unknown> {
  if (schema === undefined) return { kind: 'valid', values: frozen(textsOf(variables)) };
  return isStandard(schema) ? byStandard(variables, schema) : byParsers(variables, schema);
}

function isStandard(schema: VariableParsers | StandardSchema<unknown>): schema is StandardSchema<unknown> {
  const standard = (schema as Partial<StandardSchema<unknown>>)['~standard'];
  return typeof standard === 'object' && typeof standard.validate === 'function';
}

function textsOf(variables: readonly Variable[]): [string, string][] {
  return variables.flatMap(({ name, value }) => (value === null ? [] : [[name, value] as [string, string]]));
}

/** Without a prototype: `constructor` and `__proto__` are names of variables as others are. */
function frozen(entries: readonly (readonly [string, unknown])[]): unknown {
  const values: Record<string, unknown> = Object.create(null);
  for (const [name, value] of entries) values[name] = value;
  return Object.freeze(values);
}

function byParsers(variables: readonly Variable[], schema: VariableParsers): Typing<unknown> {
  const byName = new Map(variables.map((variable) => [variable.name, variable]));
  const problems: VariableProblem[] = [];
  const entries = Object.entries(schema).map(([name, parse]): [string, unknown] => {
    const variable = byName.get(name);
    try {
      if (variable === undefined && parse.absent !== undefined) return [name, parse.absent()];
      const problem = absenceOf(variable);
      if (problem !== null) problems.push({ variable: name, problem });
      else return [name, accepted(parse(variable!.value!))];
    } catch (error) {
      problems.push({ variable: name, problem: wordsOf((error as Partial<Error> | null)?.message, variable) });
    }
    return [name, undefined];
  });
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', values: frozen(entries) };
}

function absenceOf(variable: Variable | undefined): string | null {
  if (variable === undefined) return 'does not exist';
  if (variable.value === null) return "is a secret that this view masks: ask for the view 'full'";
  return null;
}

/** `Number` is a tempting parser, and makes NaN of what is none. */
function accepted(value: unknown): unknown {
  if (typeof value === 'number' && Number.isNaN(value)) throw new TypeError('must be a number');
  return value;
}

/** What a parser says may quote the value: of a secret nothing of it is passed on. */
function wordsOf(message: string | undefined, variable: Variable | undefined): string {
  const isSecret = variable?.secret === true;
  return isSecret || message === undefined || message === '' ? 'is not what the schema wants' : message;
}

function byStandard(variables: readonly Variable[], schema: StandardSchema<unknown>): Typing<unknown> {
  const byName = new Map(variables.map((variable) => [variable.name, variable]));
  const anySecret = variables.find(({ secret }) => secret);
  let result: StandardResult<unknown> | Promise<StandardResult<unknown>>;
  try {
    result = schema['~standard'].validate(Object.fromEntries(textsOf(variables)));
  } catch (error) {
    const problem = wordsOf((error as Partial<Error> | null)?.message, anySecret);
    return { kind: 'invalid', problems: [{ variable: '', problem }] };
  }
  if (result instanceof Promise) {
    // It is not waited for, and must not end the process either.
    result.catch(() => undefined);
    return { kind: 'invalid', problems: [{ variable: '', problem: 'cannot be checked by a schema that answers later' }] };
  }
  if (result.issues === undefined) return { kind: 'valid', values: result.value };
  const problems = result.issues.map(({ message, path }): VariableProblem => {
    const [first] = path ?? [];
    const name = first === undefined ? '' : String(typeof first === 'object' ? first.key : first);
    const variable = byName.get(name);
    const masked = variable?.value === null ? absenceOf(variable) : null;
    // An issue of the whole may quote any of the values.
    return { variable: name, problem: masked ?? wordsOf(message, name === '' ? anySecret : variable) };
  });
  return { kind: 'invalid', problems };
}
