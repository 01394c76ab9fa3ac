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
  if (bytes.length > shortTextMax) return decoder.decode(bytes);
  let text = '';
  for (const byte of bytes) {
    if (byte > 0x7f) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}
