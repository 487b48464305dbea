/**
 * The receiver of one transfer: it is in command. It finds the offer, asks paths for blocks, verifies, says so. Twin of
 * client/session/receiver.py: paths are routes.js's, files the sink's, the sender's words remote-sender.js's. What may
 * be requested and said is decided by core/consent.js and core/reports.js. Specs: docs/spec/paths.md,
 * docs/spec/session.md.
 *
 * @import { Reason } from "../../core/reasons.js"
 * @import { BurrowError as Fault } from "../../core/errors.js"
 * @import { Manifest } from "../../core/manifest.js"
 * @import { Offer, Signal } from "../../core/signals.js"
 * @import { Finished } from "../events.js"
 * @import { Link } from "../links/link.js"
 * @import { Receive } from "./incoming.js"
 */

import { hex, unhex } from "../../core/bytes.js";
import { checkWords } from "../../core/codes.js";
import { BurrowError } from "../../core/errors.js";
import { whyEnded } from "../../core/reasons.js";
import { Layout } from "../../core/layout.js";
import { lostBytes, notesOf } from "../../core/left-out.js";
import { linkKey, linkTag } from "../../core/links.js";
import { outside } from "../../core/outside.js";
import { PathBook } from "../../core/path-book.js";
import { takingEngine } from "../files/engine.js";
import { Staging } from "../files/staging.js";
import { Reach } from "../links/reach.js";
import { whyAway } from "../network-watch.js";
import { patiently } from "../rendezvous/conversation.js";
import { CLOSED, randomId, seconds } from "../runtime.js";
import { Asking } from "./asking.js";
import { Notes } from "./notes.js";
import { RemoteSender, suiteOf } from "./remote-sender.js";
import { Routes } from "./routes.js";
import { Running } from "./running.js";
import { Telling } from "./telling.js";

const GOODBYE_S = 15; // for the last words to reach the mailbox
const TAMPERED_MOST = 3; // blocks that do not open, after which the transfer is given up

export class Receiver extends Running {
  /** @type {Manifest | null} */ manifest = null;
  /** @type {Receive} */ #how;
  /** @type {RemoteSender} */ #sender;
  /** @type {Routes | null} */ #routes = null;
  /** @type {Staging | null} */ #staging = null;
  /** @type {Reach | null} */ #reach = null;
  #id = ""; // this receiver
  #whole = false; // verified: there is nothing to go on with
  /** @type {Notes | null} */ #notes = null;

