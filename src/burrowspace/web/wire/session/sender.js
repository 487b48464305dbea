/**
 * The sender of one transfer: it offers, answers those who come, and serves blocks to whoever asks, by whatever path.
 * Twin of client/session/sender.py. It keeps no count of what was sent: each receiver says what it wants. A
 * RemoteReceiver for each does the talking; what comes next is decided by core/sender-book.js. Specs:
 * docs/spec/paths.md, docs/spec/signalling.md.
 *
 * @import { BurrowError } from "../../core/errors.js"
 * @import { Reason } from "../../core/reasons.js"
 * @import { Facts } from "../../core/sender-book.js"
 * @import { Finished } from "../events.js"
 * @import { Contents } from "../../core/items.js"
 * @import { Options } from "../options.js"
 * @import { KeptSegment } from "../relay/relay-segment.js"
 * @import { Send } from "./outgoing.js"
 */

import { hex } from "../../core/bytes.js";
import { Layout } from "../../core/layout.js";
import { formatLink, mailboxId } from "../../core/links.js";
import { step } from "../../core/sender-book.js";
import { givingEngine } from "../files/engine.js";
import { contentsOf } from "../../core/items.js";
import { NetworkWatch, whyAway } from "../network-watch.js";
import { RelaySegments } from "../relay/relay-segments.js";
import { Conversation, patiently } from "../rendezvous/conversation.js";
import { random, seconds, within } from "../runtime.js";
import { AtRest } from "./at-rest.js";
import { Codes } from "./codes.js";
import { LostFiles } from "./lost-files.js";
import { Receivers } from "./receivers.js";
import { Running } from "./running.js";
import { Serving } from "./serving.js";

const TIDY_S = 1; // for what is only tidiness
const OFFER_EVERY = 64; // hellos: a mailbox that is trimmed still has an offer

export class Sender extends Running {
  /** @type {Send} */ #how;
  /** @type {Receivers} */ #receivers;
  /** @type {Codes} */ #codes;
  /** @type {Serving | null} */ #serves = null;
  /** @type {AtRest} */ #atRest;
  /** @type {KeptSegment[]} */ #kept = [];
  /** @type {Contents} */ #contents;
  #finished = false;
  #hellos = 0;
  #began = seconds();

