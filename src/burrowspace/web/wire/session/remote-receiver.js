/**
 * One receiver, as the sender sees it: its words, its links, the segment that it follows. Twin of
 * client/session/remote_receiver.py. It hears what the receiver says, asks core/receiver-book.js what follows, and does
 * that; what only the sender can do, it asks for by session/sends.js. Specs: docs/spec/session.md, docs/spec/paths.md.
 *
 * @import { Path } from "../../core/paths.js"
 * @import { Reason } from "../../core/reasons.js"
 * @import { Act } from "../../core/receiver-book.js"
 * @import { Hello, Signal } from "../../core/signals.js"
 * @import { Link } from "../links/link.js"
 * @import { Reach } from "../links/reach.js"
 * @import { RelaySegments } from "../relay/relay-segments.js"
 * @import { Conversation } from "../rendezvous/conversation.js"
 * @import { Sends, Shared } from "./sends.js"
 */

import { BurrowError } from "../../core/errors.js";
import { KNOWS_MARKS } from "../../core/left-out.js";
import { REASONS } from "../../core/reasons.js";
import { ReceiverBook } from "../../core/receiver-book.js";
import { ReceiverWords } from "../../core/receiver-words.js";
import { Meter } from "../../core/reports.js";
import { seconds } from "../runtime.js";
import { Following } from "./following.js";

/** Lives as long as the sending. */
export class RemoteReceiver {
  /** @type {ReceiverWords} */ #words;
  /** @type {Sends} */ #sends;
  /** @type {Shared} */ #shared;
  /** @type {Link[]} */ #links = [];
  #meter = new Meter();
  #closed = false;
  #version;
  /** Why it cannot go on, once it was told so. @type {BurrowError | null} */ #refused = null;
  /** @type {Following} */ #following;
  /** @type {Conversation} */ #pair;
  /** @type {Reach} */ #reach;
  /** @type {Partial<Record<Act, () => unknown>>} */ #acts;

