/**
 * Bytes and texts: the few conversions that everything here needs. All numbers are big-endian.
 *
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 */

import { BurrowError } from "./errors.js";

const ENCODER = new TextEncoder();
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

/** UTF-8 of a text. @param {string} text @returns {Bytes} */
export function utf8(text) {
  return ENCODER.encode(text);
}

/** The text of UTF-8 bytes; bad-request if they are none. @param {Uint8Array} bytes @returns {string} */
export function text(bytes) {
  try {
    return STRICT.decode(bytes);
  } catch {
    throw new BurrowError("bad-request", "this is no text in UTF-8");
  }
}

/** Two digits for each byte, lower case. @param {Uint8Array} bytes @returns {string} */
export function hex(bytes) {
  let found = "";
  for (const byte of bytes) found += HEX[byte];
  return found;
}

/** The bytes of hex digits; bad-request. @param {string} digits @returns {Bytes} */
export function unhex(digits) {
  if (digits.length % 2 || !/^[0-9a-fA-F]*$/.test(digits)) throw new BurrowError("bad-request", "this is no hex");
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = parseInt(digits.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

/** RFC 4648 section 4, padded. @param {Uint8Array} bytes @returns {string} */
export function base64(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

/** The bytes of padded base64, and of no other spelling; bad-request. @param {string} spelled @returns {Bytes} */
export function unbase64(spelled) {
  let binary;
  try {
    binary = atob(spelled);
  } catch {
    throw new BurrowError("bad-request", "this is no base64");
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  if (btoa(binary) !== spelled) throw new BurrowError("bad-request", "this is no base64");
  return bytes;
}

/** All parts one behind the other. @param {...Uint8Array} parts @returns {Bytes} */
export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether two secrets are equal, in a time that tells nothing. @param {Uint8Array} one @param {Uint8Array} other */
export function same(one, other) {
  let differs = one.length ^ other.length;
  for (let at = 0; at < one.length; at++) differs |= one[at] ^ (other[at] ?? 0);
  return differs === 0;
}

/** Four bytes. @param {number} number @returns {Bytes} */
export function u32(number) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

/** Eight bytes; the number is a whole one below 2^53. @param {number} number @returns {Bytes} */
export function u64(number) {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(number / 0x100000000));
  view.setUint32(4, number % 0x100000000);
  return bytes;
}

/** The u64 at `at`; Infinity where JavaScript could not count it. @param {Uint8Array} bytes @param {number} at */
export function readU64(bytes, at) {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  const number = view.getUint32(0) * 0x100000000 + view.getUint32(4);
  return Number.isSafeInteger(number) ? number : Infinity;
}
