/**
 * The receiver of one transfer: it is in command. It finds the offer, asks paths for blocks, verifies, says so. Twin of
 * client/session/receiver.py: paths are routes.js's, files the sink's, words conversation.js's. Specs: docs/spec/paths.md,
 * docs/spec/signalling.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Act } from "../../core/consent.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Control, Leg, LegEnd, Offer, Signal } from "../../core/signals.js"
 * @import { Saved } from "../../core/taking.js"
 * @import { Server } from "../server/api.js"
 * @import { Event, Finished } from "../events.js"
 * @import { Sink } from "../files/staging.js"
 * @import { Manifest } from "../../core/manifest.js"
 * @import { Options } from "../options.js"
 */

import { hex, unhex } from "../../core/bytes.js";
import { checkWords } from "../../core/codes.js";
import { BurrowError } from "../../core/errors.js";
import { Layout } from "../../core/layout.js";
import { linkKey, linkTag, mailboxId } from "../../core/links.js";
import { DIGEST_BYTES } from "../../core/manifest.js";
import { PathBook } from "../../core/path-book.js";
import { BLOCK } from "../../core/sealing.js";
import { Silence } from "../../core/silence.js";
import { CLOSED, randomId, seconds, sleep } from "../runtime.js";
import { Conversation, patiently } from "../rendezvous/conversation.js";
import { takingEngine } from "../files/engine.js";
import { Staging } from "../files/staging.js";
import { outside, Reach } from "../links/reach.js";
import { NetworkWatch, offline, whyAway } from "../offline.js";
import { Routes } from "./routes.js";
import { Meter, Running } from "./running.js";

const LAST_WORDS_S = 1;
const GOODBYE_S = 15; // for the last words to reach the mailbox
const TAMPERED_MOST = 3; // blocks that do not open, after which the transfer is given up
const NOTHING_S = 3; // a sender offers as soon as its link is there: after that a link without an offer stands for nothing
const STILL_S = 4; // without a byte, after which a path that is in use moves nothing
const LOOK_S = 4; // for an answer of the server to somebody who wonders
const LOOK_AGAIN_S = 5; // between two looks
const OVER =
  "the sender was silent for two minutes. It reads its standard input, which cannot be read twice, so it cannot come back if it was stopped; ask for it again";
const WAITING_S = 10; // between two times that the same reason to wait is told
const KEEP_S = 0.25; // between two notes of how far it is, and at least KEEP_SHARE times what one costs
const KEEP_SHARE = 10;
/** As this end would have it, the best first. @type {Suite[]} */
const SUITES = globalThis.crypto?.subtle ? ["A256GCM", "XC20P"] : ["XC20P", "A256GCM"];

/** What a page must keep to go on after a reload; can be cloned into a database. `landing` is null before the person
 * said yes. @typedef {{transfer: string, receiver: string, landing: Saved | null}} ReceiveState */

/**
 * @typedef {object} Receive
 * @property {Server} server
 * @property {Bytes} secret 32 bytes, of a link or a code
 * @property {(manifest: Manifest, sender: string) => Promise<Sink | null>} accept asks the person; null: declined. After a
 *   reload it is asked again only where nothing had been accepted
 * @property {(event: Event) => void} tell
 * @property {boolean} [byLink] the secret came in a link, which is there only after its offer
 * @property {string} [name] what to call this end to the other
 * @property {Options} [options]
 * @property {ReceiveState | null} [state] of an earlier run
 * @property {Sink | null} [sink] of an earlier run, where `state.landing` is there: it holds what was flushed
 * @property {(state: ReceiveState | null) => void | Promise<void>} [keep] null: there is nothing to go on with any more
 * @property {() => Promise<void>} [arrived] all is verified, in its place and told: nothing to go on with, but what was kept to let go of
 */

export class Receiver extends Running {
  /** @type {Manifest | null} */ manifest = null;
  sender = "";

