/**
 * The wire of a direct link: two ends prove that they know the same key, then frames carry blocks and controls. Twin
 * of core/frames.py.
 *
 * Bytes in, facts out: no connection. The client is the end that speaks first, always the receiver of the transfer;
 * the server of blocks is its sender. Spec: docs/spec/link.md.
 *
 * @import { Bytes } from "./bytes.js"
 * @import { Control } from "./signals.js"
 */

import { hmac, sha256 } from "../vendor/noble-hashes.js";
import { hex, joined, readU64, same, u32, u64, utf8 } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { Box, derive, SUITES, TAG_BYTES } from "./sealing.js";
import { encode, parseControl } from "./signals.js";

export const MAGIC = utf8("burrow/1");
export const TAG = 16; // bytes that tell which link is meant
export const NONCE = 32;
export const CLIENT_HELLO_BYTES = 56; // magic, tag, nonce
export const SERVER_HELLO_BYTES = 72; // magic, nonce, MAC
export const CLIENT_PROOF_BYTES = 32; // MAC
export const BLOCK_FRAME = 1; // position u64, sealed block
export const CONTROL_FRAME = 2; // sealed JSON
export const HEADER_BYTES = 5; // u32 of what follows, u8 kind
export const BLOCK_HEADER_BYTES = 13; // the same, and the position
export const BLOCK_BODY_MOST = 8 + SUITES.XC20P.sealed;
export const BLOCK_BODY_LEAST = 8 + 12 + TAG_BYTES; // an empty last block in A256GCM
export const CONTROL_BODY_MOST = 65536;
export const CONTROL_BODY_LEAST = 12 + TAG_BYTES + 2;
const NOTHING = new Uint8Array(0);
const BOUND = utf8("burrow/1 control");
const STRANGER = "the other end of a direct link does not know its key";

/** What the handshake gives: one key for each direction. @typedef {{client: Bytes, server: Bytes}} Keys */

/** The first bytes on a link. @param {Uint8Array} tag 16 bytes @param {Uint8Array} nonce 32 random bytes @returns {Bytes} */
export function clientHello(tag, nonce) {
  if (tag.length !== TAG || nonce.length !== NONCE) throw new TypeError(`a tag has ${TAG} bytes and a nonce ${NONCE}`);
  return joined(MAGIC, tag, nonce);
}

/** The tag: which link the other end means. bad-request. @param {Bytes} hello @returns {Bytes} */
export function parseClientHello(hello) {
  if (hello.length !== CLIENT_HELLO_BYTES || hex(hello.subarray(0, 8)) !== hex(MAGIC)) {
    throw new BurrowError("bad-request", "this is not the first word of a direct link");
  }
  return hello.slice(8, 8 + TAG);
}

/** @param {Uint8Array} key @param {Uint8Array} hello @param {Uint8Array} nonce @param {"client" | "server"} role */
function mac(key, hello, nonce, role) {
  return hmac(sha256, derive(key, NOTHING, `burrow/1 link proof ${role}`), joined(hello, MAGIC, nonce));
}

/** The answer to a client's hello, with the proof that this end knows the link's key. bad-request.
 * @param {Uint8Array} key @param {Bytes} hello @param {Uint8Array} nonce @returns {Bytes} */
export function serverHello(key, hello, nonce) {
  parseClientHello(hello);
  if (nonce.length !== NONCE) throw new TypeError(`a nonce has ${NONCE} bytes`);
  return joined(MAGIC, nonce, mac(key, hello, nonce, "server"));
}

/** What the client says last, and its keys. bad-request for no answer, tampered for one that knows another key.
 * @param {Uint8Array} key @param {Bytes} hello @param {Bytes} answer @returns {{proof: Bytes, keys: Keys}} */
export function clientProof(key, hello, answer) {
  if (answer.length !== SERVER_HELLO_BYTES || hex(answer.subarray(0, 8)) !== hex(MAGIC)) {
    throw new BurrowError("bad-request", "this is not the answer of a direct link");
  }
  const nonce = answer.slice(8, 8 + NONCE);
  if (!same(answer.subarray(8 + NONCE), mac(key, hello, nonce, "server"))) throw new BurrowError("tampered", STRANGER);
  return { proof: mac(key, hello, nonce, "client"), keys: keysOf(key, hello, nonce) };
}

/** The server's keys, once the client's proof is good. tampered.
 * @param {Uint8Array} key @param {Bytes} hello @param {Bytes} answer @param {Uint8Array} proof @returns {Keys} */
export function serverKeys(key, hello, answer, proof) {
  const nonce = answer.slice(8, 8 + NONCE);
  if (!same(proof, mac(key, hello, nonce, "client"))) throw new BurrowError("tampered", STRANGER);
  return keysOf(key, hello, nonce);
}

/** @param {Uint8Array} key @param {Bytes} hello @param {Bytes} nonce @returns {Keys} */
function keysOf(key, hello, nonce) {
  const salt = joined(hello.subarray(hello.length - NONCE), nonce);
  return { client: derive(key, salt, "burrow/1 link client"), server: derive(key, salt, "burrow/1 link server") };
}