  /** @param {Receive} how */
  constructor(how) {
    super(how.tell);
    this.#how = how;
    this.#sender = new RemoteSender(how.server, how.secret, how.name ?? "", this.ends, {
      offered: () => this.changed(),
      came: async () => {
        if (!this.#routes) return;
        this.#routes.senderCame();
        await this.#sender.hello(this.#id, this.#staging?.held ?? 0);
      },
      left: () => this.#routes?.senderLeft(),
      cancelled: (why, code) => this.#cancelled(why, code),
      announced: () => this.#routes?.reading.look(),
      direct: (signal) => this.#reach?.heard(signal),
      away: this.#away,
    });
  }

  /** @returns {Promise<Finished>} */
  async work() {
    const sender = this.#sender;
    await sender.recall();
    this.start(sender.hear());
    const begun = !this.#how.byLink || Boolean(this.#how.state); // else a link without an offer stands for nothing
    const waits = (/** @type {Reason} */ reason) => this.waits(reason);
    const offer = await sender.forOffer(begun, () => this.change(1), waits);
    const staging = await this.#stage(offer);
    const { over, code: overBy } = sender.words;
    if (over !== null && !staging.complete) throw ended(over, overBy, staging.held ? "cancelled" : "gone");
    const fresh = this.#how.state?.receiver !== this.#id;
    const [routes] = await Promise.all([this.#openRoutes(offer, staging), sender.meet(this.#id, fresh)]);
    const words = checkWords(this.#how.secret, unhex(offer.transfer));
    this.tell({ event: "met", peer: offer.name, receiver: this.#id, words });
    const met = seconds();
    await sender.hello(this.#id, staging.held);
    this.start(sender.hearPair());
    this.start(routes.run());
    const firstByte = await this.#until(staging, routes, met);
    await this.#notes?.write(true); // a page that is loaded again now tells the sender
    this.#whole = true;
    const { digest, places, texts, lost } = await staging.finish();
    if (lost.length) await this.#notes?.again(); // nothing of those is in its place any more
    const files = staging.manifest?.files ?? [];
    if (lost.length) this.tell({ event: "noted", ...notesOf(lost, files) });
    this.tell({ event: "verified", digest: hex(digest), receiver: this.#id });
    for (const text of texts) this.tell({ event: "text", text }); // at once, whatever the server does
    await this.#sayVerified(routes, hex(digest));
    await this.#how.arrived?.(lost);
    return {
      event: "finished",
      size: staging.content - lostBytes(lost, files),
      seconds: seconds() - met,
      firstByte,
      shares: { ...staging.shares },
      verified: true,
      resting: false,
      places,
      again: staging.again,
      network: { ...staging.network },
      sealed: 0,
      incomplete: lost.length > 0,
    };
  }

  /** The loop: until everything is here and wanted. Seconds to the first byte. @param {Staging} staging
   * @param {Routes} routes @param {number} met @returns {Promise<number | null>} */
  async #until(staging, routes, met) {
    const began = staging.held;
    const asking = new Asking(this, this.#how, this.#sender, staging, () => routes.wake());
    const telling = new Telling(this, this.#sender, staging, routes, this.#id);
    /** @type {number | null} */ let firstByte = null;
    while (!staging.complete || !staging.consent.accepted) {
      await this.change(0.25);
      if (staging.fault) throw staging.fault;
      if (staging.tampered >= TAMPERED_MOST) {
        throw new BurrowError("tampered", "what arrives was not sealed by the sender; somebody between you changes it");
      }
      const now = seconds();
      if (staging.held > began) firstByte ??= now - met;
      this.manifest = staging.manifest;
      await asking.tick(now);
      this.start(telling.tick(now));
      if (this.#notes) this.start(this.#notes.tick(now));
    }
    return firstByte;
  }

  /** @param {Fault} error */
  async failed(error) {
    if (error.code === CLOSED && this.#staging?.consent.accepted) await this.#notes?.write(true);
    if (error.fields.own && !this.#whole)
      await this.#sender.lastWords({ type: "cancel", why: "the receiver called it off" });
    if (!["cancelled", "mismatch", "gone"].includes(error.code)) return;
    await this.#staging?.abort();
    await this.#how.keep?.(null);
  }

  async end() {
    if (this.#staging && !this.#whole) {
      await this.#sender.lastWords({ type: "progress", held: this.#staging.held });
      await this.#sender.lastWords({ type: "bye" });
    }
    this.#routes?.close();
    this.#reach?.close();
    await this.#staging?.close();
  }

  #away = () => this.waits(whyAway(this.#how.server), this.#id);

  /** @param {Offer} offer @returns {Promise<Staging>} */
  async #stage(offer) {
    const { secret, state, sink = null } = this.#how;
    const suite = suiteOf(offer);
    const known = state?.transfer === offer.transfer ? state : null;
    this.#id = known?.receiver ?? randomId();
    const saved = known?.landing ?? undefined;
    const transfer = unhex(offer.transfer);
    const sizes = { manifestSize: offer.manifest_size, packSize: offer.pack_size };
    const engine = await takingEngine({ secret, transfer, suite, ...sizes }, saved);
    const layout = new Layout(suite, offer.manifest_size, saved?.packSize ?? offer.pack_size);
    const staging = new Staging(engine, layout, () => {
      this.#routes?.wake();
      this.changed();
    });
    this.#staging = staging;
    if (saved) await staging.resume(saved, sink);
    this.manifest = staging.manifest;
    const of = { transfer: offer.transfer, receiver: this.#id };
    await this.#how.keep?.({ ...of, landing: saved ?? null });
    this.#notes = new Notes(this.#how.keep, staging, of);
    return staging;
  }

  /** @param {Offer} offer @param {Staging} staging */
  async #openRoutes(offer, staging) {
    const { server, secret, options = {} } = this.#how;
    const renew = async () => outside(await server.hello(), seconds());
    const around = await patiently(renew, this.ends, this.#away);
    const { suite, manifestBlocks: batchFrom } = staging.layout;
    const ticket = { tag: linkTag(secret, this.#id), key: linkKey(secret, this.#id), sender: false };
    const say = (/** @type {Signal} */ signal) => this.#sender.say(signal);
    const add = (/** @type {Link} */ link) => routes.addLink(link);
    const reach = new Reach({ ticket, options, around, renew, suite, say, batchFrom, add });
    this.#reach = reach;
    const allowed = { relayOnly: options.relayOnly, directOnly: options.directOnly, noStore: options.store === false };
    const book = new PathBook(seconds(), allowed, reach.possible);
    book.mayStore(offer.may_store);
    const routes = new Routes({
      server,
      reach,
      staging,
      book,
      sender: this.#sender,
      ends: this.ends,
      tell: (path, peer, why) => this.tell({ event: "path", path, peer, why, receiver: this.#id }),
      cancelled: (why, code) => this.#cancelled(why, code),
    });
    this.#routes = routes;
    routes.reading.look();
    if (!this.#sender.words.here) routes.senderLeft();
    return routes;
  }

  /** By the sender, for good. @param {string} why @param {string} code */
  #cancelled(why, code) {
    if (this.#staging && !this.#staging.complete) this.fail(ended(why, code));
  }

  /** Where the sender cannot be told, it is whole all the same. @param {Routes} routes @param {string} digest */
  async #sayVerified(routes, digest) {
    for (const link of routes.links.values()) link.send({ type: "verified", digest });
    if (!(await this.#sender.lastWords({ type: "verified", digest }, GOODBYE_S))) return;
    for (const spool of routes.reading.spools) await this.#how.server.delivered(spool).catch(() => undefined);
  }
}

/** @param {string} why @param {string} said its code @param {string} [code] */
function ended(why, said, code = "cancelled") {
  return new BurrowError(code, `the sender has ended this transfer: ${why}`, { reason: whyEnded(why, said) });
}
