/**
 * The sender of one transfer: it offers, answers those who come, and serves blocks to whoever asks, by whatever path.
 * Twin of client/session/sender.py. It keeps no count of what was sent: each receiver says what it wants. One RemoteReceiver for each
 * receiver does the talking. Specs: docs/spec/paths.md, docs/spec/signalling.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Path } from "../../core/paths.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Facts } from "../../core/sender-book.js"
 * @import { Hello } from "../../core/signals.js"
 * @import { Server } from "../server/api.js"
 * @import { GivingEngine } from "../files/engine.js"
 * @import { Event, Finished } from "../events.js"
 * @import { KeptSegment } from "../relay/relay-segments.js"
 * @import { Outside } from "../links/reach.js"
 * @import { Options } from "../options.js"
 * @import { Carry } from "../relay/spool-writer.js"
 */

import { hex, utf8 } from "../../core/bytes.js";
import { formatCode } from "../../core/codes.js";
import { BurrowError } from "../../core/errors.js";
import { Layout } from "../../core/layout.js";
import { formatLink, mailboxId } from "../../core/links.js";
import { Manifest } from "../../core/manifest.js";
import { BLOCK, SUITES } from "../../core/sealing.js";
import { ahead } from "../../core/segments.js";
import { step } from "../../core/sender-book.js";
import { ours, random, seconds, sleep } from "../runtime.js";
import { Conversation, patiently } from "../rendezvous/conversation.js";
import { givingEngine } from "../files/engine.js";
import { RelaySegments } from "../relay/relay-segments.js";
import { ENOUGH, LEFT, NO_CODE, Offers, USED } from "../rendezvous/offers.js";
import { outside } from "../links/reach.js";
import { NetworkWatch, offline, whyAway } from "../offline.js";
import { Running } from "./running.js";
import { RemoteReceiver } from "./remote-receiver.js";

const RECEIVERS = 200; // receivers of one transfer
const LAST_WORDS_S = 1;
const ONLINE_S = 4; // for an answer of the server to somebody who wonders
const STORE_STILL_S = 5; // without a byte of what goes to rest, after which that is said
const OFFER_EVERY = 64; // hellos: a mailbox that is trimmed still has an offer

/**
 * One thing to send: a file with its path (the name alone, or with folders in front), a text, or an empty folder.
 *
 * @typedef {{path: string[], blob: Blob, modified?: number}} FileItem modified: ms since 1970
 * @typedef {{text: string}} TextItem
 * @typedef {{folder: string[]}} FolderItem
 * @typedef {FileItem | TextItem | FolderItem} Item
 */

/** What a page must keep to go on after a reload, beside the same items; can be cloned into a database. `burns`: codes that
 * were burnt. @typedef {{secret: Bytes, transfer: Bytes, manifest: Bytes, legs: KeptSegment[], burns?: number}} SendState */

/**
 * @typedef {object} Send
 * @property {Server} server
 * @property {Item[]} items
 * @property {(event: Event) => void} tell
 * @property {string} [title] what to call it to a person; default: the first file's or folder's name
 * @property {string} [name] what to call this end
 * @property {boolean} [withCode] offer a code, too
 * @property {Options} [options] `receivers`: default 1
 * @property {Suite} [suite] default: what this page does best
 * @property {SendState | null} [state] of an earlier run with the same items; changed, where they are others
 * @property {(state: SendState | null) => void | Promise<void>} [keep] null: there is nothing to go on with any more
 * @property {(until: number) => Promise<void>} [rests] all of it rests on the server until then, s since 1970; written down before it is said
 */

export class Sender extends Running {
  /** Sealed bytes by path. @type {Record<string, number>} */ shares = {};
  /** Pieces that were sent though the receiver had said that it holds them. */ again = 0;
  /** Blocks that were sealed. */ sealed = 0;
  /** @type {Map<string, RemoteReceiver>} */ receivers = new Map();
  /** @type {Outside} */ around = { servers: [], until: null };
  session = Conversation.session();
  /** The code that is valid now. @type {string | null} */ code = null;
  /** The only receiver has the secret from the code: it is no longer offered. */ codeUsed = false;
  /** @type {Offers} */ #offers;
  #left = ""; // who came by the last code and has gone without an answer
  /** What seals the blocks: where the page has no WebCrypto, the quicker of the vendored ciphers. @type {Suite} */ suite;

