/**
 * The segment of the sender's that is read now, of those that it announced. Twin of client/session/reading.py. Which
 * paths they make usable it tells core/path-book.js; when to read, session/routes.js says.
 *
 * @import { PathBook } from "../../core/path-book.js"
 * @import { Path } from "../../core/paths.js"
 * @import { Announced, Segment } from "../../core/segments.js"
 * @import { Take } from "../files/engine.js"
 * @import { Staging } from "../files/staging.js"
 * @import { Server } from "../server/api.js"
 */

import { backoff } from "../../core/paths.js";
import { SpoolReader } from "../relay/spool-reader.js";
import { ours, seconds, sleep } from "../runtime.js";

/** @param {Segment} each @returns {Path} */
const pathOf = (each) => (each.resting ? "store" : "relay");

export class Reading {
  /** Those that were read. @type {Set<string>} */ spools = new Set();
  /** @type {{reader: SpoolReader, segment: Segment, since: number} | null} */ #now = null;

  /** `over` is called when nothing is read any more, `wake` when there is something new to be read.
   * @param {{server: Server, staging: Staging, book: PathBook, ends: AbortSignal}} how @param {Announced} announced
   * @param {() => void} over @param {() => void} wake */
  constructor({ server, staging, book, ends }, announced, over, wake) {
    this.server = server;
    this.announced = announced;
    this.staging = staging;
    this.book = book;
    this.ends = ends;
    this.over = over;
    this.wake = wake;
  }

  /** What brings bytes now. */
  get reader() {
    return this.#now?.reader ?? null;
  }

  /** Whether all that the sender left on the server is gone. */
  get nothingLeft() {
    return this.announced.nothingLeft(this.staging.held);
  }

  /** What the sender announced may have changed. */
  look() {
    if (this.#now) this.#now.reader.upto = least(this.#now.segment.upto, this.staging.limit);
    for (const path of /** @type {Path[]} */ (["relay", "store"])) {
      const there = this.announced.pick(this.staging.held, path === "store") !== null;
      this.book.announced(path, seconds(), there, this.#now !== null && pathOf(this.#now.segment) === path);
    }
    this.wake();
  }

  /** Reads what this path brings; false: there is nothing any more. @param {"relay" | "store"} path */
  begin(path) {
    const { server, staging } = this;
    const segment = this.announced.pick(staging.held, path === "store");
    if (!segment) {
      this.book.released(path, seconds());
      return false;
    }
    const { spool, suite, first, upto } = segment;
    this.spools.add(spool);
    /** @type {Take} */
    const take = (position, sealed) => staging.take(path, position, sealed, suite);
    const layout = staging.layout.in(suite);
    const reader = new SpoolReader(server, spool, layout, first, staging.held, take, least(upto, staging.limit));
    this.#now = { reader, segment, since: seconds() };
    reader.run().then(
      () => this.#ended(reader, null),
      (error) => this.#ended(reader, error),
    );
    return true;
  }

  stop() {
    this.#now?.reader.stop();
    this.#now = null;
  }

  /** A segment may end while it is read, and its reader would wait for a block that does not come. `movedAt`: when the
   * last byte came. @param {number} movedAt */
  lookAtEnd(movedAt) {
    if (!this.#now) return;
    const { reader, segment, since } = this.#now;
    const still = seconds() - Math.max(movedAt, since);
    if (!this.announced.leaves(segment, reader.position, this.staging.held, still)) return;
    this.#ended(reader, null);
    reader.stop();
  }

  /** @param {SpoolReader} reader @param {unknown} error */
  #ended(reader, error) {
    if (!this.#now || reader !== this.#now.reader || reader.stopped) return;
    const { segment } = this.#now;
    this.#now = null;
    this.over();
    if (error === null) return this.look();
    if (ours(error).fields.final === true) this.announced.lost(segment.spool);
    const path = pathOf(segment);
    this.book.failed(path, seconds());
    if (segment.dead) return;
    // The server, or the way to it, may come back.
    sleep(backoff(this.book.known(path).failures), this.ends).then(() => this.look(), () => undefined);
  }
}

/** @param {number | null} one @param {number | null} other */
function least(one, other) {
  return one === null ? other : other === null ? one : Math.min(one, other);
}
