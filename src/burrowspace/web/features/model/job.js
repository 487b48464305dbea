/**
 * One transfer as a person sees it: what it is, how far it is, by which way, and what can be done with it. It listens to
 * a session (wire/) and knows nothing of how it is drawn.
 *
 * @import { Path } from "../../core/paths.js"
 * @import { BurrowError } from "../../core/errors.js"
 * @import { Note } from "../../core/manifest.js"
 * @import { Event, Finished } from "../../wire/events.js"
 * @import { Said } from "../said.js"
 */

import { shown } from "../../core/names.js";
import { CLOSED } from "../../wire/runtime.js";
import { saidOf, saidOfError } from "../said.js";
import { Observable } from "./observable.js";

/**
 * starting: nothing is known yet. waiting: for the other side, or the server; `why`. offered: the person is asked.
 * running: bytes move. paused: by the person. resting: sealed on the server, this page may go. done, failed (`why`),
 * ended (called off, by whom says `why`).
 *
 * @typedef {"starting" | "waiting" | "offered" | "running" | "paused" | "resting" | "done" | "failed" | "ended"} JobState
 */

/** The other end. Sizes are bytes, rates bytes per second, times seconds.
 * @typedef {{id: string, name: string, path: Path | null, done: number, total: number | null, rate: number, eta: number | null,
 *   verified: boolean, declined: boolean, accepted: boolean}} Peer */

const SAMPLES = 90; // of the speed, for its curve
const SAMPLE_MS = 400;
const DRAW_MS = 250; // between two drawings of progress
const IDLE_MS = 3000; // between two tellings of progress: more is a pause
const LOST = 100; // files that are kept by name
const OVER = ["done", "failed", "ended"];

export class Job extends Observable {
  /** @type {JobState} */ state = "starting";
  /** @type {Said | null} */ why = null;
  /** The code of what went wrong. */ fault = "";
  /** Bytes of all contents. @type {number | null} */ size = null;
  files = 0;
  /** What it is, in short. */ title = "";
  /** It is a text, no file. */ text = false;
  /** Shown as one line, until the person wants more of it. */ folded = false;
  /** It ended in this page, before the eyes of the person. */ fresh = false;
  /** @type {Map<string, Peer>} */ peers = new Map();
  /** The four words to compare. @type {string[]} */ words = [];
  /** The secret went to a device of the same network by way of the server, which could know it (docs/spec/nearby.md):
   * the four words would prove nothing. */ near = false;
  /** Bytes per second, the oldest first. @type {number[]} */ speeds = [];
  /** Until when it rests on the server, ms since 1970. @type {number | null} */ until = null;
  /** @type {Finished | null} */ finished = null;
  /** Of all that was verified, hex. */ digest = "";
  /** Files that could not be sent to the end, and why: the first of them. @type {Note[]} */ lost = [];
  /** How many there are. */ missing = 0;
  /** ms since 1970. */ created = Date.now();
  /** For which bytes moved, without pauses and questions, s. */ seconds = 0;

  #sampled = 0;
  #drawn = 0;
  #moved = 0;

  /** @type {"send" | "receive"} */ direction = "send";

  /** @param {string} id */
  constructor(id) {
    super();
    this.id = id;
  }

  get over() {
    return OVER.includes(this.state);
  }

  /** Whether bytes move, or would if the other side were there. */
  get active() {
    return this.state === "running" || this.state === "waiting";
  }

  /** Of those who take part, how far the slowest is that has not got it all yet; of 1, or null where it is not known. @returns {number | null} */
  get part() {
    if (this.state === "done") return 1;
    const { done, total } = this.#slowest();
    return total === null ? null : total === 0 ? 0 : Math.min(1, done / total);
  }

  get done() {
    return this.#slowest().done;
  }

  /** Of all together. */
  get rate() {
    return this.state === "running" ? [...this.peers.values()].reduce((sum, peer) => sum + peer.rate, 0) : 0;
  }

  /** @returns {number | null} */
  get eta() {
    return this.#slowest().eta;
  }

