/**
 * All receivers of one sender: who came, who is here, who has everything. Each of them is a RemoteReceiver, which asks
 * for what only the sender can do by session/sends.js.
 *
 * @import { Outside } from "../../core/outside.js"
 * @import { Hello } from "../../core/signals.js"
 * @import { Event } from "../events.js"
 * @import { Heard } from "../rendezvous/conversation.js"
 * @import { Codes } from "./codes.js"
 * @import { Sends, Shared, Whole } from "./sends.js"
 */

import { checkWords } from "../../core/codes.js";
import { linkKey, linkTag, mailboxId } from "../../core/links.js";
import { outside } from "../../core/outside.js";
import { Reach } from "../links/reach.js";
import { whyAway } from "../network-watch.js";
import { Conversation } from "../rendezvous/conversation.js";
import { seconds } from "../runtime.js";
import { RemoteReceiver } from "./remote-receiver.js";

const MOST = 200; // receivers of one transfer

export class Receivers {
  /** @type {Map<string, RemoteReceiver>} */ #all = new Map();
  /** @type {Outside} */ #outside = { servers: [], until: null };

  /** @type {Sends} */ #sends;
  /** @type {Shared} */ #shared;

  /** @param {Whole} sender @param {Codes} codes */
  constructor(sender, codes) {
    const { secret, transfer, manifest, layout, options, mayStore } = sender;
    this.sender = sender;
    this.#shared = {
      words: checkWords(secret, transfer),
      manifest,
      layout,
      mayStore,
      directOnly: Boolean(options.directOnly),
      alone: () => options.receivers === 1,
      codeUsed: () => codes.used,
      lost: () => sender.lost.forOlder,
    };
    this.#sends = {
      tell: (event) => this.#told(event),
      forget: (receiver) => {
        this.#forget(receiver);
        codes.leftUndecided(receiver);
      },
      start: (part) => sender.start(part),
      fail: (error) => sender.fail(error),
      seal: (...asked) => sender.serving.seal(...asked),
      catchUp: (position) => sender.serving.catchUp(position),
      gave: (digest) => sender.serving.gave(digest),
      online: () => sender.server.answers(),
      whyAway: () => whyAway(sender.server),
    };
  }

  /** Asks the server of the outside (again), for all of them. @returns {Promise<Outside>} */
  async lookAround() {
    return (this.#outside = outside(await this.sender.server.hello(), seconds()));
  }

  /** Those that an earlier run of the sender met: they may be gone, or wait for us. @param {Heard[]} said */
  async recall(said) {
    for (const { session, signal } of said) if (signal.type === "hello") this.#take(session, signal);
    await Promise.all([...this.#all.values()].map((receiver) => receiver.recall()));
    for (const receiver of this.#all.values()) {
      if (receiver.book.person.stage === "no") this.#all.delete(receiver.id);
      else this.#sends.start(receiver.run());
    }
  }

  /** One is here (again). @param {string} session @param {Hello} hello */
  hello(session, hello) {
    const known = this.#all.get(hello.receiver);
    const receiver = known ?? this.#take(session, hello);
    if (!receiver) return;
    if (!known) this.#sends.start(receiver.run());
    this.sender.serving.metAt ??= seconds();
    receiver.hello(session, hello);
  }

  /** @param {number} now */
  tick(now) {
    for (const receiver of this.#all.values()) receiver.tick(now);
  }

  /** Why the only one cannot go on. */
  refusal() {
    if (!this.#shared.alone()) return null;
    for (const receiver of this.#all.values()) {
      const refusal = receiver.refusal();
      if (refusal) return refusal;
    }
    return null;
  }

  /** What core/sender-book.js must know of them. @param {number} now */
  facts(now) {
    const waiting = [...this.#all.values()].filter((receiver) => !receiver.book.verified);
    return {
      known: this.#all.size,
      verified: this.#all.size - waiting.length,
      living: waiting.filter((receiver) => receiver.book.here(now)).length,
      missingRests: waiting.every((receiver) => this.sender.segments.covered(receiver.held) === null),
      met: this.sender.serving.metAt !== null,
    };
  }

  close() {
    for (const receiver of this.#all.values()) receiver.close();
  }

  /** After these two the sender may have come to its end. @param {Event} event */
  #told(event) {
    const { sender } = this;
    if (event.event === "declined") this.#forget(event.receiver);
    sender.tell(event);
    if (event.event === "declined" || event.event === "verified") sender.changed();
  }

  /** It is no longer counted or waited for. @param {string} receiver */
  #forget(receiver) {
    this.#all.get(receiver)?.close();
    this.#all.delete(receiver);
  }

  /** A new one; null where there are too many. @param {string} session @param {Hello} hello */
  #take(session, hello) {
    const { server, secret, options, layout, main, segments, ends } = this.sender;
    if (this.#all.size >= MOST && !this.#all.has(hello.receiver)) return null;
    const id = hello.receiver;
    const pair = new Conversation(server, secret, mailboxId(secret, id), "sender", main.session, ends);
    const reach = new Reach({
      ticket: { tag: linkTag(secret, id), key: linkKey(secret, id), sender: true },
      options,
      around: this.#outside,
      renew: () => this.lookAround(),
      suite: layout.suite,
      batchFrom: layout.manifestBlocks,
      say: (signal) => pair.say(signal),
      add: (link) => receiver.add(link),
    });
    const receiver = new RemoteReceiver(this.#sends, this.#shared, segments, pair, reach, hello, session);
    this.#all.set(id, receiver);
    return receiver;
  }
}
