/**
 * One data channel of a link: frames in and out, what the other end asked of it, and whether it lives. It knows no
 * other stream; what it hears it tells its link. Specs: docs/spec/link.md, docs/spec/paths.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Controls } from "../../core/frames.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Control } from "../../core/signals.js"
 * @import { Seal } from "../files/engine.js"
 */

import { Asked } from "../../core/credit.js";
import { BurrowError } from "../../core/errors.js";
import { BLOCK_FRAME, blockHeader, Parser, parsePosition } from "../../core/frames.js";
import { SUITES } from "../../core/sealing.js";
import { ours, seconds, Wakeup } from "../runtime.js";

export const MESSAGE = 65536; // bytes of one message at most: what every WebRTC takes
export const HIGH = 1048576; // bytes that may wait in the channel: stop above
export const LOW = 262144; // go on below
const BATCH = 4; // blocks that are sealed at once
const PING_AFTER_S = 5; // without a byte from the other side
const SILENT_AFTER_S = 60;

/** What a stream needs of an RTCDataChannel. @typedef {Pick<RTCDataChannel, "send" | "close" | "bufferedAmount" |
 *   "bufferedAmountLowThreshold" | "readyState" | "addEventListener"> & {binaryType: string}} DataChannel */

/**
 * The link, as its streams see it.
 *
 * @typedef {object} Owner
 * @property {{suite: Suite, batchFrom: number, lastAt: number}} link
 * @property {(stream: Stream, position: number, sealed: Bytes) => void} came a block; what it throws ends the link
 * @property {(control: Control) => void} heard what is not between two streams
 * @property {() => void} settled after a stop: nothing asked of this stream before is on its way any more
 * @property {(error: BurrowError) => void} broke
 */

export class Stream {
  /** @type {DataChannel} */ #channel;
  /** @type {Controls} */ #words;
  /** @type {Owner} */ #owner;
  #closed = false;
  #parser = new Parser();
  #asked = new Asked();
  /** @type {Seal | null} */ #seal = null;
  /** @type {Control[]} */ #outbox = [];
  /** @type {Promise<unknown>} */ #opening = Promise.resolve();
  #wakeup = new Wakeup();
  /** Sealed blocks that may wait for their turn; a stop makes them void. @type {{run: number, position: number, count: number, sealed: Promise<Bytes>} | null} */
  #ready = null;
  #run = 0;
  #heardAt = seconds();
  #pinged = false;
  /** After a stop: the `n` of the ping whose pong says that nothing asked before is on its way any more; else 0. */
  #settling = 0;
  #stops = 0;
  /** @type {ReturnType<typeof setInterval>} */ #life;

