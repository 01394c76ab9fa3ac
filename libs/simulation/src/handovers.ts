/** What a replica says of the lead that it hands over by itself, and of what comes of that. */
const words = {
  'a leader was paused': 'was paused for',
  'a thread was late': 'has had a thread that is late',
  'a disk was slow': 'has waited for its disk',
  'nobody took the lead': 'nobody took the lead over',
} as const;

export type HandoverKind = keyof typeof words;
export type HandoverCounts = Record<HandoverKind, number>;

const kinds = Object.keys(words) as HandoverKind[];

export function noHandovers(): HandoverCounts {
  return Object.fromEntries(kinds.map((kind) => [kind, 0])) as HandoverCounts;
}

/** Of which one a replica's report tells; null: of none. */
export function handoverIn(report: string): HandoverKind | null {
  return kinds.find((kind) => report.includes(words[kind])) ?? null;
}
