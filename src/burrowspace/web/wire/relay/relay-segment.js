/**
 * One segment of the sender's: a spool on the server that carries blocks from some position on, live or to rest there.
 * Twin of client/relay/relay_segment.py. Deciding is core/segments.js's and core/receiver-book.js's. Spec:
 * docs/spec/session.md.
 *
 * @import { ReceiverBook } from "../../core/receiver-book.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Part } from "../../core/segments.js"
 * @import { Signal } from "../../core/signals.js"
 * @import { Spool } from "../server/api.js"
 * @import { SpoolWriter } from "./spool-writer.js"
 */

import { ahead } from "../../core/segments.js";
import { seconds } from "../runtime.js";

/** @typedef {(signal: Signal) => Promise<void>} Say */
/** @typedef {"rest" | "live" | "live-then-rest"} Policy */
/** What the next run must know of a segment. @typedef {{spool: Spool, first: number, rests: boolean, upto: number |
 * null, whole: boolean}} KeptSegment */

/** Who follows a segment, or would. It is given the one that goes on where its own was cut.
 * @typedef {{book: ReceiverBook, segment: RelaySegment | null}} Follower */

/** One segment of ours. `rests`: all of it may lie there. `upto`: it ends before this position, null while it goes on.
 * `wanted`: somebody reads it, or all of it may lie there. */
export class RelaySegment {
  openedAt = seconds();
  /** @type {SpoolWriter | null} */ writer = null;
  /** Everything up to the transfer's end is there. */ whole = false;
  /** @type {number | null} */ upto = null;
  /** @type {Set<Follower>} */ followers = new Set();

  /** @param {Spool} spool @param {number} first @param {Say} say @param {Suite} suite
   * @param {Policy} policy */
  constructor(spool, first, say, suite, policy) {
    this.suite = suite;
    this.spool = spool;
    this.first = first;
    this.say = say;
    this.policy = policy;
    this.rests = this.wanted = policy === "rest";
  }

  /** One of an earlier run, as it was kept. @param {KeptSegment} kept @param {Suite} suite @param {Say} say */
  static again({ spool, first, rests, upto, whole }, suite, say) {
    return Object.assign(new RelaySegment(spool, first, say, suite, rests ? "rest" : "live"), { upto, whole });
  }

  /** @returns {KeptSegment} */
  get kept() {
    const { spool, first, rests, upto, whole } = this;
    return { spool, first, rests, upto, whole };
  }

  /** The position before which blocks may go into it now. */
  ahead() {
    const { first, rests, wanted, openedAt } = this;
    const books = [...this.followers].map((each) => each.book);
    const linked = books.some((book) => book.directAt > openedAt);
    return ahead({ first, rests, wanted, linked, limits: books.map((book) => book.person.limit) }) ?? Infinity;
  }

  /** @returns {Part} */
  get part() {
    const { first, suite, rests, upto, whole, writer } = this;
    return { first, suite, rests, upto, whole, at: writer?.position ?? null };
  }

  /** Says that it is there, and what it carries. @param {Say} [say] to whom; else to who heard of it before */
  async announce(say = this.say) {
    await say({ type: "leg", spool: this.spool.id, first: this.first, suite: this.suite, resting: this.rests });
  }
}
