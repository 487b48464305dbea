/**
 * The sender's legs: spools on the server that carry blocks from some position on, live or to rest there. Twin of
 * client/legs.py. Deciding is the session's. Spec: docs/spec/paths.md.
 *
 * @import { Layout } from "../core/layout.js"
 * @import { Leg, Signal } from "../core/signals.js"
 * @import { Server, Spool } from "./api.js"
 * @import { Carry } from "./relay.js"
 */

import { CREDIT } from "../core/credit.js";
import { BurrowError } from "../core/errors.js";
import { BLOCK } from "../core/sealing.js";
import { covered, serving } from "../core/segments.js";
import { ours, seconds, sleep } from "./ambient.js";
import { Writer } from "./relay.js";

/** @typedef {(signal: Signal) => Promise<void>} Say */
/** What the next run must know of a leg. @typedef {{spool: Spool, first: number, rests: boolean, upto: number | null, whole: boolean}} KeptLeg */

/** One leg of ours. `rests`: all of it may lie there. `upto`: it ends before this position, null while it goes on. */
export class Stretch {
  openedAt = seconds();
  /** @type {Writer | null} */ writer = null;
  /** Everything up to the transfer's end is there. */ whole = false;
  /** @type {number | null} */ upto = null;
  dropped = false;
  /** The leg that goes on where this one was cut. @type {Stretch | null} */ endedBy = null;

  /** @param {Spool} spool @param {number} first @param {Say} say @param {"rest" | "live" | "live-then-rest"} policy @param {boolean} rests */
  constructor(spool, first, say, policy, rests) {
    this.spool = spool;
    this.first = first;
    this.say = say;
    this.policy = policy;
    this.rests = rests;
    /** Somebody follows it, or all of it may lie there. */ this.wanted = rests;
  }

  /** @param {string} suite @returns {import("../core/segments.js").Part} */
  part(suite) {
    const { first, rests, upto, whole, writer } = this;
    return { first, suite, rests, upto, whole, at: writer?.position ?? null };
  }

  /** @param {Layout} layout @returns {Leg} */
  announcement(layout) {
    return { type: "leg", spool: this.spool.id, first: this.first, suite: layout.suite, resting: this.rests };
  }

  /** This leg, or the one in which it goes on. @returns {Stretch} */
  get last() {
    return this.endedBy ? this.endedBy.last : this;
  }
}

export class Legs {
  /** @type {Stretch[]} */ stretches = [];

  /**
   * @param {object} how
   * @param {Server} how.server
   * @param {Layout} how.layout
   * @param {(stretch: Stretch) => Carry} how.carry
   * @param {(stretch: Stretch) => number} how.ahead the position before which blocks may go into it now
   * @param {(error: unknown) => void} how.fail a leg cannot be had at all
   * @param {() => void} how.changed
   * @param {(legs: KeptLeg[]) => void} how.keep writes down what the next run must know
   * @param {AbortSignal} how.ends
   */
  constructor(how) {
    this.how = how;
  }

  get running() {
    return this.stretches.findLast((each) => each.writer) ?? null;
  }

  /** The latest leg that may lie there. */
  get resting() {
    return this.stretches.findLast((each) => each.rests) ?? null;
  }