  /** @type {Receive} */ #how;
  /** @type {Conversation} */ #main;
  /** @type {Conversation | null} */ #pair = null;
  /** @type {Offer | null} */ #offer = null;
  #senderSession = "";
  #senderHere = true;
  /** Why there is nothing to come any more. @type {string | null} */ #gone = null;
  /** @type {(Leg | LegEnd)[]} */ #earlySegments = [];
  /** @type {Routes | null} */ #routes = null;
  /** @type {Staging | null} */ #staging = null;
  /** @type {Reach | null} */ #reach = null;
  #receiver = "";
  /** Of a sender that reads its standard input. @type {Silence | null} */ #silence = null;
  #heardAt = seconds(); // when the sender said something last
  #giving = false; // it is being given up
  #offline = false; // the server did not answer when it was last looked for
  #looking = false;
  #lookedAt = -1;
  #keepAt = 0;
  /** @type {Promise<unknown>} */ #keeping = Promise.resolve();
  /** When it was last said that nothing moves, and why. */ #idle = { at: -1, why: "" };

  /** @param {Receive} how */
  constructor(how) {
    super(how.tell);
    this.#how = how;
    const { server, secret } = how;
    this.#main = new Conversation(server, secret, mailboxId(secret), "receiver", Conversation.session(), this.ends);
  }

