import type { Invocation } from './invocation.ts';
import { print } from './io.ts';
import { json, jsonLine } from './json.ts';

/** Writes an answer as data if the form of the output asks for it. False: it is for a person, and nothing was written. */
export async function printedAsData(at: Invocation, value: unknown): Promise<boolean> {
  const text = await dataText(at.output, value);
  if (text === null) return false;
  await print(at.io, text);
  return true;
}

/** A value as JSON or YAML; null when the form is neither. */
export async function dataText(form: string, value: unknown): Promise<string | null> {
  if (form === 'json') return json(value);
  return form === 'yaml' ? await yaml(value) : null;
}

/** A value of a stream of them: a line of JSON, or a document of YAML. */
export async function dataLine(form: string, value: unknown): Promise<string | null> {
  if (form === 'json') return jsonLine(value);
  return form === 'yaml' ? `---\n${await yaml(value)}` : null;
}

/** See `writeYaml`, which is loaded by who wants it. */
export async function yaml(value: unknown): Promise<string> {
  return (await import('./yaml-text.ts')).writeYaml(value);
}
