/**
 * The sender's segments, all together: which are there, which carries a block, what the next run must know of them. Twin
 * of client/relay/relay_segments.py. What is decided about them stands in core/segments.js. Specs: docs/spec/session.md,
 * docs/spec/paths.md.
 *
 * @import { Layout } from "../../core/layout.js"
 * @import { Server } from "../server/api.js"
 * @import { KeptSegment, Policy, Say } from "./relay-segment.js"
 * @import { Carry } from "./spool-writer.js"
 */

import { CREDIT } from "../../core/credit.js";
import { BurrowError } from "../../core/errors.js";
import { BLOCK } from "../../core/sealing.js";
import { covered, rest, serving } from "../../core/segments.js";
import { ours, seconds, sleep } from "../runtime.js";
import { RelaySegment } from "./relay-segment.js";
import { SpoolWriter } from "./spool-writer.js";

export class RelaySegments {
  /** @type {RelaySegment[]} */ all = [];

  /**
   * @param {object} how
   * @param {Server} how.server
   * @param {Layout} how.layout
   * @param {(segment: RelaySegment) => Carry} how.carry
   * @param {(error: unknown) => void} how.fail a segment cannot be had at all
   * @param {(error: BurrowError) => boolean} how.refused the server takes no more of a segment; whether that is not the end
   * @param {() => void} how.changed
   * @param {(segments: KeptSegment[]) => void} how.keep writes down what the next run must know
   * @param {AbortSignal} how.ends
   */
  constructor(how) {
    this.how = how;
  }

  /** The latest segment that may lie there. */
  get resting() {
    return this.all.findLast((each) => each.rests) ?? null;
  }

  /** The latest segment that carries this position, or will next. @param {number} position */
  serving(position) {
    const found = serving(this.#parts(), position, this.how.layout.suite);
    return found === null ? null : this.all[found];
  }

  /** Up to which position what follows from `position` on lies on the server, to rest there. null: to the end.
   * @param {number} position @returns {number | null} */
  covered(position) {
    return covered(this.#parts(), position, this.how.layout.positions);
  }

  /** Whether the server has this block of it, or will. @param {RelaySegment} segment @param {number} position */
  async has({ spool, first }, position) {
    const { server, layout } = this.how;
    const wanted = layout.offset(position) - layout.offset(first);
    return server.spool(spool.id).then((found) => found.first <= wanted, () => false);
  }

  /** Whether somebody reads it. Errors of the server. @param {RelaySegment} segment */
  async isRead({ spool }) {
    return (await this.how.server.spool(spool.id)).readers > 0;
  }

  #parts() {
    return this.all.map((each) => each.part);
  }

  /** A new segment from `first` on, announced by `say`. Errors of the server.
   * @param {number} first @param {Say} say @param {Policy} policy */
  async open(first, say, policy) {
    const { server, layout } = this.how;
    const length = (layout.sealedSize ?? 0) - layout.offset(first);
    const spool = await server.makeSpool(length, policy, policy === "rest" ? undefined : CREDIT * BLOCK);
    const segment = new RelaySegment(spool, first, say, layout.suite, policy);
    this.all.push(segment);
    this.#writeDown();
    this.#write(segment);
    await segment.announce();
    return segment;
  }

  /** Brings what a receiver lacks that has gone to rest: by which segment, null where all rests already. `own`: the one
   * that it follows. Errors of the server. @param {RelaySegment | null} own @param {number} held @param {Say} say */
  async rest(own, held, say) {
    const number = own && this.all.includes(own) ? this.all.indexOf(own) : null;
    const [how, which] = rest(this.#parts(), number, held, this.how.layout.positions);
    if (which === null) return null;
    if (how === "new") return this.open(which, say, "rest");
    const segment = this.all[which];
    if (how === "own") await this.#letRest(segment);
    return segment;
  }

  /** All of it may lie there now. @param {RelaySegment} segment */
  async #letRest(segment) {
    if (segment.rests) return;
    try {
      await this.how.server.letRest(segment.spool);
    } catch (error) {
      if (ours(error).code !== "missing") throw error; // the server lost it: what comes in its place will rest
    }
    segment.rests = segment.wanted = true;
    this.#writeDown();
    await segment.announce();
  }

  /** Nobody needs it any more. `tell`: whoever knows of it is not to look for it again. @param {RelaySegment} segment
   * @param {boolean} [tell] */
  async drop(segment, tell = true) {
    const at = this.all.indexOf(segment);
    if (at < 0) return;
    this.all.splice(at, 1);
    for (const each of segment.followers) each.segment = null;
    segment.writer?.stop();
    segment.writer = null;
    this.#writeDown();
    if (tell) await segment.say({ type: "leg-end", spool: segment.spool.id, upto: 0 }).catch(() => undefined);
    await this.how.server.dropSpool(segment.spool).catch(() => undefined);
  }

  /** Nobody needs any of it any more. */
  async dropAll() {
    for (const segment of [...this.all]) await this.drop(segment, false);
  }

  /** The segments of an earlier run: each ends where the server says, and what may rest there is not sent again.
   * @param {KeptSegment[]} kept @param {Say} say */
  async takeUp(kept, say) {
    const { server, layout } = this.how;
    this.all = [];
    for (const each of kept) {
      const segment = RelaySegment.again(each, layout.suite, say);
      try {
        const state = await server.spool(each.spool.id);
        if (state.complete) segment.whole = true;
        else if (each.upto === null) {
          segment.upto = layout.positionAt(layout.offset(each.first) + state.offset).position;
          await say({ type: "leg-end", spool: each.spool.id, upto: segment.upto });
        }
        this.all.push(segment);
      } catch (error) {
        if (ours(error).code !== "missing") throw error;
        await say({ type: "leg-end", spool: each.spool.id, upto: 0 });
      }
    }
    this.#writeDown();
  }

  /** Ends the writers; what lies on the server stays. */
  stop() {
    for (const each of this.all) each.writer?.stop();
  }

  #writeDown() {
    this.how.keep(this.all.map((each) => each.kept));
  }