  /** `session`: the run of its program that said hello. @param {Sends} sends @param {Shared} shared
   * @param {RelaySegments} segments @param {Conversation} pair @param {Reach} reach @param {Hello} hello
   * @param {string} session */
  constructor(sends, shared, segments, pair, reach, hello, session) {
    const { layout, mayStore, alone } = shared;
    this.id = hello.receiver;
    this.name = hello.name;
    this.#version = hello.version;
    this.book = new ReceiverBook(layout.manifestBlocks, hello.held, seconds(), mayStore, alone());
    const words = (this.#words = new ReceiverWords(this.book, session, shared.directOnly));
    this.#sends = sends;
    this.#shared = shared;
    this.#pair = pair;
    const say = (/** @type {Signal} */ signal) => pair.say(signal);
    this.#following = new Following(segments, this.book, say, () => this.#waits("no-relay"));
    this.#reach = reach;
    // A page lets nobody in, so it has no addresses to say again; a segment's writer looks by itself whether it may go on.
    this.#acts = {
      "tell-met": () => sends.tell({ event: "met", peer: this.name, receiver: this.id, words: shared.words }),
      "catch-up": () => sends.start(sends.catchUp(this.held)),
      give: () => sends.start(this.#following.give(words.asked)),
      want: () => this.#following.want(),
      drop: () => sends.start(this.#following.follow()),
      look: () => sends.start(this.#following.look().then((acts) => this.#do(acts))),
      check: () => sends.start(this.#check()),
      store: () => sends.start(this.#store()),
      forget: () => sends.forget(this.id),
      compare: () => sends.start(this.#compare()),
      "tell-path": () => this.#tellPath(),
      "tell-deciding": () => this.#waits("deciding"),
      "tell-progress": () => this.#tellProgress(),
      "tell-offline": () => this.#waits(sends.whyAway()),
      "tell-away": () => this.#waits("receiver-away"),
      "tell-verified": () => sends.tell({ event: "verified", digest: words.digest, receiver: this.id }),
      "tell-over": () => sends.tell({ event: "declined", peer: this.name, why: this.#why().sentence, receiver: this.id }),
      fail: () => sends.fail(this.#why()),
      "close-links": () => this.#closeLinks("the receiver has left"),
      close: () => this.close(),
    };
  }

  get held() {
    return this.book.held;
  }

  /** @param {Act[]} acts */
  #do(acts) {
    for (const act of acts) this.#acts[act]?.();
  }

  /** What it said to an earlier run of this page: nothing of that is to be answered any more. */
  async recall() {
    const said = await this.#pair.soFar();
    this.#do(this.#words.recalls(said.map(({ signal }) => signal)));
  }

  async run() {
    for await (const { session, signal } of this.#pair.heard()) {
      if (this.#closed) return;
      this.#heard(session, signal);
    }
  }

  /** It is here (again). @param {string} session @param {Hello} hello */
  hello(session, hello) {
    this.name = hello.name;
    this.#version = hello.version;
    const [acts, early] = this.#words.hello(seconds(), session, hello);
    this.#do(acts);
    for (const signal of early) this.#heard(session, signal);
  }

  /** @param {string} session @param {Signal} signal */
  #heard(session, signal) {
    const rests = this.#following.segment?.rests ?? null;
    const acts = this.#words.hears(seconds(), session, signal, rests, this.#shared.codeUsed());
    if (acts) this.#do(acts);
    else this.#reach.heard(signal);
  }

  /** @param {number} now */
  tick(now) {
    const refusal = this.book.over ? null : this.refusal();
    if (refusal) {
      this.#refused = refusal; // it could only find at the end that a file is not what was sent
      this.#sends.start(this.#pair.lastWords({ type: "cancel", why: refusal.sentence.slice(0, 1000), code: refusal.code }));
      this.#do(this.book.ends());
    }
    const { part = null, wanted = false } = this.#following.segment ?? {};
    this.#do(this.book.tick(now, part, wanted));
  }

  /** Why it cannot go on: a file is left out, and it is of a version that does not know what that means. */
  refusal() {
    return this.#version >= KNOWS_MARKS || this.book.verified ? null : this.#shared.lost();
  }

  /** Why it is over. */
  #why() {
    const { why, reason } = this.#words;
    return this.#refused ?? new BurrowError("cancelled", why, { reason, name: this.name });
  }

  close() {
    this.#closed = true;
    this.#reach.close();
    this.#closeLinks("the sender ends");
  }

  async #compare() {
    this.#do(this.#words.compared(await this.#sends.gave(this.#words.digest)));
  }

  /** A direct link is up. @param {Link} link */
  add(link) {
    this.#links.push(link);
    this.book.linked();
    link.serve(async (position, count) => {
      const { held } = this;
      this.book.requests(seconds(), position + count - 1);
      const sealed = await this.#sends.seal(link.kind, position, count, held);
      this.#do(this.book.goesBy(link.kind));
      return sealed;
    });
    link.listen((control) => this.#do(this.#words.controls(seconds(), control)));
    link.closed.then((broken) => {
      this.#links = this.#links.filter((each) => each !== link);
      this.book.unlinked(seconds());
      if (broken.code === "changed") this.#sends.fail(broken);
    });
  }

  /** @param {string} why */
  #closeLinks(why) {
    for (const link of this.#links) link.close(why);
  }

  /** It has gone, or we are cut off ourselves. */
  async #check() {
    const reached = await this.#sends.online();
    if (!this.#closed) this.#do(this.book.reached(seconds(), reached, this.#shared.codeUsed()));
  }

  async #store() {
    this.#waits("storing");
    try {
      await this.#following.store();
      this.book.stored();
      this.#sends.tell({ event: "path", path: "store", peer: "", why: "the receiver has gone", receiver: this.id });
    } catch {
      this.#waits("receiver-away"); // it is tried again
      this.book.notStored(seconds());
    }
  }

  /** @param {Reason} reason */
  #waits(reason) {
    this.#sends.tell({ event: "waiting", reason, why: REASONS[reason], receiver: this.id });
  }

  #tellPath() {
    const path = /** @type {Path} */ (this.book.path);
    const peer = this.#links.find((link) => link.kind === path)?.peer ?? "";
    this.#sends.tell({ event: "path", path, peer, why: "asked", receiver: this.id });
  }

  #tellProgress() {
    const { manifest, layout } = this.#shared;
    const { path } = this.book;
    if (!path) return;
    const done = manifest.contentBefore(layout, this.book.position(this.#following.segment?.part ?? null));
    const total = manifest.contentSize;
    const [rate, eta] = this.#meter.add(seconds(), done, total);
    const accepted = this.book.person.stage === "yes";
    this.#sends.tell({ event: "progress", done, total, rate, eta, path, receiver: this.id, accepted });
  }
}
