/**
 * The receiver's paths: makes direct links, reads the segments that the sender announced (reading.js), and asks one of
 * them for blocks. Twin of client/session/routes.py. It acts on what core/paths.js decides and tells core/path-book.js
 * what became of it. Spec: docs/spec/paths.md.
 *
 * @import { PathBook } from "../../core/path-book.js"
 * @import { Decision, Path } from "../../core/paths.js"
 * @import { Staging } from "../files/staging.js"
 * @import { Link } from "../links/link.js"
 * @import { Reach } from "../links/reach.js"
 * @import { Server } from "../server/api.js"
 * @import { RemoteSender } from "./remote-sender.js"
 */

import { allows, isDirect } from "../../core/paths.js";
import { ToSender } from "../../core/reports.js";
import { seconds, sleep, Wakeup } from "../runtime.js";
import { Reading } from "./reading.js";

const DRAIN_S = 0.5; // for what is under way on a path that is left in good order

export class Routes {
  /** @type {Path | null} */ using = null;
  /** @type {Map<Path, Link>} */ links = new Map();

  /** @type {Set<Path>} */ #trying = new Set();
  #seen = 0; // bytes of what carries that the book knows of
  #told = "";
  #toSender = new ToSender();
  #wakeup = new Wakeup();
  /** @type {number | null} */ #limit = null;

  /**
   * @param {object} how
   * @param {Server} how.server
   * @param {Reach} how.reach
   * @param {Staging} how.staging
   * @param {PathBook} how.book
   * @param {RemoteSender} how.sender
   * @param {(path: Path, peer: string, why: string) => void} how.tell
   * @param {(why: string, code: string) => void} how.cancelled by the sender, for good
   * @param {AbortSignal} how.ends
   */
  constructor(how) {
    this.how = how;
    this.book = how.book;
    const over = () => {
      this.using = null;
      this.wake();
    };
    this.reading = new Reading(how, how.sender.words.announced, over, () => this.wake());
  }

  // what the session tells

  wake() {
    this.#wakeup.set();
  }

  /** Its program began (again): of what it wrote live it says once more what goes on. */
  senderCame() {
    this.book.senderCame(seconds());
    this.reading.look();
  }

  senderLeft() {
    this.book.sender(false);
    this.wake();
  }

  /** A direct link is up, whoever made it. @param {Link} link */
  addLink(link) {
    const path = link.kind;
    if (this.links.has(path) || !allows(this.book.facts(seconds()), path)) return link.close("one is enough");
    this.links.set(path, link);
    this.book.up(path, seconds());
    link.listen((control) => control.type === "cancel" && this.how.cancelled(control.why, control.code ?? ""));
    link.closed.then(() => {
      if (this.links.get(path) !== link) return;
      this.links.delete(path);
      this.book.failed(path, seconds());
      if (this.using === path) this.using = null;
      this.wake();
    });
    this.wake();
  }

  // the loop

  /** Works until everything is here, or `ends`. */
  async run() {
    const { staging, ends } = this.how;
    while (!ends.aborted) {
      const now = seconds();
      this.#count(now);
      if (staging.complete) return;
      this.reading.lookAtEnd(this.book.movedAt);
      let again = 0.5;
      if (this.#mayAsk(now)) {
        const decision = this.book.decide(now);
        again = Math.max(0.01, decision.again);
        await this.#act(decision);
      } else if (this.using !== null) {
        await this.#leave();
        this.using = null;
      }
      this.#sayHeld(now);
      await this.#wakeup.wait(again);
    }
  }

  close() {
    this.reading.stop();
    for (const link of this.links.values()) link.close("done");
  }

  /** Whether there is anything to request now. @param {number} now */
  #mayAsk(now) {
    const { staging } = this.how;
    const { limit } = staging;
    const may = staging.consent.mayRequest(staging.held, staging.layout.positions);
    if (!may) this.book.pauses(now);
    if (limit !== this.#limit) {
      this.#limit = limit;
      for (const link of this.links.values()) link.ends(limit);
    }
    return may;
  }

  /** Tells the book what came, byte by byte: a slow line has not stalled. @param {number} now */
  #count(now) {
    const path = this.using;
    if (path === null) return;
    const carrier = isDirect(path) ? this.links.get(path) : this.reading.reader;
    if (!carrier || carrier.received === this.#seen) return;
    this.book.carried(path, carrier.received - this.#seen, now);
    this.#seen = carrier.received;
  }

  /** The sender shows how far it is, and knows that we live. @param {number} now */
  #sayHeld(now) {
    const { held } = this.how.staging;
    const link = this.using && this.links.get(this.using);
    const path = isDirect(this.using) && !link ? null : this.using;
    const said = this.#toSender.tick(now, path, held, this.book.movedAt);
    if (said === "held") link?.send({ type: "held", held });
    if (said === "progress") {
      const saying = this.how.sender.say({ type: "progress", held }).catch(() => undefined); // the next one says more
      void saying.finally(() => this.#toSender.arrived());
    }
  }

  // acts

  /** @param {Decision} decision */
  async #act({ stop, start, askRelay, use, why }) {
    for (const path of stop) this.#letGo(path);
    for (const path of start) void this.#try(path);
    if (askRelay) this.how.sender.say({ type: "ask-relay", held: this.how.staging.held }).catch(() => undefined);
    if (use !== this.using) await this.#switch(use, why);
  }

  /** @param {Path} path */
  async #try(path) {
    if (this.#trying.has(path)) return;
    this.#trying.add(path);
    try {
      const link = await this.how.reach.make(path);
      if (this.how.ends.aborted) link.close("too late");
      else this.addLink(link);
    } catch {
      if (!this.links.has(path) && this.book.known(path).state === "trying") this.book.failed(path, seconds());
      this.wake();
    } finally {
      this.#trying.delete(path);
    }
  }

  /** @param {Path} path */
  #letGo(path) {
    const link = this.links.get(path);
    this.links.delete(path);
    link?.close("not needed");
  }

  /** @param {Path | null} path @param {string} why */
  async #switch(path, why) {
    await this.#leave();
    this.using = path;
    if (path === null) return;
    const { staging } = this.how;
    const link = this.links.get(path);
    const begun = path === "relay" || path === "store" ? this.reading.begin(path) : link !== undefined;
    if (!begun) {
      this.using = null; // it broke, or ended, while the other was left
      return this.wake();
    }
    this.#seen = link?.received ?? 0;
    link?.pull((position, sealed) => staging.take(path, position, sealed), staging.held, staging.limit);
    const peer = link?.peer ?? "";
    if (`${path} ${peer}` === this.#told) return;
    this.#told = `${path} ${peer}`;
    this.how.tell(path, peer, why);
  }

  /** Stops asking on the path in use; what is under way on a link that lives is still taken. */
  async #leave() {
    this.reading.stop();
    const link = this.using && this.links.get(this.using);
    if (!link) return;
    const waits = seconds() + DRAIN_S;
    let left = link.outstanding;
    link.stop();
    for (let came = link.received; left > 0 && seconds() < waits && this.links.has(link.kind); left--) {
      await sleep(0.02);
      if (link.received === came) break;
      came = link.received;
    }
  }
}
