/**
 * Blocks through the server: a leg is one spool, filled by one writer with PATCH requests and read by whoever follows
 * it, live or later. Twin of client/link_relay.py. A piece is sealed while the one before it goes up (uploads.js), and
 * none is so large that a proxy refuses it. Specs: docs/spec/paths.md, docs/spec/bytes.md.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Layout } from "../core/layout.js"
 * @import { Server, Spool } from "./api.js"
 * @import { GivingEngine } from "./engine.js"
 * @import { Held } from "./uploads.js"
 */

import { BurrowError } from "../core/errors.js";
import { SUITES } from "../core/sealing.js";
import { ours, seconds, sleep } from "./ambient.js";
import { AWAY, NO_WARNING, bearer, isPage, refusal } from "./api.js";
import { Inflow } from "./inflow.js";

const FIRST = 4; // blocks of the first piece: the first byte is there soon
const MOST = 128; // blocks of a piece: 32 MiB, where 60 MB would still pass every tunnel
const PIECE_S = 0.8; // that a piece takes about: it grows and shrinks with the line
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

/** What a Writer sends with. @typedef {Pick<GivingEngine, "hold" | "patch" | "drop">} Carry */

/**
 * Carries positions from `first` on into a spool that begins with that block, until the transfer's end. A cut is mended
 * from the piece that is held; where the server lost more than that, the leg has ended.
 */
export class Writer {
  /** Sealed bytes that the server has acknowledged. */ safe = 0;
  stopped = false;
  /** @type {AbortController} */ #cut = new AbortController();
  #count = FIRST;
  /** Pieces that are held. @type {Set<number>} */ #held = new Set();

  /**
   * @param {Server} server
   * @param {Spool} spool
   * @param {Layout} layout of known size
   * @param {number} first
   * @param {Carry} carry
   * @param {() => number} ahead the position before which may be sent now; asked again when it is reached
   */
  constructor(server, spool, layout, first, carry, ahead) {
    this.server = server;
    this.spool = spool;
    this.layout = layout;
    this.first = first;
    this.position = first; // the next one that is not acknowledged
    this.carry = carry;
    this.ahead = ahead;
    this.base = layout.offset(first);
    this.end = layout.positions ?? 0;
  }

