/**
 * The tabs of one browser, which share one waiting call: one of them leads and makes it, the others ask that one.
 *
 * The tab that was looked at last leads: a browser slows down or freezes the others. A Web Lock says who leads, so that a
 * tab that closes or crashes is followed at once; where there are none (plain http), the messages alone do. A leader
 * that answers no more is replaced after some seconds, whatever it holds. Reading consumes nothing, so whoever was asked
 * before loses no message, and two leaders at once cost a call and no more. Spec: docs/spec/changes.md, "Between tabs".
 *
 * @import { Changes, Wish } from "../../core/changes.js"
 * @import { TabMessage } from "../../core/tab-messages.js"
 */

import { parseTabMessage, sayError } from "../../core/tab-messages.js";
import { ours, randomId, seconds } from "../runtime.js";

const SIGN_MS = 1500; // between two signs that a tab still waits
const SIGNS = 2; // without an answer of the leader: it is replaced
const TABS_MOST = 256; // that one leader waits for

/** @typedef {(wish: Wish, wait: number, signal: AbortSignal) => Promise<Changes>} Ask */
/** What of the page a tab needs to hear; a test has its own.
 * @typedef {Pick<EventTarget, "addEventListener"> & {hidden: () => boolean}} PageLife */
/** Of a BroadcastChannel. @typedef {Pick<BroadcastChannel, "postMessage" | "close" | "onmessage">} Channel */
/** Of Web Locks. @typedef {Pick<LockManager, "request">} Locks */

export class Tabs {
  #own = randomId();
  #leads = false;
  #turn = 0; // the highest that was heard
  /** Who leads, and since when; null: not known. @type {{from: string, turn: number} | null} */ #leader = null;
  #heard = false; // from the leader since the last sign
  /** Is aborted when another tab leads. @type {AbortController} */ #reign = new AbortController();
  /** @type {Channel | null} */ #channel = null;
  /** Ends our claims to the lock. */ #going = new AbortController();
  /** Lets go of each lock that we hold. @type {Set<() => void>} */ #held = new Set();
  /** What we asked the leader. @type {Map<number, {resolve: (changes: Changes) => void, reject: (error: Error) => void}>} */ #asked = new Map();
  /** What others asked us, by tab. @type {Map<string, {id: number, cut: AbortController}>} */ #guests = new Map();
  #count = 0;
  #away = false;
  #back = Promise.resolve();
  /** @type {() => void} */ #comeBack = () => {};
  /** @type {Ask} */ #call;
  /** @type {Ask} */ #join;

