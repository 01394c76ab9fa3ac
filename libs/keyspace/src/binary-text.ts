/**
 * Bytes as a text of one character a byte (U+0000 … U+00FF): a key that a `Map` can find, in which the order of texts is the
 * order of bytes. ASCII bytes are the ASCII text itself.
 */
export function binaryText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The bytes of a {@link binaryText}. */
export function bytesOfBinaryText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
