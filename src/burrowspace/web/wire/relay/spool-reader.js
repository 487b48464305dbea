/**
 * Reads one spool of the server, live or later. Twin of client/relay/spool_reader.py. Specs: docs/spec/paths.md,
 * docs/spec/bytes.md.
 *
 * @import { Layout } from "../../core/layout.js"
 * @import { Take } from "../files/engine.js"
 * @import { Server } from "../server/api.js"
 */

import { BurrowError } from "../../core/errors.js";
import { ours } from "../runtime.js";
import { NO_WARNING, isPage, refusal } from "../server/api.js";
import { DOWNLOADS } from "../server/turns.js";
import { Inflow } from "./inflow.js";

const AHEAD = 8; // blocks that are opened at once
const FAR = 2 ** 51; // a byte that no transfer has
const IDLE_S = 120; // without a byte: the connection is taken for dead
const LOOK_MS = 1000; // between two looks whether others of this browser wait for a connection
const SHARE = 8; // blocks of an answer while they do

/** Follows a spool from `position` on and gives each whole block to `take`, until `upto`, its end or a cut. */
export class SpoolReader {
  stopped = false;
  /** @type {AbortController} */ #cut = new AbortController();
  /** @type {Inflow | null} */ #flow = null;
  #skipped = 0; // bytes that came before the place to go on
  #before = 0; // bytes of blocks that earlier answers brought
  #over = false; // the pack's last block came
  /** Blocks that are being taken. @type {Promise<number>[]} */ #taking = [];

  /**
   * @param {Server} server
   * @param {string} spool
   * @param {Layout} layout
   * @param {number} first the block that the spool begins with
   * @param {number} position the one to begin with
   * @param {Take} take
   * @param {number | null} upto the segment carries what lies before; may become known later
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
    return this.#before + Math.max(0, (this.#flow?.received ?? 0) - this.#skipped);
  }

  /** Cuts the connection. */
  stop() {
    this.stopped = true;
    this.#cut.abort(new BurrowError("broken", "stopped"));
  }

  /** Until everything that the segment carries was taken. broken, with the field `final` where it cannot come back. */
  async run() {
    let seen = -1;
    const watch = setInterval(() => {
      if (this.#flow && this.received === seen) this.#cut.abort(new BurrowError("broken", "the line is silent"));
      seen = this.received;
    }, IDLE_S * 1000);
    try {
      while (!this.#over && !this.#atEnd()) await DOWNLOADS.run(() => this.#turn(), this.#cut.signal);
      await Promise.all(this.#taking);
    } catch (error) {
      if (this.#cut.signal.aborted) throw this.#cut.signal.reason;
      const found = ours(error);
      throw found.code === "error" ? new BurrowError("broken", found.sentence) : found;
    } finally {
      clearInterval(watch);
    }
  }

  /** What one answer brings. Where others of this browser wait for a connection, it is asked for SHARE blocks; one that
   * was asked for more ends behind a block, and one that brings nothing ends between two. */
  async #turn() {
    const { layout, position: begin } = this;
    const shared = await DOWNLOADS.crowded();
    const ends = new AbortController();
    let [leaves, seen] = [false, -1];
    const look = setInterval(async () => {
      const { received } = this;
      const silent = received === seen && received === this.#before + layout.offset(this.position) - layout.offset(begin);
      seen = received;
      if (!(await DOWNLOADS.crowded())) return;
      leaves = !shared;
      if (silent && received === this.received) ends.abort();
    }, LOOK_MS);
    try {
      await this.#follow(AbortSignal.any([this.#cut.signal, ends.signal]), shared ? begin + SHARE : null, () => leaves);
    } catch (error) {
      if (!ends.signal.aborted || this.#cut.signal.aborted) throw error;
    } finally {
      clearInterval(look);
      ends.abort(); // the request, too
      this.#before += layout.offset(this.position) - layout.offset(begin);
      this.#flow = null;
      this.#skipped = 0;
    }
  }

  /** @param {AbortSignal} signal @param {number | null} until the block before which the answer ends, at the latest
   * @param {() => boolean} leaves whether it ends behind the next block */
  async #follow(signal, until, leaves) {
    const start = this.layout.offset(this.position) - this.layout.offset(this.first);
    const flow = (this.#flow = await this.#answer(start, until, signal));
    const { layout } = this;
    while (!this.#atEnd() && this.position !== until && !leaves()) {
      const wanted = layout.sealedMost(this.position);
      const block = await flow.take(wanted);
      if (block.length < wanted && (layout.packSize !== null || !block.length)) {
        throw new BurrowError("broken", "the segment ended before the transfer did");
      }
      const size = block.length; // it is given away
      const taken = this.take(this.position, block);
      taken.catch(() => undefined);
      this.#taking.push(taken);
      if (this.#taking.length >= AHEAD) await this.#taking.shift();
      this.position += 1;
      this.#over = layout.endsWith(this.position - 1, size);
      if (this.#over) break;
    }
    await Promise.all(this.#taking.splice(0));
  }

  /** The answer from byte `start` of the spool on. @param {number} start @param {number | null} until a block
   * @param {AbortSignal} signal @returns {Promise<Inflow>} */
  async #answer(start, until, signal) {
    const { layout, first } = this;
    const known = Math.min(until ?? Infinity, this.askedUpto ?? Infinity, layout.positions ?? Infinity);
    const all = known === Infinity || (until === null && this.askedUpto === null);
    // A last byte, however far, is what lets the answer follow a spool whose length nobody knows (RFC 8673).
    const last = all ? FAR : layout.offset(known) - layout.offset(first) - 1;
    const answer = await fetch(`${this.server.origin}/download/${this.spool}?follow=1`, {
      headers: { ...NO_WARNING, ...(start || !all ? { range: `bytes=${start}-${last}` } : {}) },
      signal,
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
      if (!(await flow.skip(start))) throw new BurrowError("broken", "the segment ended before the place to go on");
    }
    return flow;
  }

  #atEnd() {
    return this.position >= Math.min(this.upto ?? Infinity, this.askedUpto ?? Infinity, this.layout.positions ?? Infinity);
  }
}
