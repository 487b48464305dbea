/**
 * A link: one authenticated data channel between the two ends of a transfer. What client/link.py is over sockets: sealed
 * blocks in one direction, sealed controls in both, and credit. It opens and seals no block itself, and decides nothing.
 * Specs: docs/spec/link.md, docs/spec/paths.md.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Controls } from "../core/frames.js"
 * @import { Control } from "../core/signals.js"
 * @import { Seal } from "./relay.js"
 * @import { Take } from "./relay.js"
 */

import { Asked, Asking } from "../core/credit.js";
import { BurrowError } from "../core/errors.js";
import { BLOCK_FRAME, blockHeader, Parser, parsePosition } from "../core/frames.js";
import { SUITES } from "../core/sealing.js";
import { ours, seconds } from "./ambient.js";

export const MESSAGE = 65536; // bytes of one message at most: what every WebRTC takes
export const HIGH = 1048576; // bytes that may wait in the channel: stop above
export const LOW = 262144; // go on below
const BATCH = 4; // blocks that are sealed at once
const PING_AFTER_S = 5; // without a byte from the other side
const SILENT_AFTER_S = 60;

/** What the link needs of an RTCDataChannel. @typedef {Pick<RTCDataChannel, "send" | "close" | "bufferedAmount" |
 *   "bufferedAmountLowThreshold" | "readyState" | "addEventListener"> & {binaryType: string}} DataChannel */

export class Link {
  since = seconds();
  lastAt = seconds(); // when a byte of a block went or came
  /** Bytes of blocks. */ received = 0;
  sent = 0;
  /** What ended it. @type {Promise<BurrowError>} */ closed;

  /** @type {(error: BurrowError) => void} */ #end = () => undefined;
  /** @type {BurrowError | null} */ #broken = null;
  /** @type {DataChannel} */ #channel;
  /** @type {Controls} */ #words;
  #parser = new Parser();
  #asked = new Asked();
  /** @type {Asking | null} */ #asking = null;
  /** @type {Take | null} */ #take = null;
  /** @type {Seal | null} */ #seal = null;
  /** @type {((control: Control) => void) | null} */ #listen = null;
  /** @type {Control[]} */ #inbox = [];
  /** @type {Control[]} */ #outbox = [];
  /** @type {Promise<unknown>} */ #opening = Promise.resolve();
  /** @type {(() => void) | null} */ #wake = null;
  /** Sealed blocks that may wait for their turn; a stop makes them void. @type {{run: number, position: number, count: number, sealed: Promise<Bytes>} | null} */
  #ready = null;
  #run = 0;
  #heardAt = seconds();
  #pinged = false;
  /** After a stop: the `n` of the ping whose pong says that nothing asked before is on its way any more; else 0. */
  #settling = 0;
  #stops = 0;
  /** @type {ReturnType<typeof setInterval>} */ #life;

