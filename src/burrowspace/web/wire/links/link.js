/**
 * A link: one authenticated connection between the two ends of a transfer, over one data channel, or over several where
 * the line is long. What client/links/link.py is over sockets: sealed blocks in one direction, sealed controls in both, and
 * credit. It opens and seals no block itself, and decides nothing. Specs: docs/spec/link.md, docs/spec/paths.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Controls } from "../../core/frames.js"
 * @import { Control, Stream as Word } from "../../core/signals.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Seal, Take } from "../files/engine.js"
 * @import { DataChannel } from "./stream.js"
 */

import { Asking } from "../../core/credit.js";
import { BurrowError } from "../../core/errors.js";
import { ours, seconds } from "../runtime.js";
import { Stream } from "./stream.js";

/** Who makes further streams. `asked`: so many blocks are still to be asked for, Infinity where nobody knows; `heard`: what
 * the other end says of them. @typedef {{asked: (left: number) => void, heard: (word: Word) => void}} Widening */

export class Link {
  lastAt = seconds(); // when a byte of a block went or came
  /** Bytes of blocks. */ received = 0;
  /** What ended it. @type {Promise<BurrowError>} */ closed;
  /** From this position on blocks are full, but for the last: they may be sealed several at once. */
  batchFrom = Infinity;
  /** @type {Widening | null} */ widening = null;

  /** @type {(error: BurrowError) => void} */ #end = () => undefined;
  /** @type {BurrowError | null} */ #broken = null;
  /** @type {Stream[]} */ #streams = [];
  /** @type {Asking | null} */ #asking = null;
  /** @type {Take | null} */ #take = null;
  /** @type {Seal | null} */ #seal = null;
  /** @type {((control: Control) => void) | null} */ #listen = null;
  /** @type {Control[]} */ #inbox = [];
  /** The position to be given to `take` next. */ #turn = 0;
  /** Came on another stream before their turn: no more than the credit. @type {Map<number, Bytes>} */ #early = new Map();

  /** @param {DataChannel} channel open and greeted @param {Controls} words @param {"webrtc" | "turn"} kind @param {Suite} suite */
  constructor(channel, words, kind, suite) {
    this.kind = kind;
    this.peer = "";
    this.suite = suite;
    this.closed = new Promise((resolve) => (this.#end = resolve));
    this.addStream(channel, words);
  }

  // the face

  /** Blocks asked for and not arrived: never above the credit. */
  get outstanding() {
    return this.#asking?.outstanding ?? 0;
  }

  get streams() {
    return this.#streams.length;
  }

  /** Gives what the other end says, without what links say to each other. @param {(control: Control) => void} listen */
  listen(listen) {
    this.#listen = listen;
    for (const each of this.#inbox.splice(0)) listen(each);
  }

  /** Says something, ahead of all blocks that are not yet under way. @param {Control} control */
  send(control) {
    this.#streams[0].send(control);
  }

  /** Sends the blocks that the other end asks for, from now on. @param {Seal} seal */
  serve(seal) {
    this.#seal = seal;
    for (const stream of this.#streams) stream.serve(seal);
  }

  /** Asks for the positions from `held` on to `end`, with credit; again after stop(). @param {Take} take @param {number} held @param {number | null} end */
  pull(take, held, end) {
    this.#take = take;
    if (this.#asking) this.#asking.begin(held, end);
    else this.#asking = new Asking(held, end, this.#streams.length);
    if (!this.#settling) this.#begins(held);
    this.#ask();
    this.#tellLeft();
  }

  /** The number of positions has become known, or more may be asked for. @param {number | null} end */
  ends(end) {
    if (!this.#asking) return;
    this.#asking.end = end;
    this.#ask();
    this.#tellLeft();
  }

  /** Asks for nothing more. What is under way may still be given to `take`. */
  stop() {
    if (!this.#asking || this.#asking.resting) return;
    this.#asking.stop();
    for (const stream of this.#streams) stream.stop();
  }

  /** Ends it. @param {string} [why] */
  close(why = "closed here") {
    this.#break(new BurrowError("broken", why));
  }

  /** Bytes that came through the first channel. @param {Uint8Array} data */
  feed(data) {
    this.#streams[0].feed(data);
  }

  /** One more channel for the blocks, greeted like the first; what comes through it is fed to what this gives.
   * @param {DataChannel} channel @param {Controls} words @returns {Stream} */
  addStream(channel, words) {
    const stream = new Stream(this.#streams.length, channel, words, {
      link: this,
      came: (from, position, sealed) => this.#came(from, position, sealed),
      heard: (control) => this.#heard(control),
      settled: () => this.#settled(),
      broke: (error) => this.#break(error),
    });
    this.#streams.push(stream);
    if (this.#broken) stream.close();
    if (this.#seal) stream.serve(this.#seal);
    if (this.#asking) {
      this.#asking.addStream();
      this.#ask();
    }
    return stream;
  }

  // what comes

  /** @param {Stream} stream @param {number} position @param {Bytes} sealed */
  #came(stream, position, sealed) {
    if (!this.#asking?.arrived(stream.number, position)) {
      throw new BurrowError("bad-request", "a block came that was not asked for");
    }
    this.received += sealed.length;
    this.lastAt = seconds();
    this.#early.set(position, sealed);
    for (let next; (next = this.#early.get(this.#turn)); this.#turn += 1) {
      this.#early.delete(this.#turn);
      this.#give(this.#asking, this.#turn, next);
    }
  }

  /** @param {Asking} asking @param {number} position @param {Bytes} sealed */
  #give(asking, position, sealed) {
    this.#take?.(position, sealed).then(
      (held) => {
        asking.moved(held);
        this.#ask();
      },
      (error) => this.#break(ours(error)),
    );
  }

  get #settling() {
    return this.#streams.some((each) => each.settling);
  }

  #settled() {
    const asking = this.#asking;
    if (!asking || this.#settling) return;
    asking.settled();
    if (!asking.resting) {
      asking.begin(asking.held, asking.end);
      this.#begins(asking.held);
    }
    this.#ask();
  }

  /** What came of an earlier asking and found no turn is asked for again. @param {number} held */
  #begins(held) {
    this.#turn = held;
    this.#early.clear();
  }

  #ask() {
    // What was on its way at a stop would be taken for what is asked anew, and the credit be overdrawn.
    if (this.#broken || this.#settling) return;
    for (const { stream, from, upto } of this.#asking?.wants() ?? []) {
      this.#streams[stream].send({ type: "want", from, upto });
    }
  }

  #tellLeft() {
    if (this.#asking) this.widening?.asked((this.#asking.end ?? Infinity) - this.#asking.held);
  }

  /** @param {Control} control */
  #heard(control) {
    if (control.type === "stream") this.widening?.heard(control);
    else if (this.#listen) this.#listen(control);
    else if (this.#inbox.length < 256) this.#inbox.push(control);
  }

  /** @param {BurrowError} broken */
  #break(broken) {
    if (this.#broken) return;
    this.#broken = broken;
    for (const stream of this.#streams) stream.close();
    this.#early.clear();
    this.#end(broken);
  }
}
