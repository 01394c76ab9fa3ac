export { assert, BrokenInvariant, unreachable } from './assert.ts';
export type { Brand } from './brand.ts';
export { ByteReader, ByteWriter, compareBytes, equalBytes, hexOf, integerMax, MalformedBytes } from './bytes.ts';
export { hmacSha256, sha256 } from './sha256.ts';
export { decodeUtf8, encodeUtf8 } from './utf8.ts';