  /**
   * @param {object} how
   * @param {string} how.name of the browser's one server
   * @param {Ask} how.call asks the server
   * @param {Ask} how.join asks together with all that this page waits for
   * @param {(name: string) => Channel} how.channel
   * @param {Locks | undefined} how.locks
   * @param {PageLife} how.life
   */
  constructor({ name, call, join, channel, locks, life }) {
    this.name = `burrow tabs 1 ${name}`; // another number where tabs would not understand each other
    this.#call = call;
    this.#join = join;
    this.open = channel;
    this.locks = locks;
    this.life = life;
    life.addEventListener("pagehide", () => this.leave());
    life.addEventListener("freeze", () => this.leave());
    life.addEventListener("pageshow", () => this.#return());
    life.addEventListener("resume", () => this.#return());
    life.addEventListener("visibilitychange", () => this.#looked());
  }

  /** Whether this tab waits for all. */
  get leads() {
    return this.#leads;
  }

  /** As the server would answer. @type {Ask} */
  async ask(wish, wait, signal) {
    const until = seconds() + wait;
    for (;;) {
      await this.#back;
      if (signal.aborted) throw signal.reason;
      this.#begin();
      const reign = this.#reign.signal;
      const both = AbortSignal.any([signal, reign]);
      const left = Math.max(1, Math.ceil(until - seconds()));
      try {
        return await (this.#leads ? this.#call(wish, left, both) : this.#askLeader(wish, left, both));
      } catch (error) {
        if (signal.aborted || !reign.aborted) throw error;
      }
    }
  }

  /** This page goes, or is put aside: another one leads at once. */
  leave() {
    if (this.#away) return;
    this.#away = true;
    this.#back = new Promise((resolve) => (this.#comeBack = resolve));
    this.#say({ type: "leaves" });
    this.#channel?.close();
    this.#channel = null;
    this.#going.abort();
    this.#stepDown();
    this.#rule(null);
  }

  #return() {
    if (!this.#away) return;
    this.#away = false;
    this.#comeBack();
  }

  #looked() {
    if (this.#channel && !this.life.hidden()) this.#take();
  }

  /** Takes part, once there is something to wait for. */
  #begin() {
    if (this.#channel) return;
    this.#channel = this.open(this.name);
    this.#channel.onmessage = ({ data }) => {
      const said = parseTabMessage(data, this.#own);
      if (said) this.#hear(said);
    };
    this.#going = new AbortController();
    void this.#wait();
    if (!this.life.hidden()) this.#take();
  }

  // who leads

  /** Leads as soon as nobody else does. */
  async #wait() {
    const { signal } = this.#going;
    while (this.locks && !signal.aborted) {
      if (!(await this.#hold({ signal }))) break;
    }
    if (!this.locks && !this.#leader) this.#lead();
  }

  /** Leads now, whoever did. */
  #take() {
    if (this.#leads) return;
    if (this.locks) void this.#hold({ steal: true });
    else this.#lead();
  }

  /** Leads for as long as the lock is ours; false: there are no locks for this page. @param {LockOptions} how */
  async #hold(how) {
    /** @type {(() => void) | null} */ let release = null;
    try {
      await this.locks?.request(this.name, how, () => {
        if (this.#away) return undefined;
        return new Promise((resolve) => {
          release = () => resolve(undefined);
          this.#held.add(release);
          this.#lead();
        });
      });
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") {
        this.locks = undefined; // a page that may store nothing
        if (!this.#away) this.#lead();
        return false;
      }
    } finally {
      if (release) this.#held.delete(release);
    }
    if (release && !this.#held.size) this.#stepDown(); // another tab has taken it, and not we a second time
    return true;
  }

  #lead() {
    if (this.#leads) return;
    this.#leads = true;
    this.#turn += 1;
    this.#rule({ from: this.#own, turn: this.#turn });
    this.#tell();
  }

  #stepDown() {
    for (const release of this.#held) release();
    this.#held.clear();
    if (!this.#leads) return;
    this.#leads = false;
    for (const { cut } of this.#guests.values()) cut.abort();
    this.#guests.clear();
    if (this.#leader?.from === this.#own) this.#rule(null);
  }

  /** From now on this one leads; whoever waits asks there. @param {{from: string, turn: number} | null} leader */
  #rule(leader) {
    this.#leader = leader;
    this.#heard = true;
    const before = this.#reign;
    this.#reign = new AbortController();
    before.abort();
  }

  #tell() {
    this.#say({ type: "leads", turn: this.#turn });
  }

  // what is said

  /** @param {TabMessage} said */
  #hear(said) {
    switch (said.type) {
      case "leads":
        return this.#heardLeader(said);
      case "leaves":
        return this.#left(said.from);
      case "ask":
        return this.#leads ? this.#serve(said) : undefined;
      case "cut":
        return this.#drop(said.from, said.id);
      default: {
        const asked = this.#asked.get(said.id);
        return said.type === "answer" ? asked?.resolve(said.changes) : asked?.reject(said.error);
      }
    }
  }

  /** @param {{from: string, turn: number}} said */
  #heardLeader({ from, turn }) {
    if (this.#leads) {
      if (this.locks) return; // whoever has the lock leads: if it is not ours any more, we hear so
      if (turn < this.#turn || (turn === this.#turn && from > this.#own)) return this.#tell(); // two at once: the other hears of it
      this.#stepDown();
    }
    this.#turn = Math.max(this.#turn, turn);
    this.#heard = true;
    if (this.#leader?.from !== from || this.#leader.turn !== turn) this.#rule({ from, turn });
  }

  /** @param {string} tab */
  #left(tab) {
    this.#guests.get(tab)?.cut.abort();
    this.#guests.delete(tab);
    if (this.#leader?.from !== tab) return;
    this.#leader = null;
    if (!this.locks) this.#lead();
  }

  /** @param {{from: string, id: number, wish: Wish, wait: number}} said */
  #serve({ from, id, wish, wait }) {
    this.#tell(); // a sign of life
    const before = this.#guests.get(from);
    if (before?.id === id) return;
    if (!before && this.#guests.size >= TABS_MOST) return;
    before?.cut.abort();
    const cut = new AbortController();
    this.#guests.set(from, { id, cut });
    this.#join(wish, wait, cut.signal).then(
      (changes) => this.#answer(from, id, cut, { type: "answer", changes }),
      (error) => this.#answer(from, id, cut, { type: "failed", error: sayError(ours(error)) }),
    );
  }

  /** @param {string} to @param {number} id @param {AbortController} cut @param {object} answer */
  #answer(to, id, cut, answer) {
    if (cut.signal.aborted) return;
    this.#drop(to, id);
    this.#say({ to, id, ...answer });
  }

  /** @param {string} tab @param {number} id */
  #drop(tab, id) {
    const guest = this.#guests.get(tab);
    if (guest?.id !== id) return;
    this.#guests.delete(tab);
    guest.cut.abort();
  }

  /** @type {Ask} */
  async #askLeader(wish, wait, signal) {
    const id = (this.#count += 1);
    const sign = () => this.#say({ type: "ask", id, wish, wait });
    let silent = 0;
    const signs = setInterval(() => {
      silent = this.#heard ? 0 : silent + 1;
      this.#heard = false;
      if (silent >= SIGNS) this.#take();
      else sign();
    }, SIGN_MS);
    this.#heard = false;
    /** @type {() => void} */ let stop = () => {};
    try {
      return await new Promise((resolve, reject) => {
        stop = () => reject(signal.reason);
        signal.addEventListener("abort", stop);
        this.#asked.set(id, { resolve, reject });
        sign();
      });
    } catch (error) {
      if (signal.aborted) this.#say({ type: "cut", id });
      throw error;
    } finally {
      clearInterval(signs);
      signal.removeEventListener("abort", stop);
      this.#asked.delete(id);
    }
  }

  /** @param {object} message */
  #say(message) {
    this.#channel?.postMessage({ from: this.#own, ...message });
  }
}

/** The tabs of this browser, or null where they cannot hear each other. @param {{name: string, call: Ask, join: Ask}} how */
export function tabsOf({ name, call, join }) {
  if (typeof BroadcastChannel === "undefined" || typeof document === "undefined") return null;
  /** @type {PageLife} */ const life = {
    hidden: () => document.hidden,
    addEventListener: (/** @type {string} */ type, /** @type {any} */ heard) => {
      const target = type === "pagehide" || type === "pageshow" ? window : document;
      target.addEventListener(type, heard);
    },
  };
  return new Tabs({ name, call, join, channel: (of) => new BroadcastChannel(of), locks: navigator.locks, life });
}
