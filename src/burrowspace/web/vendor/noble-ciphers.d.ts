export interface Cipher {
  encrypt(plain: Uint8Array): Uint8Array<ArrayBuffer>;
  decrypt(sealed: Uint8Array): Uint8Array<ArrayBuffer>;
}
export function gcm(key: Uint8Array, nonce: Uint8Array, aad?: Uint8Array): Cipher;
export function xchacha20poly1305(key: Uint8Array, nonce: Uint8Array, aad?: Uint8Array): Cipher;
