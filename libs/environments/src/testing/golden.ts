/** Named bytes as a golden file holds them: a line with the name, then lines of at most 64 hexadecimal digits, then an empty line. */
export function formatGolden(samples: Readonly<Record<string, Uint8Array>>): string {
  return Object.entries(samples)
    .map(([name, bytes]) => `${name}\n${hexLines(bytes)}\n`)
    .join('\n');
}

/** Reads what {@link formatGolden} wrote. */
export function parseGolden(text: string): Record<string, Uint8Array> {
  const samples: Record<string, Uint8Array> = {};
  for (const block of text.trimEnd().split('\n\n')) {
    const [name = '', ...lines] = block.split('\n');
    samples[name] = Uint8Array.from(lines.join('').match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
  }
  return samples;
}

function hexLines(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return (digits.match(/.{1,64}/g) ?? []).join('\n');
}