  /** @type {Send} */ #how;
  /** @type {GivingEngine | null} */ #engine = null;
  /** @type {Conversation} */ #main;
  /** @type {Blob[]} */ #files;
  /** @type {Bytes} */ #encoded;
  /** @type {string | null} */ #digest = null;
  #finished = false;
  #storeWaited = 0; // when it was last said that the line is slow, s
  #stored = 0; // content bytes that are on the server to rest there
  #hellos = 0;
  #began = seconds();
  /** @type {number | null} */ #metAt = null;
  /** @type {number | null} */ #firstByte = null;

  /** bad-manifest; changed. @param {Send} how */
  constructor(how) {
    super(how.tell);
    this.#how = how;
    this.server = how.server;
    this.suite = how.suite ?? (globalThis.crypto?.subtle ? "A256GCM" : "XC20P");
    this.options = { receivers: 1, store: true, ...how.options };
    const { manifest, files } = listed(how.items, how.title);
    this.#files = files;
    this.secret = how.state?.secret ?? random(32);
    this.transfer = how.state?.transfer ?? random(16);
    this.manifest = how.state ? Manifest.parse(how.state.manifest) : manifest;
    this.#encoded = how.state?.manifest ?? manifest.encode();
    if (!alike(this.manifest, manifest)) {
      throw new BurrowError("changed", "these are not the files of the transfer that was begun");
    }
    this.layout = new Layout(this.suite, this.#encoded.length, this.manifest.packSize);
    this.link = formatLink(this.server.origin, this.secret);
    const { server, secret, session, ends } = this;
    this.#main = new Conversation(server, secret, mailboxId(secret), "sender", session, ends);
    this.#offers = new Offers({
      server,
      secret,
      burns: how.state?.burns,
      several: () => this.options.receivers === null || (this.options.receivers ?? 1) > 1,
      once: () => this.#once(),
      counted: () => this.over || this.#keep(),
      away: () => this.#away(),
    });
    this.segments = new RelaySegments({
      server,
      ends,
      layout: this.layout,
      carry: (segment) => this.#carry(segment),
      ahead: (segment) => this.#ahead(segment),
      fail: (error) => this.fail(error),
      changed: () => this.changed(),
      keep: (segments) => this.#keep(segments),
    });
  }

  get mayStore() {
    return this.options.store !== false && !this.options.directOnly;
  }

  /** @returns {GivingEngine} */
  get engine() {
    if (!this.#engine) throw new TypeError("it has not begun");
    return this.#engine;
  }

  /** Asks the server of the outside (again), for all receivers. @returns {Promise<Outside>} */
  async lookAround() {
    return (this.around = outside(await this.server.hello()));
  }

  async work() {
    const { secret, transfer, suite } = this;
    const given = { secret, transfer, suite, manifest: this.#encoded, files: this.#files };
    this.#engine = await givingEngine(given);
    this.#keep(this.#how.state?.legs ?? []);
    const away = () => this.#away();
    await patiently(() => this.lookAround(), this.ends, away);
    await this.#recall();
    await this.#offer();
    if (this.#how.withCode) this.start(this.#offerCodes());
    else this.tell({ event: "ready", link: this.link, code: null, why: "", asks: false });
    this.start(this.#hear());
    const watch = new NetworkWatch();
    for (let stored = false; ; ) {
      await this.change(0.25);
      const now = seconds();
      const news = watch.news();
      if (news) this.tell({ event: "waiting", why: news, receiver: "" });
      for (const receiver of this.#all()) receiver.tick(now);
      this.#tellStore();
      const next = step(this.#facts(now, stored));
      if (next === "finish") return this.#end(false);
      if (next === "store") {
        stored = true;
        await patiently(() => this.#store(), this.ends, away);
      } else if (next === "leave" && (await this.#rests())) return this.#end(true);
    }
  }

  /** @param {BurrowError} error */
  async failed(error) {
    if (error.code !== "changed" && error.code !== "cancelled") return;
    this.#finished = true;
    await this.#how.keep?.(null);
    await this.#lastWords({ type: "cancel", why: error.sentence.slice(0, 1000) });
    if (error.fields.own) await Promise.race([this.#dropAll(), sleep(LAST_WORDS_S)]);
  }

  async end() {
    this.segments.stop();
    for (const receiver of this.#all()) receiver.close();
    const released = this.#offers.release();
    if (!this.#finished) await this.#lastWords({ type: "bye" });
    await Promise.race([released, sleep(LAST_WORDS_S)]);
    this.#engine?.close();
  }

  /** The page goes: nobody answers for the code any more. Where it comes back, it has another. */
  away() {
    void this.#offers.release();
  }

  /** The person wants a new code; the old one no longer works. @param {string} [why] */
  newCode(why) {
    this.#offers.another(why);
  }

  /** Brings all of it to the server, to rest there: `resting` says when the page may be left. */
  leave() {
    this.options.storeNow = true;
    this.changed();
  }

  // for the receivers

  met() {
    this.#metAt ??= seconds();
  }

  /** Sealed bytes went this way. @param {Path} path @param {number} size */
  served(path, size) {
    this.shares[path] = (this.shares[path] ?? 0) + size;
    this.sealed += Math.ceil(size / SUITES[this.suite].sealed);
    if (this.#metAt !== null) this.#firstByte ??= seconds() - this.#metAt;
  }

  /** Of everything, in hex; what was not read yet is read now. */
  async digest() {
    this.#digest ??= hex(await this.engine.digest());
    return this.#digest;
  }

  /** Content bytes that lie before `position`. @param {number} position */
  content(position) {
    return Math.min(Math.max(0, position - this.layout.manifestBlocks) * BLOCK, this.manifest.contentSize ?? 0);
  }

  // the whole

  #all() {
    return [...this.receivers.values()];
  }

  /** The position before which blocks may go into a segment now. @param {import("../relay/relay-segments.js").RelaySegment} segment */
  #ahead(segment) {
    const { first, rests, wanted, openedAt } = segment;
    const followers = this.#all().filter((receiver) => receiver.segment === segment);
    const linked = followers.some((receiver) => receiver.book.directAt > openedAt);
    return ahead({ first, rests, wanted, linked, limits: followers.map((receiver) => receiver.person.limit) }) ?? Infinity;
  }

  /** @param {import("../relay/relay-segments.js").RelaySegment} segment @returns {Carry} */
  #carry(segment) {
    const { engine } = this;
    return {
      hold: async (position, count) => {
        const held = this.#all().filter((receiver) => receiver.segment === segment).map((receiver) => receiver.held);
        if (held.length && position < Math.min(...held)) this.again += 1;
        const piece = await engine.hold(position, count);
        this.served(segment.rests ? "store" : "relay", piece.size);
        return piece;
      },
      patch: (id, skip, url, headers) => engine.patch(id, skip, url, headers),
      drop: (id) => engine.drop(id),
    };
  }

  /** @type {KeptSegment[]} */ #keptSegments = [];

  /** @param {KeptSegment[]} [segments] */
  #keep(segments = this.#keptSegments) {
    this.#keptSegments = segments;
    const { secret, transfer } = this;
    const kept = this.#how.keep?.({ secret, transfer, manifest: this.#encoded, legs: segments, burns: this.#offers.burns });
    if (kept) this.start(kept);
  }

  async #offer() {
    await this.#main.say({
      type: "offer",
      transfer: hex(this.transfer),
      name: (this.#how.name ?? "").slice(0, 255),
      manifest_size: this.layout.manifestSize,
      pack_size: this.layout.packSize,
      suites: [this.suite],
      may_store: this.mayStore,
      created: Math.floor(Date.now() / 1000),
      version: 1,
    });
  }

  /** What an earlier run left: segments on the server, and receivers who may be gone or wait for us. */
  async #recall() {
    const { state } = this.#how;
    if (!state) return;
    const away = () => this.#away();
    await patiently(() => this.segments.takeUp(state.legs, (signal) => this.#main.say(signal)), this.ends, away);
    for (const { session, signal } of await this.#main.soFar(away)) {
      if (signal.type !== "hello" || this.receivers.size >= RECEIVERS) continue;
      this.receivers.set(signal.receiver, new RemoteReceiver(this, signal, session));
    }
    await Promise.all(this.#all().map((receiver) => receiver.recall()));
    for (const receiver of this.#all()) if (receiver.person.stage === "no") this.receivers.delete(receiver.id);
    for (const receiver of this.#all()) this.start(receiver.run());
  }

  /** Whether the server answers now. Where it does not, whoever is silent may be here all the same. */
  async online() {
    if (offline()) return false;
    const answered = this.server.hello().then(() => true, () => false);
    return Promise.race([answered, sleep(ONLINE_S, this.ends).then(() => false)]).catch(() => false);
  }

  #away() {
    this.tell({ event: "waiting", why: whyAway(), receiver: "" });
  }

  /** A code, and what follows it; where there is none, the link is enough. */
  async #offerCodes() {
    const offers = this.#offers;
    let why = "";
    let code = null;
    try {
      code = await patiently(() => offers.first(), this.ends, () => this.#away());
      if (!code) why = ENOUGH;
    } catch (error) {
      if (ours(error).code !== "refused") throw error;
      why = NO_CODE;
    }
    this.code = code && formatCode(code);
    this.tell({ event: "ready", link: this.link, code: this.code, why, asks: !code });
    /** @type {import("../rendezvous/offers.js").Renewed} */
    const renewed = (code, why, asks) => {
      this.code = code && formatCode(code);
      this.tell({ event: "new-code", code: this.code, why, burns: offers.burns, asks, left: this.#left });
      this.#left = "";
    };
    const handed = () => {
      this.changed();
      if (this.#once() === null) return;
      this.codeUsed = true;
      this.code = null;
      this.tell({ event: "new-code", code: null, why: USED, burns: offers.burns, asks: false, left: "" });
    };
    await offers.run(handed, renewed, this.ends);
  }

  /** What this end is called, where a code works once. */
  #once() {
    return this.options.receivers === 1 ? (this.#how.name ?? "") : null;
  }

  /** It came by a code and has gone before its person said yes: the code is used up, nobody is waited for, and another
   * code is offered. @param {import("./sends.js").Served} receiver */
  leftUndecided(receiver) {
    this.receivers.delete(receiver.id);
    receiver.close();
    this.#left = receiver.id;
    this.codeUsed = false;
    this.#offers.another(LEFT);
  }

  async #hear() {
    for await (const { session, signal } of this.#main.heard()) {
      if (signal.type !== "hello") continue;
      this.#hello(session, signal);
      this.#hellos += 1;
      if (this.#hellos % OFFER_EVERY === 0) await this.#offer();
    }
  }

  /** @param {string} session @param {Hello} hello */
  #hello(session, hello) {
    let receiver = this.receivers.get(hello.receiver);
    if (!receiver) {
      if (this.receivers.size >= RECEIVERS) return; // more receivers than one transfer takes
      receiver = new RemoteReceiver(this, hello, session);
      this.receivers.set(hello.receiver, receiver);
      this.start(receiver.run());
    }
    receiver.hello(session, hello);
    this.changed();
  }

  /** @param {number} now @param {boolean} stored @returns {Facts} */
  #facts(now, stored) {
    const { options, segments } = this;
    const receivers = this.#all();
    const waiting = receivers.filter((receiver) => !receiver.verified);
    return {
      now,
      began: this.#began,
      wanted: options.receivers === undefined ? 1 : options.receivers,
      storeNow: Boolean(options.storeNow),
      mayStore: this.mayStore,
      byCode: Boolean(this.#how.withCode), // who comes with a code gets the secret from this page
      stored,
      known: receivers.length,
      verified: receivers.length - waiting.length,
      living: waiting.filter((receiver) => receiver.book.here(now)).length,
      rests: segments.resting !== null,
      allRests: segments.covered(0) === null,
      missingRests: waiting.every((receiver) => segments.covered(receiver.held) === null),
      patience: null,
      met: this.#metAt !== null,
    };
  }

  /** All of it to the server, for whoever comes. */
  async #store() {
    const first = this.segments.covered(0);
    if (first === null) return;
    this.tell({ event: "waiting", why: "nobody is here yet; it goes to the server, sealed, and rests there", receiver: "" });
    await this.segments.open(first, (signal) => this.#main.say(signal), "rest", true);
  }

  #tellStore() {
    const { resting } = this.segments;
    if (!resting?.writer) return;
    const { safeAt } = resting.writer;
    const now = seconds();
    if (now - Math.max(safeAt, this.#storeWaited) > STORE_STILL_S) {
      this.#storeWaited = now;
      this.tell({ event: "waiting", why: "the line to the server is slow; nothing more has arrived there yet", receiver: "" });
    }
    if (this.#storeWaited > safeAt) return; // that is what is shown until something arrives
    const done = (this.#stored = Math.max(this.#stored, this.content(resting.writer.position)));
    const total = this.manifest.contentSize;
    this.tell({ event: "progress", done, total, rate: 0, eta: null, path: "store", receiver: "" });
  }

  /** Until when it lies there, asked and told. False: the server does not answer now. */
  async #rests() {
    const { resting } = this.segments;
    if (!resting) return false;
    try {
      const { expiresAt: until } = await this.server.spool(resting.spool.id);
      await this.#how.rests?.(until);
      this.tell({ event: "resting", until });
      return true;
    } catch (error) {
      if (ours(error).code === "unreachable") return false;
      throw error;
    }
  }

  /** @param {boolean} resting @returns {Promise<Finished>} */
  async #end(resting) {
    if (!resting) {
      this.#finished = true;
      await this.#lastWords({ type: "cancel", why: "everybody who was to have it has it" });
      await this.#dropAll();
      await this.#how.keep?.(null);
    }
    return {
      event: "finished",
      size: this.content(this.layout.positions ?? 0),
      seconds: seconds() - (this.#metAt ?? this.#began),
      firstByte: this.#firstByte,
      shares: { ...this.shares },
      verified: !resting,
      resting,
      places: [],
      again: this.again,
      network: { ...this.shares },
      sealed: this.sealed,
    };
  }

  async #dropAll() {
    for (const segment of [...this.segments.all]) await this.segments.drop(segment, false);
  }

  /** @param {import("../../core/signals.js").Signal} signal */
  async #lastWords(signal) {
    const said = this.#main.say(signal, AbortSignal.timeout(LAST_WORDS_S * 1000));
    await Promise.race([said, sleep(LAST_WORDS_S)]).catch(() => undefined); // an earlier word may wait for the server
  }
}

/** The manifest of what is to be sent, and the contents in its order. bad-manifest.
 * @param {Item[]} items @param {string} [title] @returns {{manifest: Manifest, files: Blob[]}} */
export function listed(items, title) {
  /** @type {import("../../core/manifest.js").Entry[]} */ const entries = [];
  /** @type {Blob[]} */ const files = [];
  let texts = 0;
  for (const item of items) {
    if ("folder" in item) entries.push({ path: item.folder, kind: "folder", size: 0, mtimeNs: 0, mode: 0o755 });
    else if ("text" in item) {
      const blob = new Blob([utf8(item.text)]);
      texts += 1;
      const path = [texts === 1 ? "message.txt" : `message ${texts}.txt`];
      entries.push({ path, kind: "text", size: blob.size, mtimeNs: 0, mode: 0o644 });
      files.push(blob);
    } else {
      const mtimeNs = Math.round(item.modified ?? 0) * 1e6;
      entries.push({ path: item.path, kind: "file", size: item.blob.size, mtimeNs, mode: 0o644 });
      files.push(item.blob);
    }
  }
  const tops = new Set(entries.map((entry) => entry.path[0]));
  const named = tops.size === 1 ? [...tops][0] : `${tops.size} things`;
  return { manifest: new Manifest(entries, title ?? (texts === entries.length ? "a text" : named)), files };
}

/** Whether two lists are of the same contents. @param {Manifest} one @param {Manifest} other */
function alike(one, other) {
  const marks = (/** @type {Manifest} */ { entries }) => JSON.stringify(entries.map((e) => [e.path, e.kind, e.size, e.mtimeNs]));
  return marks(one) === marks(other);
}