  /** @param {number} number @param {DataChannel} channel open and greeted @param {Controls} words @param {Owner} owner */
  constructor(number, channel, words, owner) {
    this.number = number;
    this.#channel = channel;
    this.#words = words;
    this.#owner = owner;
    channel.bufferedAmountLowThreshold = LOW;
    channel.addEventListener("bufferedamountlow", () => this.#wakeup.set());
    channel.addEventListener("close", () => owner.broke(new BurrowError("broken", "the data channel has ended")));
    this.#life = setInterval(() => this.#checkLife(), 1000);
    void this.#write();
  }

  /** Whether something that was asked before a stop may still be on its way. */
  get settling() {
    return this.#settling > 0;
  }

  /** Says something, ahead of all blocks that are not yet under way. @param {Control} control */
  send(control) {
    if (this.#closed) return;
    this.#outbox.push(control);
    this.#wakeup.set();
  }

  /** Sends the blocks that the other end asks for, from now on. @param {Seal} seal */
  serve(seal) {
    this.#seal = seal;
    this.#wakeup.set();
  }

  /** Takes back what was asked. */
  stop() {
    this.send({ type: "stop" });
    this.#settling = this.#stops += 1;
    this.send({ type: "ping", n: this.#settling });
  }

  /** What was said goes out first: close() of a data channel waits for what is buffered. */
  close() {
    this.#closed = true;
    clearInterval(this.#life);
    this.#channel.close();
    this.#wakeup.set();
  }

  /** Bytes that came through the channel. @param {Uint8Array} data */
  feed(data) {
    this.#heardAt = seconds();
    if (this.#closed) return;
    try {
      for (const { kind, body } of this.#parser.feed(data)) {
        if (kind === BLOCK_FRAME) this.#owner.came(this, parsePosition(body), body.subarray(8));
        else this.#opening = this.#opening.then(() => this.#words.open(body)).then((said) => this.#heard(said));
      }
      this.#opening.catch((error) => this.#owner.broke(ours(error)));
    } catch (error) {
      this.#owner.broke(ours(error));
    }
  }

  /** @param {Control} control */
  #heard(control) {
    switch (control.type) {
      case "want":
        this.#asked.want(control.from, control.upto);
        return this.#wakeup.set();
      case "stop":
        this.#asked.stop();
        this.#run += 1;
        return;
      case "ping":
        if (!this.#outbox.some((each) => each.type === "pong")) this.send({ type: "pong", n: control.n });
        return;
      case "pong":
        this.#pinged = false;
        if (!this.#settling || control.n !== this.#settling) return;
        this.#settling = 0;
        return this.#owner.settled();
      default:
        this.#owner.heard(control);
    }
  }

  // what goes

  async #write() {
    try {
      while (!this.#closed) {
        if (this.#outbox.length) await this.#sayAll();
        else if (this.#seal && (this.#ready || this.#asked.waiting)) await this.#serveSome(this.#seal);
        else await this.#wakeup.wait();
      }
    } catch (error) {
      this.#owner.broke(ours(error));
    }
  }

  async #sayAll() {
    for (const each of this.#outbox.splice(0)) this.#put(await this.#words.seal(each));
  }

  /** A few blocks, while the next few are sealed. @param {Seal} seal */
  async #serveSome(seal) {
    const now = this.#ready ?? this.#begin(seal);
    this.#ready = null;
    if (!now) return;
    const sealed = await now.sealed;
    this.#ready = this.#begin(seal);
    this.#ready?.sealed.catch(() => undefined);
    const full = SUITES[this.#owner.link.suite].sealed;
    for (let at = 0, position = now.position; at < sealed.length; position++) {
      // A batch may cross from the manifest's short last block to the pack: then it was sealed one by one.
      const size = Math.min(now.count === 1 ? sealed.length : full, sealed.length - at);
      if (this.#outbox.length) await this.#sayAll();
      if (now.run !== this.#run || this.#closed) return;
      await this.#sendBlock(position, sealed.subarray(at, at + size));
      at += size;
    }
  }

  /** What is asked next, on its way to be sealed. @param {Seal} seal */
  #begin(seal) {
    const position = this.#asked.next();
    if (position === null) return null;
    let count = 1;
    // The first positions hold the manifest, whose last block is shorter than the ones behind it.
    while (count < BATCH && position >= this.#owner.link.batchFrom && this.#asked.follows(position + count)) {
      this.#asked.next();
      count += 1;
    }
    return { run: this.#run, position, count, sealed: seal(position, count) };
  }

  /** @param {number} position @param {Bytes} sealed */
  async #sendBlock(position, sealed) {
    const header = blockHeader(position, sealed.length);
    const first = new Uint8Array(Math.min(MESSAGE, header.length + sealed.length));
    first.set(header);
    const part = first.length - header.length;
    first.set(sealed.subarray(0, part), header.length);
    await this.#room();
    this.#put(first);
    for (let at = part; at < sealed.length && !this.#closed; at += MESSAGE) {
      await this.#room();
      this.#put(sealed.subarray(at, at + MESSAGE));
    }
    this.#owner.link.lastAt = seconds();
  }

  async #room() {
    if (this.#channel.bufferedAmount <= HIGH) return;
    while (this.#channel.bufferedAmount > LOW && !this.#closed) await this.#wakeup.wait();
  }

  /** @param {Bytes} message */
  #put(message) {
    if (!this.#closed) this.#channel.send(message);
  }

  #checkLife() {
    // The other end may answer several pings at once, with another number.
    if (this.#settling && seconds() - this.#owner.link.lastAt > 1) this.send({ type: "ping", n: this.#settling });
    const silent = seconds() - this.#heardAt;
    if (silent > SILENT_AFTER_S) this.#owner.broke(new BurrowError("broken", "the other side is silent"));
    else if (silent >= PING_AFTER_S && !this.#pinged) {
      this.#pinged = true;
      this.send({ type: "ping", n: 0 });
    }
  }
}
