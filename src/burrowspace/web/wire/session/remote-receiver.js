/**
 * One receiver, as the sender sees it: its words, its links, the segment that it follows. Twin of client/session/remote_receiver.py. It
 * hears what the receiver says, asks core/receiver-book.js what follows, and does that. Specs: docs/spec/session.md,
 * docs/spec/paths.md.
 *
 * @import { Path } from "../../core/paths.js"
 * @import { Act } from "../../core/receiver-book.js"
 * @import { Control, Hello, Signal } from "../../core/signals.js"
 * @import { Link } from "../links/link.js"
 * @import { Seal } from "../files/engine.js"
 * @import { Sends } from "./sends.js"
 */

import { checkWords } from "../../core/codes.js";
import { BurrowError } from "../../core/errors.js";
import { linkKey, linkTag, mailboxId } from "../../core/links.js";
import { ReceiverBook, Runs } from "../../core/receiver-book.js";
import { ours, seconds } from "../runtime.js";
import { Conversation } from "../rendezvous/conversation.js";
import { Following } from "./following.js";
import { Reach } from "../links/reach.js";
import { whyAway } from "../offline.js";
import { Meter } from "./running.js";

/** Lives as long as the sending. */
export class RemoteReceiver {
  /** @type {Runs<Signal>} */ #runs;
  /** @type {Sends} */ #sending;
  /** @type {Link[]} */ #links = [];
  #meter = new Meter();
  #digest = ""; // the one that it verified
  #asked = 0; // for a segment, from this block on
  #why = ""; // it is over
  #closed = false;
  /** @type {Following} */ #following;
  /** @type {Conversation} */ #pair;
  /** @type {Reach} */ #reach;
  /** @type {Partial<Record<Act, () => unknown>>} */ #acts;