  /** bad-manifest; changed. @param {Send} how */
  constructor(how) {
    super(how.tell);
    this.#how = how;
    this.server = how.server;
    /** @type {Options} */ this.options = { receivers: 1, store: true, ...how.options };
    const { manifest: begun, leftOut = [] } = how.state ?? {};
    this.#contents = contentsOf(how.items, how.title, begun, leftOut);
    const { manifest, encoded } = this.#contents;
    this.manifest = manifest;
    this.lost = new LostFiles(manifest, leftOut, () => this.#keep(), (event) => this.tell(event));
    this.secret = how.state?.secret ?? random(32);
    this.transfer = how.state?.transfer ?? random(16);
    const suite = how.suite ?? (globalThis.crypto?.subtle ? "A256GCM" : "XC20P"); // without WebCrypto the quicker one
    this.layout = new Layout(suite, encoded.length, manifest.packSize);
    this.link = formatLink(this.server.origin, this.secret);
    const { server, secret, ends, layout } = this;
    this.main = new Conversation(server, secret, mailboxId(secret), "sender", Conversation.session(), ends);
    this.#codes = new Codes(this, how, () => this.over || this.#keep(), this.#away);
    this.segments = new RelaySegments({
      server,
      ends,
      layout,
      carry: (segment) => this.serving.carry(segment),
      fail: (error) => this.fail(error),
      refused: (error) => this.#atRest.refused(error),
      changed: () => this.changed(),
      keep: (segments) => this.#keep(segments),
    });
    this.#atRest = new AtRest(this);
    this.#receivers = new Receivers(this, this.#codes);
  }

  get mayStore() {
    return this.options.store !== false && !this.options.directOnly;
  }

  /** @returns {Serving} */
  get serving() {
    if (!this.#serves) throw new TypeError("it has not begun");
    return this.#serves;
  }

  /** The code that is valid now. */
  get code() {
    return this.#codes.current;
  }

  /** The only receiver has the secret from the code: it is no longer offered. */
  get codeUsed() {
    return this.#codes.used;
  }

  async work() {
    const { secret, transfer, layout, ends } = this;
    const { suite } = layout;
    const { encoded: manifest, files } = this.#contents;
    const sizes = this.manifest.files.map(({ size }) => size ?? 0); // a page sends nothing of unknown size
    const engine = await givingEngine({ secret, transfer, suite, manifest, files, sizes, leftOut: this.lost.all });
    this.#serves = new Serving(engine, suite, this.lost, () => this.#receivers.refusal());
    this.lost.begin();
    this.#keep(this.#how.state?.legs ?? []);
    await patiently(() => this.#receivers.lookAround(), ends, this.#away);
    await this.#recall();
    await this.#offer();
    if (this.#how.withCode) this.start(this.#codes.run());
    else this.tell({ event: "ready", link: this.link, code: null, reason: null, why: "", asks: false });
    this.start(this.#hear());
    for (const watch = new NetworkWatch(this.server); ; ) {
      await this.change(0.25);
      const now = seconds();
      const reason = watch.news(this.main.away && !this.#receivers.facts(now).living);
      if (reason !== undefined) this.waits(reason);
      this.#receivers.tick(now);
      this.#atRest.tick();
      const next = step(this.#facts(now));
      if (next === "finish") return this.#end(false);
      if (next === "store") await patiently(() => this.#atRest.begin(), ends, this.#away);
      else if (next === "leave" && (await this.#atRest.leave(this.#how.rests))) return this.#end(true);
    }
  }

  /** @param {BurrowError} error */
  async failed(error) {
    if (error.code !== "changed" && error.code !== "cancelled") return;
    this.#finished = true;
    await this.#how.keep?.(null);
    await this.main.lastWords({ type: "cancel", why: error.sentence.slice(0, 1000), code: error.code });
    if (error.fields.own) await within(TIDY_S, this.segments.dropAll(), undefined);
  }

  async end() {
    this.segments.stop();
    this.#receivers.close();
    const released = this.#codes.release();
    if (!this.#finished) await this.main.lastWords({ type: "bye" });
    await within(TIDY_S, released, undefined);
    this.#serves?.engine.close();
  }

  /** The page goes: nobody answers for the code any more. Where it comes back, it has another. */
  away() {
    void this.#codes.release();
  }

  /** The person wants a new code; the old one no longer works. @param {Reason} [reason] */
  newCode(reason) {
    this.#codes.another(reason);
  }

  /** Brings all of it to the server, to rest there: `resting` says when the page may be left. */
  leave() {
    this.options.storeNow = true;
    this.changed();
  }

  // the whole

  /** @param {KeptSegment[]} [segments] */
  #keep(segments = this.#kept) {
    this.#kept = segments;
    const { secret, transfer, lost } = this;
    const { encoded: manifest } = this.#contents;
    const state = { secret, transfer, manifest, legs: segments, burns: this.#codes.burns, leftOut: lost.all };
    const kept = this.#how.keep?.(state);
    if (kept) this.start(kept);
    return kept;
  }

  async #offer() {
    const { suite, manifestSize, packSize } = this.layout;
    await this.main.say({
      type: "offer",
      transfer: hex(this.transfer),
      name: (this.#how.name ?? "").slice(0, 255),
      manifest_size: manifestSize,
      pack_size: packSize,
      suites: [suite],
      may_store: this.mayStore,
      created: Math.floor(Date.now() / 1000),
      version: 1,
    });
  }

  /** What an earlier run left: segments on the server, and receivers who may be gone or wait for us. */
  async #recall() {
    const { state } = this.#how;
    if (!state) return;
    await patiently(() => this.segments.takeUp(state.legs, (signal) => this.main.say(signal)), this.ends, this.#away);
    await this.#receivers.recall(await this.main.soFar(this.#away));
  }

  #away = () => this.waits(whyAway(this.server));

  async #hear() {
    for await (const { session, signal } of this.main.heard()) {
      if (signal.type !== "hello") continue;
      this.#receivers.hello(session, signal);
      this.changed();
      this.#hellos += 1;
      if (this.#hellos % OFFER_EVERY === 0) await this.#offer();
    }
  }

  /** @param {number} now @returns {Facts} */
  #facts(now) {
    const { receivers: wanted, storeNow } = this.options;
    return {
      ...this.#receivers.facts(now),
      now,
      began: this.#began,
      wanted: wanted === undefined ? 1 : wanted,
      storeNow: Boolean(storeNow),
      mayStore: this.mayStore,
      byCode: Boolean(this.#how.withCode) && !this.#codes.none, // who comes with one gets the secret from this page
      stored: this.#atRest.begun,
      rests: this.segments.resting !== null,
      allRests: this.segments.covered(0) === null,
      patience: null,
    };
  }

  /** @param {boolean} resting @returns {Promise<Finished>} */
  async #end(resting) {
    if (!resting) {
      this.#finished = true;
      await this.main.lastWords({ type: "cancel", why: "everybody who was to have it has it" });
      await this.segments.dropAll();
      await this.#how.keep?.(null);
    }
    return {
      event: "finished",
      size: (this.manifest.contentSize ?? 0) - this.lost.bytes,
      seconds: seconds() - (this.serving.metAt ?? this.#began),
      ...this.serving.counts,
      verified: !resting,
      resting,
      places: [],
      incomplete: this.lost.any,
    };
  }
}
