/**
 * The segment that one receiver follows: it is given, looked at, dropped, and left to rest, as its book says. Twin of
 * client/session/following.py. The book is core/receiver-book.js, the segments themselves are relay/relay-segments.js.
 * Spec: docs/spec/session.md.
 *
 * @import { Act, ReceiverBook } from "../../core/receiver-book.js"
 * @import { RelaySegment, Say } from "../relay/relay-segment.js"
 * @import { RelaySegments } from "../relay/relay-segments.js"
 */

import { seconds, within } from "../runtime.js";

const LOOK_S = 4; // for one look

export class Following {
  /** The one that it follows or would follow. @type {RelaySegment | null} */ segment = null;

  /** `waits`: no relay can be had.
   * @param {RelaySegments} segments @param {ReceiverBook} book @param {Say} say @param {() => void} waits */
  constructor(segments, book, say, waits) {
    this.segments = segments;
    this.book = book;
    this.say = say;
    this.waits = waits;
  }

  want() {
    if (this.segment) this.segment.wanted = true;
  }

  /** Follows another one, or none. The one before is dropped, unless somebody follows it, or it may be of use at rest.
   * @param {RelaySegment | null} [segment] @returns {Promise<void>} */
  async follow(segment = null) {
    const before = this.segment;
    this.segment = segment;
    if (before === segment) return;
    before?.followers.delete(this);
    segment?.followers.add(this);
    if (before && !before.whole && !before.followers.size) await this.segments.drop(before);
  }

  /** One from what it holds on: one that runs already and still has that block, or a new one. @param {number} held */
  async give(held) {
    const { segments, say } = this;
    let found;
    try {
      found = segments.serving(held);
      if (found && (await segments.has(found, held))) await found.announce(say);
      else found = await segments.open(held, say, this.book.mayStore ? "live-then-rest" : "live");
    } catch {
      return this.waits(); // the receiver asks again
    } finally {
      this.book.given();
    }
    await this.follow(found);
  }

  /** Whether it is read; the server knows, for the receiver says nothing while it reads. @returns {Promise<Act[]>} */
  async look() {
    const segment = this.segment;
    const read = segment !== null && (await within(LOOK_S, this.segments.isRead(segment), false));
    return this.book.looked(seconds(), read, segment?.rests ?? false);
  }

  /** What the receiver lacks goes to the server. Errors of the server. */
  async store() {
    const segment = await this.segments.rest(this.segment, this.book.held, this.say);
    if (segment) await this.follow(segment);
  }
}
