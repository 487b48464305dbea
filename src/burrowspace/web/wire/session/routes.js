/**
 * The receiver's paths: makes direct links, keeps the segments that the sender announced, and asks one of them for blocks.
 * Twin of client/session/routes.py. It acts on what core/paths.js decides and tells core/path-book.js what became of it.
 * Spec: docs/spec/paths.md.
 *
 * @import { PathBook } from "../../core/path-book.js"
 * @import { Decision, Path } from "../../core/paths.js"
 * @import { Segment } from "../../core/segments.js"
 * @import { Control, Leg, LegEnd, Signal } from "../../core/signals.js"
 * @import { Server } from "../server/api.js"
 * @import { Staging } from "../files/staging.js"
 * @import { Link } from "../links/link.js"
 * @import { Reach } from "../links/reach.js"
 */

import { Announced } from "../../core/segments.js";
import { ALL, DIRECT, STALL, allows, backoff } from "../../core/paths.js";
import { ours, seconds, sleep } from "../runtime.js";
import { SpoolReader } from "../relay/spool-reader.js";

const DRAIN_S = 0.5; // for what is under way on a path that is left in good order
const SAY_HELD_S = 0.25;
const SAY_S = 1; // through the mailbox, in the first SAY_FIRST_S; then each SAY_LATER_S
const SAY_FIRST_S = 60;
const SAY_LATER_S = 2;
const SAY_ALIVE_S = 4; // and without a new block, where bytes came

/** @param {Segment} each @returns {Path} */
const pathOf = (each) => (each.resting ? "store" : "relay");
/** @param {Path | null} path */
const isDirect = (path) => path !== null && DIRECT.includes(path);

export class Routes {
  /** Nothing carried since. */ idleSince = seconds();
  /** When the last byte came. */ movedAt = seconds();
  /** @type {Path | null} */ using = null;
  /** @type {Map<Path, Link>} */ links = new Map();
  /** @type {Set<string>} */ usedSpools = new Set();

  #segments = new Announced();
  /** @type {SpoolReader | null} */ #reader = null;
  /** @type {Segment | null} */ #reading = null;
  #readingSince = 0;
  /** @type {Set<Path>} */ #trying = new Set();
  /** Which carrier, and how many bytes the book knows of it. @type {[object | null, number]} */ #counted = [null, 0];
  #told = "";
  #began = seconds();
  #saying = false;
  #saidHeld = { at: 0, held: -1 };
  #news = false;
  /** @type {(() => void) | null} */ #wake = null;
  #resting = false; // nothing may be asked for: the person has not said yes
  /** @type {number | null} */ #limit = null;

  /**
   * @param {object} how
   * @param {Server} how.server
   * @param {Reach} how.reach
   * @param {Staging} how.staging
   * @param {PathBook} how.book
   * @param {(signal: Signal) => Promise<void>} how.say
   * @param {(path: Path, peer: string, why: string) => void} how.tell
   * @param {(control: Control) => void} how.control
   * @param {AbortSignal} how.ends
   */
  constructor(how) {
    this.how = how;
    this.book = how.book;
  }

  // what the session tells

  wake() {
    this.#news = true;
    this.#wake?.();
  }

  /** The sender's program began (again): all that failed is worth another try. */
  senderCame() {
    const now = seconds();
    this.#segments.anew();
    this.book.sender(true);
    this.book.metAgain(now);
    for (const path of /** @type {Path[]} */ ([...DIRECT, "relay"])) {
      if (this.book.known(path).state === "failed") this.book.released(path, now);
    }
    // The one before it was asked, and will not answer.
    if (this.book.known("relay").state === "trying") this.book.released("relay", now);
    this.#lookAtSegments();
    this.wake();
  }

  senderLeft() {
    this.book.sender(false);
    this.wake();
  }

  /** Whether all that the sender left on the server is gone. */
  get nothingLeft() {
    return this.#segments.nothingLeft(this.how.staging.held);
  }

