/**
 * Blocks through the server: a leg is one spool, filled by one writer with PATCH requests and read by whoever follows
 * it, live or later. Twin of client/link_relay.py. A piece of a few MiB is sealed while the one before it goes up, so
 * memory stays small and no proxy meets a large body. Specs: docs/spec/paths.md, docs/spec/bytes.md.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Layout } from "../core/layout.js"
 * @import { Server, Spool } from "./api.js"
 */

import { BurrowError } from "../core/errors.js";
import { SUITES } from "../core/sealing.js";
import { ours, seconds, sleep } from "./ambient.js";
import { AWAY, NO_WARNING, bearer, isPage, refusal } from "./api.js";

const FIRST = 4; // blocks of the first piece: the first byte is there soon
const MOST = 32; // blocks of a piece: 8 MiB, where 60 MB would still pass every tunnel
const PIECE_S = 0.4; // that a piece takes about: it grows and shrinks with the line
const HOLD_S = 0.1;
const RETRY_S = 0.5;
const RETRY_MOST_S = 8;
const AHEAD = 8; // blocks of a reader that are opened at once
const FAR = 2 ** 51; // a byte that no transfer has
const IDLE_S = 120; // without a byte: the connection is taken for dead
const AGAIN = [408, 409, 429, 500, ...AWAY];
const FINAL = [401, 403, 413, 507];

/** Up to `count` sealed blocks from `position` on, one behind the other. @typedef {(position: number, count: number) => Promise<Bytes>} Seal */
/** A sealed block that came, the taker's from then on; the positions held when it is written.
 * @typedef {(position: number, sealed: Bytes) => Promise<number>} Take */

/**
 * Carries positions from `first` on into a spool that begins with that block, until the transfer's end. A cut is mended
 * from the piece that is held in memory; where the server lost more than that, the leg has ended.
 */
export class Writer {
  /** Sealed bytes that the server has acknowledged. */ safe = 0;
  stopped = false;
  /** @type {AbortController} */ #cut = new AbortController();
  #count = FIRST;

  /**
   * @param {Server} server
   * @param {Spool} spool
   * @param {Layout} layout of known size
   * @param {number} first
   * @param {Seal} seal
   * @param {() => number} ahead the position before which may be sent now; asked again when it is reached
   */
  constructor(server, spool, layout, first, seal, ahead) {
    this.server = server;
    this.spool = spool;
    this.layout = layout;
    this.first = first;
    this.position = first; // the next one that is not acknowledged
    this.seal = seal;
    this.ahead = ahead;
    this.base = layout.offset(first);
    this.end = layout.positions ?? 0;
  }

  /** Ends it where it stands. */
  stop() {
    this.stopped = true;
    this.#cut.abort(new BurrowError("broken", "stopped"));
  }

  /** Until all of it is there. broken: the leg has ended before, with the field `final` where another would too;
   * errors of `seal`. */
  async run() {
    /** @type {Promise<{bytes: Bytes, upto: number}> | null} */ let next = this.first < this.end ? this.#piece(this.first) : null;
    while (next) {
      /** @type {{bytes: Bytes, upto: number}} */ const { bytes, upto } = await next;
      next = upto < this.end ? this.#piece(upto) : null;
      next?.catch(() => undefined);
      await this.#put(bytes);
      this.position = upto;
    }
  }

  /** @param {number} position @returns {Promise<{bytes: Bytes, upto: number}>} */
  async #piece(position) {
    let most = this.ahead();
    for (; most <= position; most = this.ahead()) await sleep(HOLD_S, this.#cut.signal);
    const upto = Math.min(position + this.#count, most, this.end);
    return { bytes: await this.seal(position, upto - position), upto };
  }

  /** One piece, however often the line breaks. @param {Bytes} bytes */
  async #put(bytes) {
    const from = this.safe;
    let delay = RETRY_S;
    while (this.safe < from + bytes.length) {
      const began = seconds();
      try {
        await this.#patch(bytes.subarray(this.safe - from));
        this.#paced(seconds() - began);
        delay = RETRY_S;
      } catch (error) {
        if (this.#cut.signal.aborted) throw this.#cut.signal.reason;
        if (error instanceof BurrowError && error.code === "broken") throw error;
        await sleep(delay, this.#cut.signal);
        delay = Math.min(2 * delay, RETRY_MOST_S);
        this.safe = await this.#held(delay);
        if (this.safe < from || this.safe > from + bytes.length) {
          throw new BurrowError("broken", "the server lost what was sent before");
        }
      }
    }
  }

  /** @param {Bytes} bytes */
  async #patch(bytes) {
    const answer = await fetch(`${this.server.origin}/upload/${this.spool.id}`, {
      method: "PATCH",
      headers: {
        ...NO_WARNING,
        ...bearer(this.spool.token),
        "tus-resumable": "1.0.0",
        "upload-offset": String(this.safe),
        "content-type": "application/offset+octet-stream",
      },
      body: new Blob([bytes]), // Chromium sends a Blob ten to thirty times as fast as a buffer
      signal: this.#cut.signal,
    });
    if (answer.status === 204) {
      this.safe = Number(answer.headers.get("upload-offset") ?? this.safe + bytes.length);
      return;
    }
    const page = isPage(answer); // of a tunnel or a proxy: the server may be asked again
    const said = await refusal(answer);
    if (page || AGAIN.includes(answer.status)) throw said;
    throw new BurrowError("broken", said.sentence, { final: FINAL.includes(answer.status) });
  }

  /** The next piece is as large as about PIECE_S of this line. @param {number} took */
  #paced(took) {
    if (took < PIECE_S / 2) this.#count = Math.min(2 * this.#count, MOST);
    else if (took > PIECE_S * 2) this.#count = Math.max(this.#count >> 1, 1);
  }