  /** Ends it where it stands. */
  stop() {
    this.stopped = true;
    this.#cut.abort(new BurrowError("broken", "stopped"));
    for (const id of this.#held) this.#drop(id);
  }

  /** Until all of it is there. broken: the leg has ended before, with the field `final` where another would too;
   * errors of `hold`. */
  async run() {
    try {
      /** @type {Promise<{piece: Held, upto: number}> | null} */ let next = this.first < this.end ? this.#piece(this.first) : null;
      while (next) {
        /** @type {{piece: Held, upto: number}} */ const { piece, upto } = await next;
        next = upto < this.end ? this.#piece(upto) : null;
        next?.catch(() => undefined);
        await this.#put(piece);
        this.#drop(piece.id);
        this.position = upto;
      }
    } finally {
      for (const id of this.#held) this.#drop(id);
    }
  }

  /** @param {number} id */
  #drop(id) {
    this.#held.delete(id);
    this.carry.drop(id);
  }

  /** @param {number} position @returns {Promise<{piece: Held, upto: number}>} */
  async #piece(position) {
    let most = this.ahead();
    for (; most <= position; most = this.ahead()) await sleep(HOLD_S, this.#cut.signal);
    const upto = Math.min(position + this.#count, most, this.end);
    const piece = await this.carry.hold(position, upto - position);
    this.#held.add(piece.id);
    if (this.#cut.signal.aborted) this.#drop(piece.id);
    return { piece, upto };
  }

  /** One piece, however often the line breaks. @param {Held} piece */
  async #put({ id, size }) {
    const from = this.safe;
    let delay = RETRY_S;
    while (this.safe < from + size) {
      const began = seconds();
      try {
        await this.#patch(id, this.safe - from, from + size);
        this.#paced(seconds() - began);
        delay = RETRY_S;
      } catch (error) {
        if (this.#cut.signal.aborted) throw this.#cut.signal.reason;
        if (error instanceof BurrowError && error.code === "broken") throw error;
        await sleep(delay, this.#cut.signal);
        delay = Math.min(2 * delay, RETRY_MOST_S);
        this.safe = await this.#known(delay);
        if (this.safe < from || this.safe > from + size) {
          throw new BurrowError("broken", "the server lost what was sent before");
        }
      }
    }
  }

  /** @param {number} id @param {number} skip bytes of the piece that are there @param {number} end where it ends in the spool */
  async #patch(id, skip, end) {
    const { status, headers, text } = await this.carry.patch(id, skip, `${this.server.origin}/upload/${this.spool.id}`, {
      ...NO_WARNING,
      ...bearer(this.spool.token),
      "tus-resumable": "1.0.0",
      "upload-offset": String(this.safe),
      "content-type": "application/offset+octet-stream",
    });
    if (status === 204) {
      this.safe = Number(headers["upload-offset"] ?? end);
      return;
    }
    const answer = new Response(text || null, { status, headers: { "content-type": headers["content-type"] ?? "" } });
    const page = isPage(answer); // of a tunnel or a proxy: the server may be asked again
    const said = await refusal(answer);
    if (page || AGAIN.includes(status)) throw said;
    throw new BurrowError("broken", said.sentence, { final: FINAL.includes(status) });
  }

  /** The next piece is as large as about PIECE_S of this line. @param {number} took */
  #paced(took) {
    if (took < PIECE_S / 2) this.#count = Math.min(2 * this.#count, MOST);
    else if (took > PIECE_S * 2) this.#count = Math.max(this.#count >> 1, 1);
  }

  /** What the server holds, bytes; asked until it answers. @param {number} delay @returns {Promise<number>} */
  async #known(delay) {
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
  stopped = false;
  /** @type {AbortController} */ #cut = new AbortController();
  /** @type {Inflow | null} */ #flow = null;
  #skipped = 0; // bytes that came before the place to go on

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
    this.askedUpto = upto === null ? null : Math.min(upto, layout.positions ?? Infinity); // the server sends no more than this, even if `upto` grows meanwhile
  }

  /** Bytes of blocks that came, whole block or not. */
  get received() {
    return Math.max(0, (this.#flow?.received ?? 0) - this.#skipped);
  }

  /** Cuts the connection. */
  stop() {
    this.stopped = true;
    this.#cut.abort(new BurrowError("broken", "stopped"));
  }

  /** Until everything that the leg carries was taken. broken, with the field `final` where it cannot come back. */
  async run() {
    let seen = -1;
    const watch = setInterval(() => {
      const { received = 0 } = this.#flow ?? {};
      if (received === seen) this.#cut.abort(new BurrowError("broken", "the line is silent"));
      seen = received;
    }, IDLE_S * 1000);
    try {
      await this.#follow();
    } catch (error) {
      if (this.#cut.signal.aborted) throw this.#cut.signal.reason;
      const found = ours(error);
      throw found.code === "error" ? new BurrowError("broken", found.sentence) : found;
    } finally {
      clearInterval(watch);
      this.#cut.abort(new BurrowError("broken", "over")); // ends the request, too
    }
  }

  async #follow() {
    const flow = (this.#flow = await this.#answer(this.layout.offset(this.position) - this.layout.offset(this.first)));
    /** @type {Promise<number>[]} */ const taking = [];
    while (!this.#atEnd()) {
      const known = this.layout.plainSize(this.position);
      const { sealed, overhead } = SUITES[this.layout.suite];
      const wanted = known === null ? sealed : known + overhead;
      const block = await flow.take(wanted);
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

  /** The answer from byte `start` of the spool on. @param {number} start @returns {Promise<Inflow>} */
  async #answer(start) {
    const { layout, first, askedUpto } = this;
    // A last byte, however far, is what lets the answer follow a spool whose length nobody knows (RFC 8673).
    const last = askedUpto === null ? FAR : layout.offset(askedUpto) - layout.offset(first) - 1;
    const answer = await fetch(`${this.server.origin}/download/${this.spool}?follow=1`, {
      headers: { ...NO_WARNING, ...(start || askedUpto !== null ? { range: `bytes=${start}-${last}` } : {}) },
      signal: this.#cut.signal,
      cache: "no-store",
    });
    if (isPage(answer)) throw new BurrowError("broken", `what stands before the server answered ${answer.status} with a page`);
    if ((answer.status !== 200 && answer.status !== 206) || !answer.body) {
      const { sentence } = await refusal(answer);
      throw new BurrowError("broken", sentence, { final: [404, 410, 416].includes(answer.status) });
    }
    const flow = new Inflow(answer.body);
    if (answer.status === 200 && start) {
      this.#skipped = start; // a server that knows no ranges here gives all of it
      if (!(await flow.skip(start))) throw new BurrowError("broken", "the leg ended before the place to go on");
    }
    return flow;
  }

  #atEnd() {
    return this.position >= Math.min(this.upto ?? Infinity, this.askedUpto ?? Infinity, this.layout.positions ?? Infinity);
  }
}