  /** @param {Leg | LegEnd} signal */
  segment(signal) {
    if (signal.type === "leg") this.#segments.begins(signal.spool, signal.first, signal.suite, signal.resting);
    else this.#segmentEnded(signal);
    this.#lookAtSegments();
    this.wake();
  }

  /** @param {LegEnd} end */
  #segmentEnded({ spool, upto }) {
    this.#segments.ends(spool, upto);
    if (this.#reader && this.#reading) this.#reader.upto = least(this.#reading.upto, this.how.staging.limit);
  }

  /** A direct link is up, whoever made it. @param {Link} link */
  addLink(link) {
    const path = link.kind;
    if (this.links.has(path) || !allows(this.book.facts(seconds()), path)) return link.close("one is enough");
    this.links.set(path, link);
    this.book.up(path, seconds());
    link.listen(this.how.control);
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
      this.#lookAtEnd();
      let again = 0.5;
      if (this.#mayAsk(now)) {
        const decision = this.book.decide(now);
        again = Math.max(0.01, decision.again);
        await this.#act(decision);
        if (this.using !== null) this.idleSince = now;
      } else if (this.using !== null) {
        await this.#leave();
        this.using = null;
      }
      this.#sayHeld(now);
      await this.#change(again);
    }
  }

  close() {
    this.#reader?.stop();
    for (const link of this.links.values()) link.close("done");
  }

  /** Whether there is anything to request now. @param {number} now */
  #mayAsk(now) {
    const { staging } = this.how;
    const { limit } = staging;
    const may = staging.consent.mayRequest(staging.held, staging.layout.positions);
    if (may && this.#resting) this.book.resumed(now); // waiting for a person is no stall
    this.#resting = !may;
    if (!may) this.idleSince = this.movedAt = now;
    if (limit !== this.#limit) {
      this.#limit = limit;
      for (const link of this.links.values()) link.ends(limit);
    }
    return may;
  }

  /** @param {number} time s */
  async #change(time) {
    if (!this.#news) {
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          const timer = setTimeout(resolve, time * 1000);
          this.#wake = () => {
            clearTimeout(timer);
            resolve();
          };
        })
      );
    }
    this.#news = false;
    this.#wake = null;
  }

  /** Tells the book what came, byte by byte: a slow line has not stalled. @param {number} now */
  #count(now) {
    const path = this.using;
    const carrier = path === null ? null : isDirect(path) ? this.links.get(path) : this.#reader;
    if (!path || !carrier) return;
    if (carrier !== this.#counted[0]) this.#counted = [carrier, carrier instanceof SpoolReader ? 0 : carrier.received];
    const more = carrier.received - this.#counted[1];
    if (!more) return;
    this.#counted[1] = carrier.received;
    this.movedAt = now;
    this.book.carried(path, more, now);
  }

  /** The sender shows how far it is, and knows that we live. @param {number} now */
  #sayHeld(now) {
    const { held } = this.how.staging;
    const { held: said, at } = this.#saidHeld;
    if (this.using === "relay" || this.using === "store") {
      const every = now - this.#began < SAY_FIRST_S ? SAY_S : SAY_LATER_S;
      const news = held !== said || this.movedAt > at + SAY_ALIVE_S; // a block may take long on a slow line
      if (!news || now - at < every || this.#saying) return;
      this.#saidHeld = { at: now, held };
      this.#saying = true; // one word at a time: a server that is busy sets the pace
      this.how.say({ type: "progress", held }).catch(() => undefined).finally(() => (this.#saying = false));
      return;
    }
    if (held === said) return;
    const link = this.using && this.links.get(this.using);
    if (!link || now - this.#saidHeld.at < SAY_HELD_S) return;
    this.#saidHeld = { at: now, held };
    link.send({ type: "held", held });
  }

  // acts

  /** @param {Decision} decision */
  async #act({ stop, start, askRelay, use, why }) {
    for (const path of stop) this.#letGo(path);
    for (const path of start) void this.#try(path);
    if (askRelay) this.how.say({ type: "ask-relay", held: this.how.staging.held }).catch(() => undefined);
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
    let peer = "";
    if (isDirect(path)) {
      const link = this.links.get(path);
      if (!link) {
        this.using = null; // it broke while the other was left
        return this.wake();
      }
      peer = link.peer;
      link.pull((position, sealed) => staging.take(path, position, sealed), staging.held, staging.limit);
    } else if (!this.#read(path)) return;
    if (`${path} ${peer}` !== this.#told) {
      this.#told = `${path} ${peer}`;
      this.how.tell(path, peer, why);
    }
  }

  /** Stops asking on the path in use; what is under way on a link that lives is still taken. */
  async #leave() {
    this.#reader?.stop();
    this.#reader = this.#reading = null;
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

  // segments

  #lookAtSegments() {
    const now = seconds();
    const { held } = this.how.staging;
    for (const path of /** @type {Path[]} */ (["relay", "store"])) {
      const { state } = this.book.known(path);
      if (this.#segments.pick(held, path === "store")) {
        if (state !== "up") this.book.up(path, now);
      } else if (state === "up" && (!this.#reading || pathOf(this.#reading) !== path)) this.book.released(path, now);
    }
  }

  /** @param {Path} path */
  #read(path) {
    const { server, staging } = this.how;
    const segment = this.#segments.pick(staging.held, path === "store");
    if (!segment) {
      this.book.released(path, seconds());
      this.using = null;
      this.wake();
      return false;
    }
    this.#reading = segment;
    this.#readingSince = seconds();
    this.usedSpools.add(segment.spool);
    const reader = new SpoolReader(
      server,
      segment.spool,
      staging.layoutIn(segment.suite),
      segment.first,
      staging.held,
      (position, sealed) => staging.take(path, position, sealed, segment.suite),
      least(segment.upto, staging.limit),
    );
    this.#reader = reader;
    reader.run().then(
      () => this.#readOver(reader, null),
      (error) => this.#readOver(reader, error),
    );
    return true;
  }

  /** @param {SpoolReader} reader @param {unknown} error */
  #readOver(reader, error) {
    const segment = this.#reading;
    if (reader !== this.#reader || !segment || reader.stopped) return;
    this.#reader = this.#reading = null;
    this.using = null;
    if (error === null) {
      this.#lookAtSegments();
      return this.wake();
    }
    const { fields } = ours(error);
    if (fields.final === true) this.#segments.lost(segment.spool);
    const path = pathOf(segment);
    this.book.failed(path, seconds());
    if (!segment.dead) {
      // The server, or the way to it, may come back.
      const pause = backoff(this.book.known(path).failures);
      sleep(pause, this.how.ends).then(
        () => {
          this.#lookAtSegments();
          this.wake();
        },
        () => undefined,
      );
    }
    this.wake();
  }

  /** A segment that turned out to end waits for a block that will not come; so does one that stands still while another
   * brings that block, or none is known to bring it. */
  #lookAtEnd() {
    const [reader, segment, { held }] = [this.#reader, this.#reading, this.how.staging];
    if (!reader || !segment) return;
    const { upto, resting } = segment;
    if (upto === null || reader.position < upto || held < upto) {
      const still = seconds() - Math.max(this.movedAt, this.#readingSince) >= STALL;
      if (!still || this.#segments.pick(held, resting) === segment) return;
    }
    this.#readOver(reader, null);
    reader.stop();
  }

  /** All states, for whoever looks. */
  get states() {
    return Object.fromEntries(ALL.map((path) => [path, this.book.known(path).state]));
  }
}

/** @param {number | null} one @param {number | null} other */
function least(one, other) {
  return one === null ? other : other === null ? one : Math.min(one, other);
}
