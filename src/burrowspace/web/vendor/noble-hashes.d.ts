export interface Hash {
  (data: Uint8Array): Uint8Array<ArrayBuffer>;
}
export const sha256: Hash;
export function hmac(hash: Hash, key: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer>;
export function hkdf(
  hash: Hash,
  ikm: Uint8Array,
  salt: Uint8Array | undefined,
  info: Uint8Array | undefined,
  length: number,
): Uint8Array<ArrayBuffer>;