/** The tag by which stream `number` (1 and up) of the link with these keys comes in: nobody else can name it.
 * @param {Keys} keys @param {number} number @returns {Bytes} */
export function streamTag(keys, number) {
  return derive(joined(keys.client, keys.server), NOTHING, `burrow/1 link stream ${number}`, TAG);
}

/** A whole frame: u32 of what follows, u8 kind, body. @param {number} kind @param {Uint8Array} body @returns {Bytes} */
export function frame(kind, body) {
  return joined(u32(1 + body.length), Uint8Array.of(kind), body);
}

/** The 13 bytes in front of a sealed block. @param {number} position @param {number} sealedSize @returns {Bytes} */
export function blockHeader(position, sealedSize) {
  return joined(u32(9 + sealedSize), Uint8Array.of(BLOCK_FRAME), u64(position));
}

/** The kind and the bytes of body that follow these HEADER_BYTES. bad-request for what no frame is.
 * @param {Uint8Array} header @returns {{kind: number, size: number}} */
export function parseHeader(header) {
  const size = new DataView(header.buffer, header.byteOffset, HEADER_BYTES).getUint32(0) - 1;
  const kind = header[4];
  if (kind === BLOCK_FRAME && BLOCK_BODY_LEAST <= size && size <= BLOCK_BODY_MOST) return { kind, size };
  if (kind === CONTROL_FRAME && CONTROL_BODY_LEAST <= size && size <= CONTROL_BODY_MOST) return { kind, size };
  throw new BurrowError("bad-request", "the other end of a direct link sent what is no frame");
}

/** The position at the start of a block frame's body. @param {Uint8Array} body */
export function parsePosition(body) {
  return readU64(body, 0);
}

/** Frames out of bytes as they come, in any pieces. Holds at most one frame that is not whole. */
export class Parser {
  #head = new Uint8Array(HEADER_BYTES);
  #headed = 0;
  #kind = 0;
  #body = NOTHING;
  #filled = 0;

  /** Bytes held of a frame that is not whole. */
  get waiting() {
    return this.#headed + this.#filled;
  }

  /** Each frame that these bytes complete; its body is the taker's. bad-request: nothing after it means anything.
   * @param {Uint8Array} data @returns {Generator<{kind: number, body: Bytes}>} */
  *feed(data) {
    let at = 0;
    while (at < data.length) {
      if (this.#headed < HEADER_BYTES) {
        const size = Math.min(HEADER_BYTES - this.#headed, data.length - at);
        this.#head.set(data.subarray(at, at + size), this.#headed);
        this.#headed += size;
        at += size;
        if (this.#headed < HEADER_BYTES) return;
        const found = parseHeader(this.#head);
        this.#kind = found.kind;
        this.#body = new Uint8Array(found.size);
        this.#filled = 0;
        continue; // a body is never empty, so it ends below
      }
      const size = Math.min(this.#body.length - this.#filled, data.length - at);
      this.#body.set(data.subarray(at, at + size), this.#filled);
      this.#filled += size;
      at += size;
      if (this.#filled === this.#body.length) {
        const whole = { kind: this.#kind, body: this.#body };
        this.#headed = this.#filled = 0;
        this.#body = NOTHING;
        yield whole;
      }
    }
  }
}

/**
 * Seals one direction's controls and opens the other's, in order: a lost, repeated or moved one is tampered. What is
 * sealed must be sent in the order of the calls, and opened in the order in which it came; the count is taken at once.
 */
export class Controls {
  #sent = 0;
  #received = 0;
  /** @type {Box} */ #out;
  /** @type {Box} */ #in;

  /** @param {Bytes} own @param {Bytes} other keys */
  constructor(own, other) {
    this.#out = new Box(own);
    this.#in = new Box(other);
  }

  /** @param {Keys} keys */
  static ofClient(keys) {
    return new Controls(keys.client, keys.server);
  }

  /** @param {Keys} keys */
  static ofServer(keys) {
    return new Controls(keys.server, keys.client);
  }

  /** A whole frame. @param {Control} control @returns {Promise<Bytes>} */
  async seal(control) {
    const nonce = joined(u32(0), u64(this.#sent));
    this.#sent += 1;
    const body = await this.#out.seal(encode(control), BOUND, nonce);
    if (body.length > CONTROL_BODY_MOST) {
      throw new BurrowError("too-large", `a control has at most ${CONTROL_BODY_MOST} bytes`);
    }
    return frame(CONTROL_FRAME, body);
  }

  /** What a control frame's body says. tampered, bad-request. @param {Bytes} body @returns {Promise<Control>} */
  async open(body) {
    if (hex(body.subarray(0, 12)) !== hex(joined(u32(0), u64(this.#received)))) {
      throw new BurrowError("tampered", "a control on a direct link is not the next one");
    }
    this.#received += 1;
    return parseControl(await this.#in.open(body, BOUND));
  }
}