  /** The latest leg that carries this position, or will next. @param {number} position */
  serving(position) {
    const found = serving(this.#parts(), position, this.how.layout.suite);
    return found === null ? null : this.stretches[found];
  }

  /** Up to which position what follows from `position` on lies on the server, to rest there. null: to the end.
   * @param {number} position @returns {number | null} */
  covered(position) {
    return covered(this.#parts(), position, this.how.layout.positions);
  }

  #parts() {
    const { suite } = this.how.layout;
    return this.stretches.map((each) => each.part(suite));
  }

  /** A new leg from `first` on, announced by `say`. Errors of the server.
   * @param {number} first @param {Say} say @param {"rest" | "live" | "live-then-rest"} policy @param {boolean} rests */
  async open(first, say, policy, rests) {
    const { server, layout } = this.how;
    const length = (layout.sealedSize ?? 0) - layout.offset(first);
    const spool = await server.makeSpool(length, policy, policy === "rest" ? undefined : CREDIT * BLOCK);
    const stretch = new Stretch(spool, first, say, policy, rests);
    this.stretches.push(stretch);
    this.#writeDown();
    this.#write(stretch);
    await say(stretch.announcement(layout));
    return stretch;
  }

  /** The receiver has gone: all of it may lie there now. @param {Stretch} stretch */
  async letRest(stretch) {
    if (stretch.rests) return;
    try {
      await this.how.server.letRest(stretch.spool);
    } catch (error) {
      if (ours(error).code !== "missing") throw error; // the server lost it: what comes in its place will rest
    }
    stretch.rests = stretch.wanted = true;
    this.#writeDown();
    await stretch.say(stretch.announcement(this.how.layout));
  }

  /** Nobody needs it any more. `tell`: whoever knows of it is not to look for it again. @param {Stretch} stretch @param {boolean} [tell] */
  async drop(stretch, tell = true) {
    stretch.dropped = true;
    stretch.writer?.stop();
    stretch.writer = null;
    const at = this.stretches.indexOf(stretch);
    if (at >= 0) {
      this.stretches.splice(at, 1);
      this.#writeDown();
      if (tell) await stretch.say({ type: "leg-end", spool: stretch.spool.id, upto: 0 }).catch(() => undefined);
    }
    await this.how.server.dropSpool(stretch.spool).catch(() => undefined);
  }

  /** The legs of an earlier run: each ends where the server says, and what may rest there is not sent again.
   * @param {KeptLeg[]} kept @param {Say} say */
  async takeUp(kept, say) {
    const { server, layout } = this.how;
    this.stretches = [];
    for (const each of kept) {
      const stretch = new Stretch(each.spool, each.first, say, "rest", each.rests);
      stretch.whole = each.whole;
      stretch.upto = each.upto;
      try {
        const state = await server.spool(each.spool.id);
        if (state.complete) stretch.whole = true;
        else if (each.upto === null) {
          stretch.upto = layout.positionAt(layout.offset(each.first) + state.offset).position;
          await say({ type: "leg-end", spool: each.spool.id, upto: stretch.upto });
        }
        this.stretches.push(stretch);
      } catch (error) {
        if (ours(error).code !== "missing") throw error;
        await say({ type: "leg-end", spool: each.spool.id, upto: 0 });
      }
    }
    this.#writeDown();
  }

  /** Ends the writers; what lies on the server stays. */
  stop() {
    for (const each of this.stretches) each.writer?.stop();
  }

  #writeDown() {
    this.how.keep(
      this.stretches.map(({ spool, first, rests, upto, whole }) => ({ spool, first, rests, upto, whole })),
    );
  }

  /** @param {Stretch} stretch */
  #write(stretch) {
    const { server, layout, carry, ahead } = this.how;
    const writer = new Writer(server, stretch.spool, layout, stretch.first, carry(stretch), () => ahead(stretch));
    stretch.writer = writer;
    writer.run().then(
      () => this.#over(stretch, writer, null),
      (error) => this.#over(stretch, writer, ours(error)),
    );
  }

  /** @param {Stretch} stretch @param {Writer} writer @param {BurrowError | null} ended */
  #over(stretch, writer, ended) {
    if (writer !== stretch.writer || writer.stopped) return;
    stretch.writer = null;
    if (!ended) {
      stretch.whole = true;
      this.#writeDown();
    } else if (ended.code !== "broken" || ended.fields.final) {
      this.how.fail(ended);
    } else {
      const { layout } = this.how;
      const { position } = layout.positionAt(layout.offset(stretch.first) + writer.safe);
      void this.#again(stretch, position);
    }
    this.how.changed();
  }

  /** The leg goes on as another one. @param {Stretch} stretch @param {number} position */
  async #again(stretch, position) {
    stretch.upto = position;
    for (let delay = 1; !stretch.dropped && !this.how.ends.aborted; delay = Math.min(2 * delay, 30)) {
      try {
        await stretch.say({ type: "leg-end", spool: stretch.spool.id, upto: position });
        const policy = stretch.rests ? "rest" : stretch.policy;
        stretch.endedBy = await this.open(position, stretch.say, policy, stretch.rests);
        stretch.endedBy.wanted ||= stretch.wanted;
        return;
      } catch (error) {
        if (!(error instanceof BurrowError)) throw error;
        await sleep(delay, this.how.ends).catch(() => undefined);
      }
    }
  }
}
