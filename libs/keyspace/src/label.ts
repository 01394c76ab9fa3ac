import { ByteReader, type ByteWriter } from '@env-cli/support';

/** A label of an environment. Both are ASCII; an environment's labels are sorted by key, each key once. */
export interface Label {
  readonly key: string;
  readonly value: string;
}

/** The most characters of a label's key, and of its value. */
export const labelLengthMax = 128;

const keyPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$/;
const valuePattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?$/;

/** Whether a text may be a label's key: letters, digits and `._/-`, a letter or digit at both ends, 1 … 128 characters. */
export function isLabelKey(text: string): boolean {
  return text.length <= labelLengthMax && keyPattern.test(text);
}

/** Whether a text may be a label's value: empty, or letters, digits and `._-`, a letter or digit at both ends, up to 128 characters. */
export function isLabelValue(text: string): boolean {
  return text.length <= labelLengthMax && valuePattern.test(text);
}

/** Labels as records hold them: for each, sorted by key, key and value with their lengths. No labels are no bytes. */
export function encodeLabels(writer: ByteWriter, labels: Iterable<Label>): Uint8Array {
  for (const { key, value } of labels) writer.text(key).text(value);
  return writer.cut();
}

/** The labels of {@link encodeLabels}. */
export function decodeLabels(bytes: Uint8Array): Label[] {
  const labels: Label[] = [];
  if (bytes.length === 0) return labels;
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) labels.push({ key: reader.text(), value: reader.text() });
  return labels;
}

/** The labels sorted by key. */
export function sortedLabels(labels: Iterable<Label>): Label[] {
  return [...labels].toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}
