/** A value as JSON for programs: two spaces, one newline at the end. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** A value as one line of JSON, for streams of them. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
