/**
 * Fills one spool of the server with PATCH requests. Twin of client/relay/spool_writer.py. A piece is sealed while the
 * one before it goes up (uploads.js), and none is so large that a proxy refuses it. Specs: docs/spec/paths.md,
 * docs/spec/bytes.md.
 *
 * @import { Layout } from "../../core/layout.js"
 * @import { GivingEngine } from "../files/engine.js"
 * @import { Held } from "../files/uploads.js"
 * @import { Server, Spool } from "../server/api.js"
 */

import { BurrowError } from "../../core/errors.js";
import { seconds, sleep } from "../runtime.js";
import { AWAY, NO_WARNING, bearer, isPage, refusal } from "../server/api.js";
import { UPLOADS } from "../server/turns.js";

const FIRST = 4; // blocks of the first piece: the first byte is there soon
const MOST = 128; // blocks of a piece: 32 MiB, where 60 MB would still pass every tunnel
const PIECE_S = 0.8; // that a piece takes about: it grows and shrinks with the line
const HOLD_S = 0.1;
const RETRY_S = 0.5;
const RETRY_MOST_S = 8;
const AGAIN = [408, 409, 429, 500, ...AWAY];
const FINAL = [401, 403, 413, 507];

/** What a SpoolWriter sends with. @typedef {Pick<GivingEngine, "hold" | "patch" | "drop">} Carry */

/**
 * Carries positions from `first` on into a spool that begins with that block, until the transfer's end. A cut is mended
 * from the piece that is held; where the server lost more than that, the segment has ended.
 */
export class SpoolWriter {
  /** Sealed bytes that the server has acknowledged. */ safe = 0;
  /** When it last acknowledged something, s. */ safeAt = seconds();
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
    this.end = layout.positions ?? 0;
  }

  /** Ends it where it stands. */
  stop() {
    this.stopped = true;
    this.#cut.abort(new BurrowError("broken", "stopped"));
    for (const id of this.#held) this.#drop(id);
  }

  /** Until all of it is there. broken: the segment has ended before, with the field `final` where another would too;
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
      try {
        await UPLOADS.run(async () => {
          const began = seconds();
          await this.#patch(id, this.safe - from, from + size);
          this.#paced(seconds() - began);
        }, this.#cut.signal);
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
      this.safeAt = seconds();
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