  /** @param {Sends} sending @param {Hello} hello @param {string} session the run of its program that said hello */
  constructor(sending, hello, session) {
    this.id = hello.receiver;
    this.name = hello.name;
    const { server, secret, options, around, layout, mayStore } = sending;
    this.book = new ReceiverBook(layout.manifestBlocks, hello.held, seconds(), mayStore, options.receivers === 1);
    this.#runs = new Runs(session);
    this.#sending = sending;
    const run = sending.session;
    this.#pair = new Conversation(server, secret, mailboxId(secret, this.id), "sender", run, sending.ends);
    const say = (/** @type {Signal} */ signal) => this.#pair.say(signal);
    this.#following = new Following(sending, this.book, say, (acts) => this.#do(acts), (why) => this.#waits({ why }));
    this.#reach = new Reach({
      ticket: { tag: linkTag(secret, this.id), key: linkKey(secret, this.id), sender: true },
      options,
      around,
      renew: () => sending.lookAround(),
      suite: layout.suite,
      batchFrom: layout.manifestBlocks,
      say,
      add: (link) => this.#add(link),
    });
    const words = () => checkWords(secret, sending.transfer);
    // A page lets nobody in, so it has no addresses to say again; a segment's writer looks by itself whether it may go on.
    this.#acts = {
      "tell-met": () => sending.tell({ event: "met", peer: this.name, receiver: this.id, words: words() }),
      "catch-up": () => sending.start(sending.engine.catchUp(this.held)),
      give: () => sending.start(this.#following.give(this.#asked)),
      want: () => this.#following.want(),
      drop: () => this.#following.none(),
      look: () => sending.start(this.#following.look()),
      check: () => sending.start(this.#check()),
      store: () => sending.start(this.#store()),
      forget: () => sending.leftUndecided(this),
      compare: () => sending.start(this.#compare()),
      "tell-path": () => this.#tellPath(),
      "tell-deciding": () => this.#waits({ why: "the receiver is deciding" }),
      "tell-progress": () => this.#tellProgress(),
      "tell-offline": () => this.#waits({ why: whyAway() }),
      "tell-away": () => this.#waits({ why: "the receiver is away; it goes on when it is back" }),
      "tell-verified": () => this.#tellVerified(),
      "tell-over": () => this.#tellOver(),
      fail: () => sending.fail(new BurrowError("cancelled", this.#why)),
      "close-links": () => this.#closeLinks("the receiver has left"),
      close: () => this.close(),
    };
  }

  get held() {
    return this.book.held;
  }

  get verified() {
    return this.book.verified;
  }

  get person() {
    return this.book.person;
  }

  /** The segment that it follows or would follow. */
  get segment() {
    return this.#following.segment;
  }

  /** @param {Act[]} acts */
  #do(acts) {
    for (const act of acts) this.#acts[act]?.();
  }

  /** What it said to an earlier run of this page: nothing of that is to be answered any more. */
  async recall() {
    let left = false;
    for (const { signal } of await this.#pair.soFar()) {
      this.#history(signal);
      left = signal.type === "bye";
    }
    this.book.recalled(left);
  }

  async run() {
    for await (const { session, signal } of this.#pair.heard()) {
      if (this.#closed) return;
      if (this.#runs.hears(session, signal)) {
        this.book.heard(seconds());
        this.#heard(signal);
      } else this.#history(signal);
    }
  }

  /** It is here (again). @param {string} session @param {Hello} hello */
  hello(session, hello) {
    this.#sending.met();
    this.name = hello.name;
    this.#do(this.book.hello(seconds(), hello.held));
    for (const signal of this.#runs.begins(session)) this.#heard(signal);
  }

  /** @param {number} now */
  tick(now) {
    this.#do(this.book.tick(now, this.#following.part, this.#following.wanted));
  }

  close() {
    this.#closed = true;
    this.#reach.close();
    this.#closeLinks("the sender ends");
  }

  // words

  /** @param {Signal} signal */
  #history(signal) {
    if (signal.type === "ask-relay" || signal.type === "progress") this.book.holds(signal.held);
    else if (signal.type === "accept") this.#do(this.book.accepts(signal.held));
    else if (signal.type === "decline") this.person.declines();
    else if (signal.type === "verified") this.#verifies(signal.digest);
  }

  /** @param {Signal} signal */
  #heard(signal) {
    switch (signal.type) {
      case "ask-relay":
        if (this.#sending.options.directOnly) return this.book.holds(signal.held);
        this.#asked = signal.held;
        return this.#do(this.book.asks(signal.held));
      case "progress":
        return this.#do(this.book.progress(seconds(), signal.held, this.#following.rests));
      case "accept":
      case "verified":
        return this.#history(signal);
      case "decline":
        this.#why = `${this.name || "the receiver"} declined it`;
        return this.#do(this.book.declines());
      case "cancel":
        return this.#cancels(signal.why);
      case "bye":
        return this.#do(this.book.leaves(this.#sending.codeUsed));
      default:
        this.#reach.heard(signal);
    }
  }

  /** @param {string} why */
  #cancels(why) {
    this.#why = `the receiver called it off: ${why}`;
    this.#do(this.book.ends());
  }

  /** @param {string} digest */
  #verifies(digest) {
    this.#digest = digest;
    this.#do(this.book.verifies());
  }

  async #compare() {
    const same = (await this.#sending.digest()) === this.#digest;
    if (!same) this.#why = "the receiver verified something else than what was sent; send it again";
    this.#do(this.book.compared(same));
  }

  // links

  /** @param {Link} link */
  #add(link) {
    const sending = this.#sending;
    this.#links.push(link);
    this.book.linked();
    /** @type {Seal} */
    const seal = async (position, count) => {
      if (position < this.held) sending.again += 1;
      this.book.requests(seconds(), position + count - 1);
      const sealed = await sending.engine.seal(position, count);
      sending.served(link.kind, sealed.length);
      this.#do(this.book.goesBy(link.kind));
      return sealed;
    };
    link.serve(seal);
    link.listen((control) => this.#control(control));
    link.closed.then((broken) => {
      this.#links = this.#links.filter((each) => each !== link);
      this.book.unlinked(seconds());
      if (broken.code === "changed") sending.fail(broken);
    });
  }

  /** @param {Control} control */
  #control(control) {
    this.book.heard(seconds());
    if (control.type === "held") this.book.holds(control.held);
    else if (control.type === "verified") this.#verifies(control.digest);
    else if (control.type === "cancel") this.#cancels(control.why);
  }

  /** @param {string} why */
  #closeLinks(why) {
    for (const link of this.#links) link.close(why);
  }

  // it is silent

  /** It has gone, or we are cut off ourselves. */
  async #check() {
    const reached = await this.#sending.online();
    if (!this.#closed) this.#do(this.book.reached(seconds(), reached, this.#sending.codeUsed));
  }

  async #store() {
    this.#waits({ why: "the receiver has gone; the rest goes to the server, sealed" });
    try {
      await this.#following.store();
      this.book.stored();
      this.#sending.tell({ event: "path", path: "store", peer: "", why: "the receiver has gone", receiver: this.id });
    } catch (error) {
      this.#waits({ why: `the receiver is away, and ${ours(error).sentence}` });
      this.book.notStored(seconds());
    }
  }

  // what the person who sends sees

  /** @param {{why: string}} said */
  #waits({ why }) {
    this.#sending.tell({ event: "waiting", why, receiver: this.id });
  }

  #tellPath() {
    const path = /** @type {Path} */ (this.book.path);
    const peer = this.#links.find((link) => link.kind === path)?.peer ?? "";
    this.#sending.tell({ event: "path", path, peer, why: "asked", receiver: this.id });
  }

  #tellVerified() {
    this.#sending.tell({ event: "verified", digest: this.#digest, receiver: this.id });
    this.#sending.changed();
  }

  #tellOver() {
    this.#sending.receivers.delete(this.id);
    this.#sending.tell({ event: "declined", peer: this.name, why: this.#why, receiver: this.id });
    this.#sending.changed();
  }

  #tellProgress() {
    const sending = this.#sending;
    const { path } = this.book;
    if (!path) return;
    const done = sending.content(this.book.position(this.#following.part));
    const total = sending.manifest.contentSize ?? 0;
    const rate = this.#meter.add(seconds(), done);
    const eta = rate > 0 ? (total - done) / rate : null;
    sending.tell({ event: "progress", done, total, rate, eta, path, receiver: this.id });
  }
}
