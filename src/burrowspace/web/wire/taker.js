/**
 * One receiver, as the sender sees it: its words, its links, the leg that it follows, whether it still lives. Twin of
 * client/taker.py. It does what the receiver asks. On its own it does one thing: when the receiver has gone and the rest
 * may lie on the server, it brings it there. Spec: docs/spec/paths.md.
 *
 * @import { Path } from "../core/paths.js"
 * @import { Control, Hello, Signal } from "../core/signals.js"
 * @import { Stretch } from "./legs.js"
 * @import { Link } from "./link.js"
 * @import { Seal } from "./relay.js"
 * @import { Sending } from "./session-send.js"
 */

import { checkWords } from "../core/codes.js";
import { CREDIT } from "../core/credit.js";
import { Person } from "../core/consent.js";
import { BurrowError } from "../core/errors.js";
import { linkKey, linkTag, mailboxId } from "../core/links.js";
import { GONE } from "../core/paths.js";
import { ours, seconds, sleep } from "./ambient.js";
import { Conversation } from "./conversation.js";
import { Reach } from "./reach.js";
import { Meter } from "./running.js";

const EARLY = 64; // words that may come before their hello
const REST_AGAIN_S = 10; // until it is tried again to bring the rest to the server
const LOOK_S = 1; // between two looks at its leg
const LOOK_MOST_S = 4; // for one
const MISSED_AGAIN_S = 5; // between two looks for one of which nothing is heard
const STUCK_S = 20; // without a word and a byte, after which an open request says nothing: its line may be dead

/** Lives as long as the sending. `held`: so many positions it holds at least, by all that it said and asked for. */
export class Taker {
  verified = false;
  /** @type {Path | null} */ path = null;
  /** When a block last went by a link. */ directAt = -1;

  /** The run of its program that said hello; what other runs said is history. @type {string} */ #session;
  /** @type {Sending} */ #sending;
  /** @type {Stretch | null} */ #leg = null;
  /** @type {Link[]} */ #links = [];
  #heardAt = seconds();
  #toldAt = -1;
  #met = false;
  #left = false; // in good order, until its next hello
  /** @type {{session: string, signal: Signal}[]} */ #early = [];
  #restAfter = -1;
  #meter = new Meter();
  #following = false; // somebody reads its leg
  #looking = false;
  #lookedAt = -1;
  #resting = false;
  #asking = false;
  #closed = false;
  #missing = false;
  /** When its leg last moved, and how far it was then. */ #moved = { far: 0, at: seconds() };
  /** @type {Conversation} */ #pair;
  /** @type {Reach} */ #reach;