  async work() {
    const { server, secret } = this.#how;
    await this.#recall();
    this.start(this.#hearMain());
    const offer = await this.#forOffer();
    const staging = await this.#land(offer);
    if (this.#gone !== null && !staging.complete) throw this.#ended(this.#gone, staging.held ? "cancelled" : "gone");
    const id = mailboxId(secret, this.#receiver);
    const pair = new Conversation(server, secret, id, "receiver", this.#main.session, this.ends);
    this.#pair = pair;
    const fresh = this.#how.state?.receiver !== this.#receiver;
    if (offer.pack_size === null) this.#silence = new Silence(seconds());
    const [routes] = await Promise.all([
      this.#openRoutes(offer, staging, pair),
      fresh ? patiently(() => server.makeMailbox(id), this.ends) : this.#recallPair(pair),
    ]);
    this.tell({ event: "met", peer: offer.name, receiver: this.#receiver, words: this.#words(offer) });
    const met = seconds();
    const began = staging.held;
    await this.#hello();
    this.start(this.#hearPair(pair));
    this.start(routes.run());
    const firstByte = await this.#until(staging, routes, offer, pair, met, began);
    await this.#keep(staging, true); // a page that is loaded again while the sender is told has all of it, and tells them
    this.#pair = null;
    const { digest, places, texts } = await staging.finish();
    this.tell({ event: "verified", digest: hex(digest), receiver: this.#receiver });
    await this.#sayVerified(pair, routes, hex(digest));
    for (const text of texts) this.tell({ event: "text", text });
    await this.#how.arrived?.();
    /** @type {Finished} */ const finished = {
      event: "finished",
      size: this.#size(staging, staging.layout.positions ?? 0),
      seconds: seconds() - met,
      firstByte,
      shares: { ...staging.shares },
      verified: true,
      resting: false,
      places,
      again: staging.again,
      network: { ...staging.network },
      sealed: 0,
    };
    return finished;
  }

  /** The loop: until everything is here and wanted. Seconds to the first byte. @param {Staging} staging @param {Routes} routes @param {Offer} offer
   * @param {Conversation} pair @param {number} met @param {number} began @returns {Promise<number | null>} */
  async #until(staging, routes, offer, pair, met, began) {
    const meter = new Meter();
    /** @type {number | null} */ let firstByte = null;
    let told = 0;
    const watch = new NetworkWatch();
    while (!staging.complete || !staging.accepted) {
      await this.change(0.25);
      if (staging.fault) throw staging.fault;
      if (staging.tampered >= TAMPERED_MOST) {
        throw new BurrowError("tampered", "what arrives was not sealed by the sender; somebody between you changes it");
      }
      const now = seconds();
      if (staging.held > began) firstByte ??= now - met;
      const news = watch.news();
      if (news) this.#tellIdle(now, news);
      if (staging.manifest) await this.#do([...staging.consent.know(now), ...staging.consent.tick(now)], staging, offer, pair);
      this.#listenToSilence(now, staging, routes, pair);
      if (now - told >= 0.1) {
        told = now;
        this.#progress(staging, routes, meter, now);
      }
      if (staging.accepted && now >= this.#keepAt && this.#how.keep) {
        this.#keepAt = Infinity;
        this.start(this.#keep(staging).then(() => (this.#keepAt = seconds() + Math.max(KEEP_S, KEEP_SHARE * (seconds() - now)))));
      }
    }
    return firstByte;
  }

  /** @param {BurrowError} error */
  async failed(error) {
    if (error.code === CLOSED && this.#staging?.accepted) await this.#keep(this.#staging, true);
    if (error.fields.own && this.#pair) await this.#lastWords(this.#pair, { type: "cancel", why: "the receiver called it off" });
    if (!["cancelled", "mismatch", "gone"].includes(error.code)) return;
    await this.#staging?.abort();
    await this.#how.keep?.(null);
  }

  async end() {
    const pair = this.#pair;
    if (pair && this.#staging) {
      const held = this.#staging.held;
      await this.#lastWords(pair, { type: "progress", held });
      await this.#lastWords(pair, { type: "bye" });
    }
    this.#routes?.close();
    this.#reach?.close();
    await this.#staging?.close();
  }

  /** @param {Conversation} pair @param {Signal} signal */
  async #lastWords(pair, signal) {
    const said = pair.say(signal, AbortSignal.timeout(LAST_WORDS_S * 1000));
    await Promise.race([said, sleep(LAST_WORDS_S)]).catch(() => undefined); // an earlier word may wait for the server
  }

  // the beginning

  /** What was said before this program began, to its end: the last word counts. */
  async #recall() {
    const said = await this.#main.soFar(() => this.#away());
    for (const { session, signal } of said) await this.#heard(session, signal);
  }

  /** The segments that were said to an earlier run; where the sender could be reached is history. @param {Conversation} pair */
  async #recallPair(pair) {
    for (const { signal } of await pair.soFar(() => this.#away())) {
      if (signal.type === "leg" || signal.type === "leg-end") this.#segment(signal);
    }
  }

  #away() {
    this.tell({ event: "waiting", why: whyAway(), receiver: this.#receiver });
  }

  /** @returns {Promise<Offer>} */
  async #forOffer() {
    const began = seconds();
    while (!this.#offer) {
      await this.change(1);
      if (this.#offer) break;
      const away = this.#main.away || offline();
      if (this.#how.byLink && !this.#how.state && !away && seconds() - began > NOTHING_S) {
        throw new BurrowError("gone", "nothing is offered under this link: it is wrong, or its time is up");
      }
      const why = away ? whyAway() : "the sender has not begun yet";
      this.tell({ event: "waiting", why, receiver: "" });
    }
    return this.#offer;
  }

  /** @param {Offer} offer @returns {Promise<Staging>} */
  async #land(offer) {
    const { secret, state, sink = null } = this.#how;
    const suite = SUITES.find((each) => offer.suites.includes(each));
    if (!suite) throw new BurrowError("cancelled", "the sender seals in a way that this page does not know");
    const known = state?.transfer === offer.transfer ? state : null;
    this.#receiver = known?.receiver ?? randomId();
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
    await this.#how.keep?.({ transfer: offer.transfer, receiver: this.#receiver, landing: saved ?? null });
    return staging;
  }

  /** @param {Offer} offer @param {Staging} staging @param {Conversation} pair */
  async #openRoutes(offer, staging, pair) {
    const { server, secret, options = {} } = this.#how;
    const ticket = { tag: linkTag(secret, this.#receiver), key: linkKey(secret, this.#receiver), sender: false };
    const renew = async () => outside(await server.hello());
    const around = await patiently(renew, this.ends, () => this.#away());
    const { suite, manifestBlocks } = staging.layout;
    /** @param {Signal} signal */
    const say = (signal) => pair.say(signal);
    this.#reach = new Reach({
      ticket,
      options,
      around,
      renew,
      suite,
      say,
      batchFrom: manifestBlocks,
      add: (link) => this.#routes?.addLink(link),
    });
    const allowed = { relayOnly: options.relayOnly, directOnly: options.directOnly, noStore: options.store === false };
    const book = new PathBook(seconds(), allowed, this.#reach.possible);
    book.mayStore(offer.may_store);
    const routes = new Routes({
      server,
      reach: this.#reach,
      staging,
      book,
      say,
      ends: this.ends,
      tell: (path, peer, why) => this.tell({ event: "path", path, peer, why, receiver: this.#receiver }),
      control: (control) => this.#control(control),
    });
    this.#routes = routes;
    for (const segment of this.#earlySegments) routes.segment(segment);
    if (!this.#senderHere) routes.senderLeft();
    return routes;
  }

  async #hello() {
    const held = this.#staging?.held ?? 0;
    const name = (this.#how.name ?? "").slice(0, 255);
    await this.#main.say({ type: "hello", receiver: this.#receiver, name, held, suites: SUITES, version: 1 });
  }

  /** @param {Offer} offer */
  #words(offer) {
    return checkWords(this.#how.secret, unhex(offer.transfer));
  }

  /** What core/consent.js decided. @param {Act[]} acts @param {Staging} staging @param {Offer} offer @param {Conversation} pair */
  async #do(acts, staging, offer, pair) {
    const { held } = staging;
    for (const act of acts) {
      if (act === "ask") this.start(this.#askPerson(staging, offer, pair));
      else if (act === "say-deciding") this.start(pair.say({ type: "progress", held }));
      else if (act === "say-accept") this.start(pair.say({ type: "accept", suite: staging.layout.suite, held }));
      else if (act === "say-decline") {
        const said = pair.say({ type: "decline", why: "declined by the receiver" }, AbortSignal.timeout(GOODBYE_S * 1000));
        await Promise.race([said, sleep(GOODBYE_S)]).catch(() => undefined);
      } else if (act === "close") throw new BurrowError("cancelled", "you declined it; nothing was written");
      else {
        this.#routes?.wake();
        this.changed();
      }
    }
  }

  /** @param {Staging} staging @param {Offer} offer @param {Conversation} pair */
  async #askPerson(staging, offer, pair) {
    const manifest = /** @type {Manifest} */ (staging.manifest);
    this.manifest = manifest;
    const text = manifest.entries.every((each) => each.kind === "text");
    const { name, files, contentSize: size } = manifest;
    this.tell({ event: "offered", name, files: files.length, size, sender: offer.name, text, manifest });
    const sink = await this.#how.accept(manifest, offer.name);
    const acts = sink ? await staging.accept(sink) : staging.consent.answer(false);
    await this.#do(acts, staging, offer, pair);
  }

  /** One after the other: what the sink says it has kept belongs to the snapshot before. @param {Staging} staging @param {boolean} [last] */
  async #keep(staging, last = false) {
    const kept = this.#keeping.then(async () => {
      if (!this.#how.keep || !this.#offer || staging.fault) return;
      const saved = await staging.snapshot(last);
      if (!saved) return;
      await this.#how.keep({ transfer: this.#offer.transfer, receiver: this.#receiver, landing: saved });
    });
    this.#keeping = kept.catch(() => undefined);
    await kept;
  }

  // what is heard

  async #hearMain() {
    for await (const { session, signal } of this.#main.heard()) await this.#heard(session, signal);
  }

  /** @param {string} session @param {Signal} signal */
  async #heard(session, signal) {
    this.#heardAt = seconds();
    if (signal.type === "offer") await this.#hearOffer(session, signal);
    else if (signal.type === "leg" || signal.type === "leg-end") this.#segment(signal);
    else if (signal.type === "cancel") this.#cancelled(signal.why);
    else if (signal.type === "bye" && session === this.#senderSession) {
      this.#senderHere = false;
      this.#routes?.senderLeft();
    }
  }

  /** By the sender, for good. @param {string} why */
  #cancelled(why) {
    if (!this.#staging) this.#gone = why;
    else if (!this.#staging.complete) this.fail(this.#ended(why));
  }

  /** @param {string} why @param {string} [code] */
  #ended(why, code = "cancelled") {
    return new BurrowError(code, `the sender has ended this transfer: ${why}`);
  }

  /** @param {string} session @param {Offer} offer */
  async #hearOffer(session, offer) {
    if (this.#offer && offer.transfer !== this.#offer.transfer) {
      throw new BurrowError("cancelled", "the sender offers something else under this link now; receive it again");
    }
    const again = this.#senderSession !== "" && this.#senderSession !== session;
    this.#offer = offer;
    this.#senderSession = session;
    this.sender = offer.name;
    this.#senderHere = true;
    this.changed();
    if (!again || !this.#routes) return;
    this.#routes.senderCame();
    await this.#hello();
  }

  /** @param {Conversation} pair */
  async #hearPair(pair) {
    for await (const { signal } of pair.heard()) {
      this.#heardAt = seconds();
      if (signal.type === "leg" || signal.type === "leg-end") this.#segment(signal);
      else if (signal.type === "cancel") this.#cancelled(signal.why);
      else if (signal.type === "bye") this.#routes?.senderLeft();
      else this.#reach?.heard(signal);
    }
  }

  /** @param {Leg | LegEnd} signal */
  #segment(signal) {
    if (this.#routes) this.#routes.segment(signal);
    else this.#earlySegments.push(signal);
  }

  /** What core/silence.js decided. @param {number} now @param {Staging} staging @param {Routes} routes @param {Conversation} pair */
  #listenToSilence(now, staging, routes, pair) {
    if (!this.#silence || this.#giving) return;
    const heardAt = routes.links.size ? now : Math.max(this.#heardAt, routes.movedAt);
    const wanted = staging.consent.stage !== "deciding" && !this.#main.away && !this.#offline && !offline();
    for (const act of this.#silence.tick(now, heardAt, wanted)) {
      if (act === "ask") this.start(pair.say({ type: "ask-relay", held: staging.held }));
      else if (act === "end") this.start(this.#giveUp());
    }
  }

  /** Unless it is we who are cut off. */
  async #giveUp() {
    this.#giving = true;
    await this.#lookForServer();
    this.#giving = false;
    if (!this.#offline) throw new BurrowError("gone", OVER);
  }

  /** @param {Control} control */
  #control(control) {
    if (control.type === "cancel") this.#cancelled(control.why);
  }

  // progress and end

  /** Content bytes that `held` positions stand for. @param {Staging} staging @param {number} held */
  #size(staging, held) {
    const done = Math.max(0, held - staging.layout.manifestBlocks) * BLOCK;
    const { packSize } = staging.layout;
    return Math.min(done, staging.manifest?.contentSize ?? (packSize === null ? done : packSize - DIGEST_BYTES));
  }

  /** @param {Staging} staging @param {Routes} routes @param {Meter} meter @param {number} now */
  #progress(staging, routes, meter, now) {
    const done = this.#size(staging, staging.held);
    const total = staging.manifest?.contentSize ?? null;
    const rate = meter.add(now, done);
    const path = routes.using;
    if (path && now - routes.movedAt <= STILL_S) {
      this.#idle = { at: -1, why: "" };
      const eta = total !== null && rate > 0 ? (total - done) / rate : null;
      this.tell({ event: "progress", done, total, rate, eta, path, receiver: this.#receiver });
    } else if ((path || now - routes.idleSince > 2) && staging.consent.stage !== "deciding") {
      if (!this.#looking && now - this.#lookedAt > LOOK_AGAIN_S) {
        this.#looking = true;
        this.#lookedAt = now;
        this.start(this.#lookForServer());
      }
      if (this.#looking) return;
      this.#tellIdle(now, this.#whyIdle(routes));
    }
  }

  /** Why nothing moves; the same reason again only after a while. @param {number} now @param {string} why */
  #tellIdle(now, why) {
    if (why === this.#idle.why && now - this.#idle.at < WAITING_S) return;
    this.#idle = { at: now, why };
    this.tell({ event: "waiting", why, receiver: this.#receiver });
  }

  /** Whether it is we who are cut off: a call that waits for news may not notice for half a minute. */
  async #lookForServer() {
    const answered = this.#how.server.hello().then(() => true, () => false);
    this.#offline = !(await Promise.race([answered, sleep(LOOK_S, this.ends).then(() => false)]).catch(() => false));
    this.#looking = false;
  }

  /** @param {Routes} routes */
  #whyIdle(routes) {
    if (this.#main.away || this.#offline || offline()) return whyAway();
    if (this.#silence?.warned) return "the sender does not answer; it reads its standard input, so it cannot come back if it was stopped. After two minutes of silence this ends";
    if (this.#senderHere || !routes.nothingLeft) return "waiting for the sender";
    return "the sender has left, and nothing of it rests on the server (any more); it goes on when they are back";
  }

  /** @param {Conversation} pair @param {Routes} routes @param {string} digest */
  async #sayVerified(pair, routes, digest) {
    for (const link of routes.links.values()) link.send({ type: "verified", digest });
    try {
      const said = pair.say({ type: "verified", digest }, AbortSignal.timeout(GOODBYE_S * 1000));
      await Promise.race([said, sleep(GOODBYE_S)]);
      for (const spool of routes.usedSpools) await this.#how.server.delivered(spool);
    } catch {
      // the sender could not be told; it is whole all the same
    }
  }
}