  /** The way that most is going by. @returns {Path | null} */
  get path() {
    return this.#slowest().path;
  }

  /** Who is at the other end. */
  get who() {
    return [...this.peers.values()].map((peer) => peer.name).filter(Boolean);
  }

  /** @returns {Peer} */
  #slowest() {
    const all = [...this.peers.values()].filter((peer) => !peer.declined);
    const open = all.filter((peer) => !peer.verified);
    const some = open.length ? open : all;
    return some.reduce((one, other) => (other.done < one.done ? other : one), some[0] ?? nobody(this.size));
  }

  /** @param {string} id @returns {Peer} */
  peer(id) {
    let peer = this.peers.get(id);
    if (!peer) {
      peer = { ...nobody(this.size), id };
      this.peers.set(id, peer);
    }
    return peer;
  }

  /** Files that could not be sent to the end. @param {{notes: Note[], unlisted: number}} more */
  loses({ notes, unlisted }) {
    this.missing += notes.length + unlisted;
    this.lost = [...this.lost, ...notes].slice(0, LOST);
  }

  /** @param {Event} event */
  hear(event) {
    switch (event.event) {
      case "noted":
        this.loses(event);
        break;
      case "met":
        this.peers.delete(""); // what went to the server before anybody was there
        this.peer(event.receiver).name = shown(event.peer, 40);
        this.peer(event.receiver).declined = false;
        this.words = this.near ? [] : event.words;
        this.why = null;
        if (this.state !== "offered") this.state = "waiting";
        break;
      case "path":
        this.peer(event.receiver).path = event.path;
        break;
      case "progress":
        if (!this.#progress(event)) return;
        break;
      case "waiting":
        if (event.receiver) this.peer(event.receiver).rate = 0;
        this.why = saidOf(event.reason);
        if (this.state !== "offered") this.state = "waiting";
        break;
      case "declined": {
        const peer = this.peer(event.receiver);
        peer.declined = true;
        peer.rate = 0;
        this.why = null;
        break;
      }
      case "resting":
        this.until = event.until * 1000;
        break;
      case "verified": {
        this.digest = event.digest;
        const peer = this.peer(event.receiver);
        peer.verified = true;
        peer.done = peer.total ?? peer.done;
        peer.rate = 0;
        break;
      }
    }
    this.changed();
  }

  /** Whether it is to be drawn: what draws the page takes time from what moves the bytes. @param {Extract<Event, {event: "progress"}>} event */
  #progress({ receiver, done, total, rate, eta, path, accepted = true }) {
    const peer = this.peer(receiver);
    peer.accepted ||= accepted || done > 0;
    if (!peer.accepted && ["waiting", "starting"].includes(this.state)) {
      Object.assign(peer, { total, path });
      const news = this.why !== null;
      this.why = null;
      return news;
    }
    const news = path !== peer.path || done === total || (this.state !== "running" && this.state !== "offered");
    Object.assign(peer, { done, total, rate, eta, path });
    if (this.state !== "offered") this.state = "running";
    this.why = null;
    const now = performance.now();
    const draw = news || now - this.#drawn >= DRAW_MS;
    if (draw) this.#drawn = now;
    if (done > 0 && now - this.#moved < IDLE_MS) this.seconds += (now - this.#moved) / 1000;
    this.#moved = now;
    if (now - this.#sampled < SAMPLE_MS) return draw;
    this.#sampled = now;
    this.speeds.push(this.rate);
    if (this.speeds.length > SAMPLES) this.speeds.shift();
    return draw;
  }

  /** How its session ended. @param {BurrowError} error */
  stopped(error) {
    if (error.code === CLOSED) this.state = "paused";
    else {
      this.state = ["cancelled", "gone"].includes(error.code) ? "ended" : "failed";
      this.fault = error.code;
      this.why = saidOfError(error);
    }
    for (const peer of this.peers.values()) peer.rate = 0;
    this.changed();
  }
}

/** @param {number | null} total @returns {Peer} */
function nobody(total) {
  return { id: "", name: "", path: null, done: 0, total, rate: 0, eta: null, verified: false, declined: false, accepted: false };
}