  /** @param {Sending} sending @param {Hello} hello @param {string} session */
  constructor(sending, hello, session) {
    this.id = hello.receiver;
    this.name = hello.name;
    this.held = hello.held;
    this.person = new Person(sending.layout.manifestBlocks);
    this.person.holds(hello.held);
    this.#session = session;
    this.#sending = sending;
    const { server, secret, options, around } = sending;
    const run = sending.session;
    this.#pair = new Conversation(server, secret, mailboxId(secret, this.id), "sender", run, sending.ends);
    this.#reach = new Reach({
      ticket: { tag: linkTag(secret, this.id), key: linkKey(secret, this.id), sender: true },
      options,
      around,
      renew: () => sending.lookAround(),
      suite: sending.layout.suite,
      batchFrom: sending.layout.manifestBlocks,
      say: (signal) => this.#pair.say(signal),
      add: (link) => this.#add(link),
    });
  }

  /** The leg that it follows or would follow. */
  get leg() {
    return this.#leg?.last ?? null;
  }

  /** What it said to an earlier run of this page: nothing of that is to be answered any more. */
  async recall() {
    for (const { signal } of await this.#pair.soFar()) {
      await this.#history(signal);
      this.#left = signal.type === "bye";
    }
  }

  async run() {
    for await (const { session, signal } of this.#pair.heard()) {
      if (this.#closed) return;
      if (session === this.#session) {
        this.#heardAt = seconds();
        await this.#heard(signal);
        continue;
      }
      await this.#history(signal);
      this.#early.push({ session, signal }); // of an old run, or of one whose hello is still on its way
      if (this.#early.length > EARLY) this.#early.shift();
    }
  }

  /** It is here (again). @param {string} session @param {Hello} hello */
  hello(session, hello) {
    const sending = this.#sending;
    sending.met();
    this.#session = session;
    this.name = hello.name;
    this.held = hello.held;
    this.person.holds(hello.held);
    this.#heardAt = this.#toldAt = seconds();
    this.#resting = this.#left = false;
    if (!this.#met) {
      this.#met = true;
      const words = checkWords(sending.secret, sending.transfer);
      sending.tell({ event: "met", peer: this.name, receiver: this.id, words });
    }
    const early = this.#early.filter((each) => each.session === session);
    this.#early = [];
    sending.start(this.#hearEarly(early));
    // So that the end does not wait for the hashing of what it holds already.
    if (hello.held) sending.start(sending.engine.catchUp(hello.held));
  }

  /** @param {{signal: Signal}[]} said */
  async #hearEarly(said) {
    for (const { signal } of said) await this.#heard(signal);
  }

  /** Whether it is here: by a link, at its leg, or by a word not long ago. @param {number} now */
  lives(now) {
    if (this.#left) return false;
    if (this.#links.length || now - this.#heardAt < GONE) return true;
    const at = this.held + (this.leg?.writer?.position ?? 0);
    if (at !== this.#moved.far) this.#moved = { far: at, at: now };
    return this.#following && now - this.#moved.at < STUCK_S;
  }

  /** @param {number} now */
  tick(now) {
    const sending = this.#sending;
    if (this.verified) return;
    const { leg } = this;
    if (leg && !this.#looking && now - this.#lookedAt > (leg.wanted || leg.whole ? LOOK_S : 0.1)) {
      this.#looking = true;
      sending.start(this.#look(leg));
    }
    if (this.person.deciding && this.lives(now)) return;
    if (this.lives(now)) this.#progress(now);
    else if (!this.#missing && !this.#resting && now > this.#restAfter) {
      this.#missing = true;
      sending.start(this.#missed(now).finally(() => (this.#missing = false)));
    }
  }

  /** Nothing is heard of it: it has gone, or we are cut off ourselves. @param {number} now */
  async #missed(now) {
    const sending = this.#sending;
    this.#restAfter = now + MISSED_AGAIN_S;
    if (!(await sending.online())) {
      sending.tell({ event: "waiting", why: "the server cannot be reached; still trying", receiver: this.id });
    } else if (this.lives(seconds()) || this.#resting || this.#closed) return;
    else if (sending.mayStore) {
      this.#resting = true;
      await this.#bringToRest();
    } else {
      sending.tell({ event: "waiting", why: "the receiver is away; it goes on when it is back", receiver: this.id });
    }
  }

  /** By another path from now on. @param {Path} path */
  goesBy(path) {
    if (path === this.path) return;
    this.path = path;
    const peer = this.#links.find((link) => link.kind === path)?.peer ?? "";
    this.#sending.tell({ event: "path", path, peer, why: "asked", receiver: this.id });
    if (this.#isDirect() && this.leg) this.#follow(null);
  }

  close() {
    this.#closed = true;
    this.#reach.close();
    for (const link of this.#links) link.close("the sender ends");
  }

  #isDirect() {
    return this.path === "webrtc" || this.path === "turn";
  }

  /** Another leg, or none; the one before it goes unless somebody follows it, or it may be of use at rest. @param {Stretch | null} leg */
  #follow(leg) {
    const before = this.leg;
    this.#leg = leg;
    if (!before || before === leg || before.whole) return;
    const others = [...this.#sending.takers.values()];
    if (!others.some((other) => other.leg === before)) this.#sending.start(this.#sending.legs.drop(before));
  }

  // words

  /** @param {Signal} signal */
  async #history(signal) {
    if (signal.type === "ask-relay" || signal.type === "progress") this.#holds(signal.held);
    else if (signal.type === "accept") this.#accepts(signal.held);
    else if (signal.type === "decline") this.person.declines();
    else if (signal.type === "verified") await this.#verifies(signal.digest);
  }

  /** @param {Signal} signal */
  async #heard(signal) {
    switch (signal.type) {
      case "ask-relay":
        this.#holds(signal.held);
        if (!this.#asking && !this.#sending.options.directOnly) {
          this.#asking = true;
          this.#sending.start(this.#giveLeg(signal.held));
        }
        return;
      case "progress":
        return this.#heardProgress(signal.held);
      case "accept":
        return this.#accepts(signal.held);
      case "verified":
        return this.#verifies(signal.digest);
      case "decline":
        this.person.declines();
        return this.#over(`${this.name || "the receiver"} declined it`);
      case "cancel":
        return this.#over(`the receiver called it off: ${signal.why}`);
      case "bye":
        this.#left = true;
        for (const link of this.#links) link.close("the receiver has left");
        return;
      default:
        this.#reach.heard(signal);
    }
  }

  /** @param {number} held */
  #heardProgress(held) {
    const more = held > this.held;
    this.#holds(held);
    this.#tellDeciding();
    if (more && this.leg && !this.person.deciding) this.#goesByLeg(this.leg); // by a link it says `held`
  }

  /** @param {Stretch} stretch */
  #goesByLeg(stretch) {
    stretch.wanted = true;
    this.goesBy(stretch.rests ? "store" : "relay");
  }

  /** @param {number} held */
  #holds(held) {
    this.held = Math.max(this.held, held);
    this.person.holds(held);
  }

  /** @param {number} held */
  #accepts(held) {
    this.#holds(held);
    this.person.accepts();
  }

  #tellDeciding() {
    if (!this.person.deciding || this.verified) return;
    this.#toldAt = seconds();
    this.#sending.tell({ event: "waiting", why: "the receiver is deciding", receiver: this.id });
  }

  /** @param {string} why */
  #over(why) {
    const sending = this.#sending;
    if (sending.options.receivers === 1) return sending.fail(new BurrowError("cancelled", why));
    sending.takers.delete(this.id);
    this.#follow(null);
    sending.tell({ event: "declined", peer: this.name, why, receiver: this.id });
    sending.changed();
    this.close();
  }

  /** @param {string} digest */
  async #verifies(digest) {
    if (this.verified) return;
    if ((await this.#sending.digest()) !== digest) {
      return this.#over("the receiver verified something else than what was sent; send it again");
    }
    this.verified = true;
    this.#sending.tell({ event: "verified", digest, receiver: this.id });
    this.#sending.changed();
  }

  // links

  /** @param {Link} link */
  #add(link) {
    const sending = this.#sending;
    this.#links.push(link);
    /** @type {Seal} */
    const seal = async (position, count) => {
      this.directAt = seconds();
      if (position < this.held) sending.again += 1;
      this.held = Math.max(this.held, position + count - CREDIT); // nobody asks for more than the credit
      this.person.requests(position + count - 1);
      const sealed = await sending.engine.seal(position, count);
      sending.served(link.kind, sealed.length);
      this.goesBy(link.kind);
      return sealed;
    };
    link.serve(seal);
    link.listen((control) => this.#control(control));
    link.closed.then((broken) => {
      this.#links = this.#links.filter((each) => each !== link);
      this.#heardAt = seconds();
      if (broken.code === "changed") sending.fail(broken);
    });
  }

  /** @param {Control} control */
  #control(control) {
    this.#heardAt = seconds();
    if (control.type === "held") this.#holds(control.held);
    else if (control.type === "verified") this.#sending.start(this.#verifies(control.digest));
    else if (control.type === "cancel") this.#over(`the receiver called it off: ${control.why}`);
  }

  // legs

  /** A leg from what it holds on: one that runs already and still has that block, or a new one. @param {number} held */
  async #giveLeg(held) {
    const { legs, layout, mayStore } = this.#sending;
    try {
      let found = legs.serving(held);
      if (found && (await this.#has(found, held))) await this.#pair.say(found.announcement(layout));
      else found = await legs.open(held, (signal) => this.#pair.say(signal), mayStore ? "live-then-rest" : "live", false);
      this.#follow(found);
    } catch (error) {
      const { sentence } = ours(error); // no relay can be had: the receiver asks again
      this.#sending.tell({ event: "waiting", why: sentence, receiver: this.id });
    } finally {
      this.#asking = false;
    }
  }

  /** @param {Stretch} stretch @param {number} held */
  async #has(stretch, held) {
    const { server, layout } = this.#sending;
    try {
      const { first } = await server.spool(stretch.spool.id);
      return first <= layout.offset(held) - layout.offset(stretch.first);
    } catch {
      return false;
    }
  }

  /** Whether it follows its leg; asked of the server, for the receiver says nothing while it reads. @param {Stretch} stretch */
  async #look(stretch) {
    try {
      const asked = this.#sending.server.spool(stretch.spool.id);
      asked.catch(() => undefined);
      const found = await Promise.race([asked, sleep(LOOK_MOST_S, this.#sending.ends).then(() => null)]);
      this.#following = (found?.readers ?? 0) > 0;
      if (this.#following) this.#goesByLeg(stretch);
    } catch {
      this.#following = false;
    } finally {
      this.#looking = false;
      this.#lookedAt = seconds();
    }
  }

  /** It has gone: what it does not hold goes to the server, in the leg that runs or in a new one. */
  async #bringToRest() {
    const sending = this.#sending;
    const { leg } = this;
    sending.tell({ event: "waiting", why: "the receiver has gone; the rest goes to the server, sealed", receiver: this.id });
    try {
      if (leg && !leg.dropped) await sending.legs.letRest(leg);
      else {
        const first = sending.legs.covered(this.held);
        if (first !== null) {
          const { running } = sending.legs;
          if (running?.rests && running.first <= first) this.#leg = running;
          else this.#leg = await sending.legs.open(first, (signal) => this.#pair.say(signal), "rest", true);
        }
      }
      this.path = "store";
      sending.tell({ event: "path", path: "store", peer: "", why: "the receiver has gone", receiver: this.id });
    } catch (error) {
      const { sentence } = ours(error);
      sending.tell({ event: "waiting", why: `the receiver is away, and ${sentence}`, receiver: this.id });
      this.#resting = false;
      this.#restAfter = seconds() + REST_AGAIN_S;
    }
  }

  // progress

  /** What an older receiver, which seldom says how far it is, has by all that the server lets its leg run ahead. */
  #surelyHas() {
    const { leg } = this;
    if (!leg?.writer || leg.rests || !this.#following) return 0;
    return Math.max(leg.first, leg.writer.position - 3 * CREDIT);
  }

  /** @param {number} now */
  #progress(now) {
    if (now - this.#toldAt < 0.2 || !this.path) return;
    this.#toldAt = now;
    const sending = this.#sending;
    const position = Math.max(this.held, this.#surelyHas());
    const done = sending.content(position);
    const total = sending.manifest.contentSize ?? 0;
    const rate = this.#meter.add(now, done);
    const eta = rate > 0 ? (total - done) / rate : null;
    sending.tell({ event: "progress", done, total, rate, eta, path: this.path, receiver: this.id });
  }
}
