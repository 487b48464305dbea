/**
 * The segment that one receiver follows: it is given, looked at, dropped, and left to rest, as its book says. Twin of
 * client/following.py. The book is core/receiver-book.js, the segments themselves are legs.js. Spec: docs/spec/session.md.
 *
 * @import { Act, ReceiverBook } from "../core/receiver-book.js"
 * @import { Say, Stretch } from "./legs.js"
 * @import { Sends } from "./sends.js"
 */

import { ours, seconds, sleep } from "./ambient.js";

const LOOK_S = 4; // for one look

export class Following {
  /** @type {Stretch | null} */ #leg = null;

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
  get leg() {
    return this.#leg?.last ?? null;
  }

  get part() {
    return this.leg?.part(this.sending.layout.suite) ?? null;
  }

  get rests() {
    return this.leg?.rests ?? null;
  }

  get wanted() {
    return this.leg?.wanted ?? false;
  }

  want() {
    if (this.leg) this.leg.wanted = true;
  }

  none() {
    this.#change(null);
  }

  /** The one before it goes, unless somebody follows it, or it may be of use at rest. @param {Stretch | null} leg */
  #change(leg) {
    const before = this.leg;
    this.#leg = leg;
    if (!before || before === leg || before.whole) return;
    const others = [...this.sending.takers.values()];
    if (!others.some((other) => other.leg === before)) this.sending.start(this.sending.legs.drop(before));
  }

  /** One from what it holds on: one that runs already and still has that block, or a new one. @param {number} held */
  async give(held) {
    const { legs, layout, mayStore } = this.sending;
    try {
      let found = legs.serving(held);
      if (found && (await this.#has(found, held))) await this.say(found.announcement(layout));
      else found = await legs.open(held, this.say, mayStore ? "live-then-rest" : "live", false);
      this.#change(found);
    } catch (error) {
      this.waits(ours(error).sentence); // no relay can be had: the receiver asks again
    } finally {
      this.book.given();
    }
  }

  /** @param {Stretch} stretch @param {number} held */
  async #has(stretch, held) {
    const { server, layout } = this.sending;
    try {
      const { first } = await server.spool(stretch.spool.id);
      return first <= layout.offset(held) - layout.offset(stretch.first);
    } catch {
      return false;
    }
  }

  /** Whether it is read; the server knows, for the receiver says nothing while it reads. */
  async look() {
    const { leg } = this;
    const { server, ends } = this.sending;
    let read = false;
    if (leg) {
      const readers = server.spool(leg.spool.id).then((found) => found.readers);
      read = await Promise.race([readers, sleep(LOOK_S, ends).then(() => 0)]).then((count) => count > 0, () => false);
    }
    this.act(this.book.looked(seconds(), read, leg?.rests ?? false));
  }

  /** What the receiver lacks goes to the server, in the one that runs or in a new one. Errors of the server. */
  async store() {
    const { legs } = this.sending;
    const { leg } = this;
    if (leg && !leg.dropped) return legs.letRest(leg);
    const first = legs.covered(this.book.held);
    if (first === null) return;
    const { running } = legs;
    this.#leg = running?.rests && running.first <= first ? running : await legs.open(first, this.say, "rest", true);
  }
}
