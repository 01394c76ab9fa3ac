import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/**
 * A sealed text: `env-cli sealed\n`, a byte for the version, 16 bytes of salt, the cipher text, 16 bytes of tag.
 *
 * AES-256-GCM. Key and nonce of each seal are drawn from the caller's key and a salt of its own (HKDF-SHA-256, RFC 5869), so that
 * no pair of them is ever used for two texts. The magic, the version, the salt and the caller's binding are authenticated.
 */
const magic = Buffer.from('env-cli sealed\n');
const versionNow = 1;
const saltBytes = 16;
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = magic.length + 1 + saltBytes;

/** A key for AES-256. */
export const sealKeyBytes = keyBytes;

export type Opened = { readonly kind: 'opened'; readonly text: string } | { readonly kind: 'refused'; readonly why: string };

/** Seals a text for whoever has the key and names the same binding. */
export function sealed(text: string, key: Uint8Array, binding: string): Buffer {
  const head = Buffer.concat([magic, Buffer.of(versionNow), randomBytes(saltBytes)]);
  const { cipherKey, nonce } = keysOf(key, head);
  const cipher = createCipheriv('aes-256-gcm', cipherKey, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.concat([head, Buffer.from(binding)]));
  return Buffer.concat([head, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** Opens a sealed text, or says why it cannot. */
export function opened(bytes: Buffer, key: Uint8Array, binding: string): Opened {
  if (!bytes.subarray(0, magic.length).equals(magic)) return { kind: 'refused', why: 'it is not a sealed file' };
  const version = bytes[magic.length];
  if (version !== versionNow) return { kind: 'refused', why: `it has format ${version}, and this client reads ${versionNow}` };
  if (bytes.length < headBytes + tagBytes) return { kind: 'refused', why: 'it is cut short' };
  const head = bytes.subarray(0, headBytes);
  const { cipherKey, nonce } = keysOf(key, head);
  const decipher = createDecipheriv('aes-256-gcm', cipherKey, nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.concat([head, Buffer.from(binding)]));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  try {
    const text = Buffer.concat([decipher.update(bytes.subarray(headBytes, -tagBytes)), decipher.final()]);
    return { kind: 'opened', text: text.toString('utf8') };
  } catch {
    return { kind: 'refused', why: 'it is damaged, or was sealed with another key or for another environment' };
  }
}

function keysOf(key: Uint8Array, head: Buffer): { readonly cipherKey: Buffer; readonly nonce: Buffer } {
  const salt = head.subarray(magic.length + 1);
  const drawn = Buffer.from(hkdfSync('sha256', key, salt, 'env-cli sealed 1', keyBytes + nonceBytes));
  return { cipherKey: drawn.subarray(0, keyBytes), nonce: drawn.subarray(keyBytes) };
}