  /** What the server holds, bytes; asked until it answers. @param {number} delay @returns {Promise<number>} */
  async #held(delay) {
    for (;;) {
      try {
        const headers = { ...NO_WARNING, ...bearer(this.spool.token), "tus-resumable": "1.0.0" };
        const url = `${this.server.origin}/upload/${this.spool.id}`;
        const answer = await fetch(url, { method: "HEAD", headers, signal: this.#cut.signal, cache: "no-store" });
        if (isPage(answer)) throw new Error("a page of something else");
        const offset = answer.headers.get("upload-offset");
        if (answer.ok && offset !== null) return Number(offset);
        if ([401, 403, 404, 410].includes(answer.status)) {
          throw new BurrowError("broken", "the server has let go of what lay there");
        }
      } catch (error) {
        if (this.#cut.signal.aborted) throw this.#cut.signal.reason;
        if (error instanceof BurrowError) throw error;
      }
      await sleep(delay, this.#cut.signal);
      delay = Math.min(2 * delay, RETRY_MOST_S);
    }
  }
}

/** Follows a spool from `position` on and gives each whole block to `take`, until `upto`, its end or a cut. */
export class Reader {
  /** Bytes of blocks that came, whole block or not. */ received = 0;
  stopped = false;
  /** @type {AbortController} */ #cut = new AbortController();
  /** @type {ReadableStreamDefaultReader<Uint8Array> | null} */ #stream = null;
  /** What came and is in no block yet. @type {Uint8Array} */ #rest = new Uint8Array(0);

  /**
   * @param {Server} server
   * @param {string} spool
   * @param {Layout} layout
   * @param {number} first the block that the spool begins with
   * @param {number} position the one to begin with
   * @param {Take} take
   * @param {number | null} upto the leg carries what lies before; may become known later
   */
  constructor(server, spool, layout, first, position, take, upto) {
    this.server = server;
    this.spool = spool;
    this.layout = layout;
    this.first = first;
    this.position = position;
    this.take = take;
    this.upto = upto;
  }

  /** Cuts the connection. */
  stop() {
    this.stopped = true;
    this.#cut.abort(new BurrowError("broken", "stopped"));
  }

  /** Until everything that the leg carries was taken. broken, with the field `final` where it cannot come back. */
  async run() {
    try {
      await this.#follow();
    } catch (error) {
      if (this.#cut.signal.aborted) throw this.#cut.signal.reason;
      const found = ours(error);
      throw found.code === "error" ? new BurrowError("broken", found.sentence) : found;
    } finally {
      this.#cut.abort(new BurrowError("broken", "over")); // ends the request, too
    }
  }

  async #follow() {
    const start = this.layout.offset(this.position) - this.layout.offset(this.first);
    const answer = await fetch(`${this.server.origin}/download/${this.spool}?follow=1`, {
      // A last byte, however far, is what lets the answer follow a spool whose length nobody knows (RFC 8673).
      headers: { ...NO_WARNING, ...(start ? { range: `bytes=${start}-${FAR}` } : {}) },
      signal: this.#cut.signal,
      cache: "no-store",
    });
    if (isPage(answer)) throw new BurrowError("broken", `what stands before the server answered ${answer.status} with a page`);
    if ((answer.status !== 200 && answer.status !== 206) || !answer.body) {
      const { sentence } = await refusal(answer);
      throw new BurrowError("broken", sentence, { final: [404, 410, 416].includes(answer.status) });
    }
    this.#stream = answer.body.getReader();
    if (answer.status === 200) await this.#skip(start); // a server that knows no ranges here gives all of it
    /** @type {Promise<number>[]} */ const taking = [];
    while (!this.#atEnd()) {
      const known = this.layout.plainSize(this.position);
      const { sealed, overhead } = SUITES[this.layout.suite];
      const wanted = known === null ? sealed : known + overhead;
      const block = await this.#fill(new Uint8Array(wanted));
      if (block.length < wanted && (known !== null || !block.length)) {
        throw new BurrowError("broken", "the leg ended before the transfer did");
      }
      const taken = this.take(this.position, block);
      taken.catch(() => undefined);
      taking.push(taken);
      if (taking.length >= AHEAD) await taking.shift();
      this.position += 1;
      if (known === null && block.length < wanted) break; // the pack's last
    }
    await Promise.all(taking);
  }

  #atEnd() {
    return this.position >= Math.min(this.upto ?? Infinity, this.layout.positions ?? Infinity);
  }

  /** @param {number} size */
  async #skip(size) {
    while (size > 0) {
      const got = await this.#more();
      if (!got) throw new BurrowError("broken", "the leg ended before the place to go on");
      const part = Math.min(size, got.length);
      this.#rest = got.subarray(part);
      size -= part;
    }
  }

  /** The bytes of `block` that came, fewer where the answer ended. @param {Bytes} block @returns {Promise<Bytes>} */
  async #fill(block) {
    let at = 0;
    while (at < block.length) {
      const got = await this.#more();
      if (!got) break;
      const part = Math.min(block.length - at, got.length);
      block.set(part === got.length ? got : got.subarray(0, part), at);
      this.#rest = got.subarray(part);
      at += part;
      this.received += part;
    }
    return at === block.length ? block : block.slice(0, at);
  }

  /** What came, or null at the end. @returns {Promise<Uint8Array | null>} */
  async #more() {
    if (this.#rest.length) {
      const rest = this.#rest;
      this.#rest = new Uint8Array(0);
      return rest;
    }
    const timer = setTimeout(() => this.#cut.abort(new BurrowError("broken", "the line is silent")), IDLE_S * 1000);
    try {
      const found = await this.#stream?.read();
      return found?.value ?? null;
    } finally {
      clearTimeout(timer);
    }
  }
}
