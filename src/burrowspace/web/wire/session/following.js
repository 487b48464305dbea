/**
 * The segment that one receiver follows: it is given, looked at, dropped, and left to rest, as its book says. Twin of
 * client/session/following.py. The book is core/receiver-book.js, the segments themselves are relay-segments.js. Spec: docs/spec/session.md.
 *
 * @import { Act, ReceiverBook } from "../../core/receiver-book.js"
 * @import { Say, RelaySegment } from "../relay/relay-segments.js"
 * @import { Sends } from "./sends.js"
 */

import { ours, seconds, sleep } from "../runtime.js";

const LOOK_S = 4; // for one look

export class Following {
  /** @type {RelaySegment | null} */ #segment = null;

  /** `act`: what follows from a look. `waits`: a sentence for the person who sends.
   * @param {Sends} sending @param {ReceiverBook} book @param {Say} say @param {(acts: Act[]) => void} act
   * @param {(why: string) => void} waits */
  constructor(sending, book, say, act, waits) {
    this.sending = sending;
    this.book = book;
    this.say = say;
    this.act = act;
    this.waits = waits;
  }

  /** The one that it follows or would follow. */
  get segment() {
    return this.#segment?.last ?? null;
  }

  get part() {
    return this.segment?.part(this.sending.layout.suite) ?? null;
  }

  get rests() {
    return this.segment?.rests ?? null;
  }

  get wanted() {
    return this.segment?.wanted ?? false;
  }

  want() {
    if (this.segment) this.segment.wanted = true;
  }

  none() {
    this.#change(null);
  }

  /** The one before it goes, unless somebody follows it, or it may be of use at rest. @param {RelaySegment | null} segment */
  #change(segment) {
    const before = this.segment;
    this.#segment = segment;
    if (!before || before === segment || before.whole) return;
    const others = [...this.sending.receivers.values()];
    if (!others.some((other) => other.segment === before)) this.sending.start(this.sending.segments.drop(before));
  }

  /** One from what it holds on: one that runs already and still has that block, or a new one. @param {number} held */
  async give(held) {
    const { segments, layout, mayStore } = this.sending;
    try {
      let found = segments.serving(held);
      if (found && (await this.#has(found, held))) await this.say(found.announcement(layout));
      else found = await segments.open(held, this.say, mayStore ? "live-then-rest" : "live", false);
      this.#change(found);
    } catch (error) {
      this.waits(ours(error).sentence); // no relay can be had: the receiver asks again
    } finally {
      this.book.given();
    }
  }

  /** @param {RelaySegment} segment @param {number} held */
  async #has(segment, held) {
    const { server, layout } = this.sending;
    try {
      const { first } = await server.spool(segment.spool.id);
      return first <= layout.offset(held) - layout.offset(segment.first);
    } catch {
      return false;
    }
  }

  /** Whether it is read; the server knows, for the receiver says nothing while it reads. */
  async look() {
    const { segment } = this;
    const { server, ends } = this.sending;
    let read = false;
    if (segment) {
      const readers = server.spool(segment.spool.id).then((found) => found.readers);
      read = await Promise.race([readers, sleep(LOOK_S, ends).then(() => 0)]).then((count) => count > 0, () => false);
    }
    this.act(this.book.looked(seconds(), read, segment?.rests ?? false));
  }

  /** What the receiver lacks goes to the server, in the one that runs or in a new one. Errors of the server. */
  async store() {
    const { segments } = this.sending;
    const { segment } = this;
    if (segment && !segment.dropped) return segments.letRest(segment);
    const first = segments.covered(this.book.held);
    if (first === null) return;
    const { running } = segments;
    this.#segment = running?.rests && running.first <= first ? running : await segments.open(first, this.say, "rest", true);
  }
}
