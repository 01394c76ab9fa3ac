import type { MirrorLayout } from '@env-cli/mirroring';
import { TargetError } from '@env-cli/outbox';

/** How a variable's name is written in a key: as it is, in lower case, or in lower case with `-` for `_` and `.`. */
type Spelling = 'as-is' | 'lower' | 'kebab';

const spellings: Readonly<Record<Spelling, (name: string) => string>> = {
  'as-is': (name) => name,
  lower: (name) => name.toLowerCase(),
  kebab: (name) => name.toLowerCase().replaceAll(/[_.]/g, '-'),
};

const literal = '[A-Za-z0-9_./-]*';
const perVariable = new RegExp(`^(${literal})\\{environment\\}(${literal}/)([^/{}]*)\\{variable(?::(lower|kebab))?\\}([^/{}]*)$`);
const blob = new RegExp(`^(${literal})\\{environment\\}(${literal})$`);

/** The template that a mirror has when it names none. */
export const defaultTemplates: Readonly<Record<MirrorLayout, string>> = {
  'per-variable': '{environment}/{variable}',
  blob: '{environment}',
};

/**
 * How the keys of a mirror are named, below its prefix. `{environment}` stands in the folders and `{variable}` in the last part,
 * so that every name says which environment it is of, and no two environments can meet in one.
 */
export class NameTemplate {
  readonly #prefix: string;
  readonly #before: string;
  readonly #after: string;
  readonly #head: string;
  readonly #spelling: Spelling;
  readonly #tail: string;
  readonly #layout: MirrorLayout;

  /** Throws {@link TargetError} (`refused`). */
  constructor(prefix: string, template: string, layout: MirrorLayout) {
    const parts = layout === 'blob' ? blob.exec(template) : perVariable.exec(template);
    if (parts === null) throw new TargetError('refused', templateProblem(template, layout));
    const [, before = '', after = '', head = '', spelling = 'as-is', tail = ''] = parts;
    this.#prefix = prefix;
    this.#before = before;
    this.#after = after;
    this.#head = head;
    this.#spelling = spelling as Spelling;
    this.#tail = tail;
    this.#layout = layout;
  }

  /** The folder in which all keys of an environment lie, with the `/` at its end; null in the blob layout: there is one key. */
  folder(environment: string): string | null {
    return this.#layout === 'blob' ? null : `${this.#prefix}${this.#before}${environment}${this.#after}`;
  }

  /** The key of a variable; in the blob layout, of all of them. */
  key(environment: string, variable: string): string {
    const place = `${this.#prefix}${this.#before}${environment}${this.#after}`;
    if (this.#layout === 'blob') return place;
    return `${place}${this.#head}${spellings[this.#spelling](variable)}${this.#tail}`;
  }

  /** The environment that a key is of; null: it is none of this template's. */
  environmentOf(key: string): string | null {
    const end = this.#layout === 'blob' ? key.length : key.lastIndexOf('/') + 1;
    const last = key.slice(end);
    if (!last.startsWith(this.#head) || !last.endsWith(this.#tail)) return null;
    const start = `${this.#prefix}${this.#before}`;
    const place = key.slice(0, end);
    if (!place.startsWith(start) || !place.endsWith(this.#after)) return null;
    const environment = place.slice(start.length, place.length - this.#after.length);
    return environment === '' ? null : environment;
  }
}

function templateProblem(template: string, layout: MirrorLayout): string {
  const rule =
    layout === 'blob'
      ? 'has {environment} once and no {variable}, as in {environment} or config/{environment}/all'
      : 'has {environment} in its folders and {variable} in its last part, as in {environment}/{variable} or {environment}/env/{variable:kebab}';
  return `the name template ${template} cannot be used: in the layout ${layout} a template ${rule}; the rest is letters, digits and _.-/`;
}