  /** @param {RelaySegment} segment */
  #write(segment) {
    const { server, layout, carry } = this.how;
    const { spool, first } = segment;
    const writer = new SpoolWriter(server, spool, layout, first, carry(segment), () => segment.ahead());
    segment.writer = writer;
    writer.run().then(
      () => this.#over(segment, writer, null),
      (error) => this.#over(segment, writer, ours(error)),
    );
  }

  /** @param {RelaySegment} segment @param {SpoolWriter} writer @param {BurrowError | null} ended */
  #over(segment, writer, ended) {
    if (writer !== segment.writer || writer.stopped) return;
    segment.writer = null;
    if (!ended) {
      segment.whole = true;
      this.#writeDown();
    } else if (ended.code !== "broken") {
      this.how.fail(ended);
    } else {
      const { layout } = this.how;
      segment.upto = layout.positionAt(layout.offset(segment.first) + writer.safe).position;
      if (!ended.fields.final) void this.#goOn(segment, segment.upto);
      else if (this.how.refused(ended)) {
        for (const { book } of segment.followers) book.notStored(seconds());
        void this.drop(segment);
      }
    }
    this.how.changed();
  }

  /** As another segment, for all who follow this one. @param {RelaySegment} segment @param {number} position */
  async #goOn(segment, position) {
    for (let delay = 1; this.all.includes(segment) && !this.how.ends.aborted; delay = Math.min(2 * delay, 30)) {
      try {
        await segment.say({ type: "leg-end", spool: segment.spool.id, upto: position });
        const found = await this.open(position, segment.say, segment.rests ? "rest" : segment.policy);
        found.wanted ||= segment.wanted;
        for (const each of segment.followers) {
          each.segment = found;
          found.followers.add(each);
        }
        return segment.followers.clear();
      } catch (error) {
        if (!(error instanceof BurrowError)) throw error;
        await sleep(delay, this.how.ends).catch(() => undefined);
      }
    }
  }
}
