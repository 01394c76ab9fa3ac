const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration such as `500ms`, `1.5s`, `2m`, in milliseconds. Null: it is none. */
export function durationMs(text: string): number | null {
  const match = /^(?<count>\d+(?:\.\d+)?)(?<unit>ms|s|m|h)$/.exec(text);
  return match?.groups === undefined ? null : Number(match.groups['count']) * durationUnitsMs[match.groups['unit'] ?? '']!;
}
