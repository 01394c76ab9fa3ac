// The pure libraries compile without a host's types. These two are functions of their arguments alone (no clock, no
// randomness, no I/O) and every host of ours has them, so they are declared here, once.
declare const TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
// `ignoreBOM` keeps a leading U+FEFF: without it a value that begins with one would come back shorter than it went in.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The length up to which a loop over the characters is quicker than a call into the host. */
const shortTextMax = 48;

/** The UTF-8 bytes of a text. An unpaired surrogate becomes U+FFFD, as everywhere on the web platform. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  if (text.length > shortTextMax) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return encoder.encode(text);
    bytes[i] = unit;
  }
  return bytes;
}

/** The text of UTF-8 bytes. Throws a `TypeError` on bytes that are not well-formed UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * Short names in ASCII that were decoded last, each where its bytes lead to. The same few (namespaces, principals, names of
 * variables) come again and again: to find one costs a third of decoding it, and leaves nothing to collect.
 */
const recentCount = 1024;
const recent: string[] = Array.from({ length: recentCount }, () => '');

// Looked up once: in some hosts each look at a global is slow.
const { imul } = Math;

/** As {@link decodeUtf8}, for texts that are likely to come again. Not for values: it remembers some. */
export function decodeName(bytes: Uint8Array): string {
  const { length } = bytes;
  if (length > shortTextMax) return decoder.decode(bytes);
  let hash = length;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i]!;
    if (byte > 0x7f) return decoder.decode(bytes);
    hash = imul(hash, 31) + byte;
  }
  const place = (hash ^ (hash >>> 10)) & (recentCount - 1);
  const known = recent[place]!;
  if (known.length === length && isAsciiOf(bytes, known)) return known;
  // Not character by character: each step would make a text of its own.
  return (recent[place] = decoder.decode(bytes));
}

function isAsciiOf(bytes: Uint8Array, text: string): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}