  /** @param {DataChannel} channel open and greeted @param {Controls} words @param {"webrtc" | "turn"} kind @param {"A256GCM" | "XC20P"} suite */
  constructor(channel, words, kind, suite) {
    this.kind = kind;
    this.peer = "";
    this.suite = suite;
    this.#channel = channel;
    this.#words = words;
    this.closed = new Promise((resolve) => (this.#end = resolve));
    channel.bufferedAmountLowThreshold = LOW;
    channel.addEventListener("bufferedamountlow", () => this.#woken());
    channel.addEventListener("close", () => this.#break(new BurrowError("broken", "the data channel has ended")));
    this.#life = setInterval(() => this.#checkLife(), 1000);
    void this.#write();
  }

  // the face

  /** Blocks asked for and not arrived: never above the credit. */
  get outstanding() {
    return this.#asking?.outstanding ?? 0;
  }

  /** Gives what the other end says, without what links say to each other. @param {(control: Control) => void} listen */
  listen(listen) {
    this.#listen = listen;
    for (const each of this.#inbox.splice(0)) listen(each);
  }

  /** Says something, ahead of all blocks that are not yet under way. @param {Control} control */
  send(control) {
    if (this.#broken) return;
    this.#outbox.push(control);
    this.#woken();
  }

  /** Sends the blocks that the other end asks for, from now on. @param {Seal} seal */
  serve(seal) {
    this.#seal = seal;
    this.#woken();
  }

  /** Asks for the positions from `held` on to `end`, with credit; again after stop(). @param {Take} take @param {number} held @param {number | null} end */
  pull(take, held, end) {
    this.#take = take;
    if (this.#asking) this.#asking.begin(held, end);
    else this.#asking = new Asking(held, end);
    this.#ask();
  }

  /** The number of positions has become known, or more may be asked for. @param {number | null} end */
  ends(end) {
    if (!this.#asking) return;
    this.#asking.end = end;
    this.#ask();
  }

  /** Asks for nothing more. What is under way may still be given to `take`. */
  stop() {
    if (!this.#asking || this.#asking.resting) return;
    this.#asking.stop();
    this.send({ type: "stop" });
    this.#settling = this.#stops += 1;
    this.send({ type: "ping", n: this.#settling });
  }

  /** Ends it. @param {string} [why] */
  close(why = "closed here") {
    this.#break(new BurrowError("broken", why));
  }

  /** Bytes that came through the channel. @param {Uint8Array} data */
  feed(data) {
    this.#heardAt = seconds();
    if (this.#broken) return;
    try {
      for (const { kind, body } of this.#parser.feed(data)) {
        if (kind === BLOCK_FRAME) this.#came(parsePosition(body), body.subarray(8));
        else this.#opening = this.#opening.then(() => this.#words.open(body)).then((said) => this.#heard(said));
      }
      this.#opening.catch((error) => this.#break(ours(error)));
    } catch (error) {
      this.#break(ours(error));
    }
  }

  // what comes

  /** @param {number} position @param {Bytes} sealed */
  #came(position, sealed) {
    const asking = this.#asking;
    if (!asking || !this.#take || !asking.arrived(position)) {
      throw new BurrowError("bad-request", "a block came that was not asked for");
    }
    this.received += sealed.length;
    this.lastAt = this.#heardAt;
    this.#take(position, sealed).then(
      (held) => {
        asking.moved(held);
        this.#ask();
      },
      (error) => this.#break(ours(error)),
    );
  }

  #settled() {
    this.#settling = 0;
    const asking = this.#asking;
    if (!asking) return;
    asking.settled();
    if (!asking.resting) asking.begin(asking.held, asking.end);
    this.#ask();
  }

  #ask() {
    // What was on its way at a stop would be taken for what is asked anew, and the credit be overdrawn.
    const wanted = this.#broken || this.#settling ? null : (this.#asking?.wants() ?? null);
    if (wanted) this.send({ type: "want", ...wanted });
  }

  /** @param {Control} control */
  #heard(control) {
    switch (control.type) {
      case "want":
        this.#asked.want(control.from, control.upto);
        return this.#woken();
      case "stop":
        this.#asked.stop();
        this.#run += 1;
        return;
      case "ping":
        if (!this.#outbox.some((each) => each.type === "pong")) this.send({ type: "pong", n: control.n });
        return;
      case "pong":
        this.#pinged = false;
        if (control.n === this.#settling && this.#settling) this.#settled();
        return;
      default:
        if (this.#listen) this.#listen(control);
        else if (this.#inbox.length < 256) this.#inbox.push(control);
    }
  }

  // what goes

  #woken() {
    this.#wake?.();
    this.#wake = null;
  }

  /** @returns {Promise<void>} */
  #news() {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  async #write() {
    try {
      while (!this.#broken) {
        if (this.#outbox.length) await this.#sayAll();
        else if (this.#seal && (this.#ready || this.#asked.waiting)) await this.#serveSome(this.#seal);
        else await this.#news();
      }
    } catch (error) {
      this.#break(ours(error));
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
    const full = SUITES[this.suite].sealed;
    for (let at = 0, position = now.position; at < sealed.length; position++) {
      // A batch may cross from the manifest's short last block to the pack: then it was sealed one by one.
      const size = Math.min(now.count === 1 ? sealed.length : full, sealed.length - at);
      if (this.#outbox.length) await this.#sayAll();
      if (now.run !== this.#run || this.#broken) return;
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
    while (count < BATCH && position >= this.batchFrom && this.#asked.follows(position + count)) {
      this.#asked.next();
      count += 1;
    }
    return { run: this.#run, position, count, sealed: seal(position, count) };
  }

  /** From this position on blocks are full, but for the last: they may be sealed several at once. */
  batchFrom = Infinity;

  /** @param {number} position @param {Bytes} sealed */
  async #sendBlock(position, sealed) {
    const header = blockHeader(position, sealed.length);
    const first = new Uint8Array(Math.min(MESSAGE, header.length + sealed.length));
    first.set(header);
    const part = first.length - header.length;
    first.set(sealed.subarray(0, part), header.length);
    await this.#room();
    this.#put(first);
    for (let at = part; at < sealed.length && !this.#broken; at += MESSAGE) {
      await this.#room();
      this.#put(sealed.subarray(at, at + MESSAGE));
    }
    this.sent += sealed.length;
    this.lastAt = seconds();
  }

  async #room() {
    if (this.#channel.bufferedAmount <= HIGH) return;
    while (this.#channel.bufferedAmount > LOW && !this.#broken) await this.#news();
  }

  /** @param {Bytes} message */
  #put(message) {
    if (!this.#broken) this.#channel.send(message);
  }

  // life and end

  #checkLife() {
    // The other end may answer several pings at once, with another number.
    if (this.#settling && seconds() - this.lastAt > 1) this.send({ type: "ping", n: this.#settling });
    const silent = seconds() - this.#heardAt;
    if (silent > SILENT_AFTER_S) this.#break(new BurrowError("broken", "the other side is silent"));
    else if (silent >= PING_AFTER_S && !this.#pinged) {
      this.#pinged = true;
      this.send({ type: "ping", n: 0 });
    }
  }

  /** @param {BurrowError} broken */
  #break(broken) {
    if (this.#broken) return;
    this.#broken = broken;
    clearInterval(this.#life);
    // What was said goes out first: close() of a data channel waits for what is buffered.
    this.#channel.close();
    this.#woken();
    this.#end(broken);
  }
}
