/**
 * What comes to this page: the session, where it goes, and what the person may do with it.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { LeftOut } from "../../core/left-out.js"
 * @import { Manifest } from "../../core/manifest.js"
 * @import { Server } from "../../wire/server/api.js"
 * @import { Event } from "../../wire/events.js"
 * @import { ReceiveState } from "../../wire/session/incoming.js"
 * @import { KeepingSink, Received } from "../../store/placing.js"
 * @import { NoWay } from "../../store/choosing.js"
 * @import { Way } from "../../store/ways.js"
 * @import { Said } from "../said.js"
 */

import { notesOf } from "../../core/left-out.js";
import { shown } from "../../core/names.js";
import { ways } from "../../store/ways.js";
import { ours } from "../../wire/runtime.js";
import { Receiver } from "../../wire/session/receiver.js";
import { saidOfError } from "../said.js";
import { Job } from "./job.js";

/**
 * @typedef {object} ReceiveHow
 * @property {Server} server
 * @property {Bytes} secret
 * @property {string} name of this device
 * @property {string} [from] the device that invited us, where one did
 * @property {boolean} [byLink] the secret came in a link
 * @property {ReceiveState | null} [state] of an earlier run
 * @property {KeepingSink | null} [sink] of an earlier run that has ended
 * @property {() => Promise<KeepingSink | null>} [find] opens the place of an earlier run again; null: it is gone
 * @property {(job: ReceiveJob, state: ReceiveState | null) => Promise<void>} keep
 * @property {(job: ReceiveJob) => Promise<void>} arrived all is here and verified; what is kept of it changes in one step
 * @property {(job: ReceiveJob) => Promise<void>} save hands it to the person
 */

export class ReceiveJob extends Job {
  /** @type {"receive"} */ direction = "receive";
  /** @type {Manifest | null} */ manifest = null;
  /** Where it may go; known once it is offered. @type {{best: Way | null, others: Way[], why: NoWay | null} | null} */ ways = null;
  sender = "";
  /** @type {string[]} */ texts = [];
  /** What lies in this browser, to be saved. @type {Received[]} */ received = [];
  /** What the sender could not send to the end. @type {LeftOut} */ leftOut = [];
  /** The person may go on choosing: a picker was closed, or a place could not be opened. @type {Said | null} */ trouble = null;

  /** @type {ReceiveHow} */ #how;
  /** @type {Receiver | null} */ #session = null;
  /** @type {ReceiveState | null} */ #state;
  /** @type {KeepingSink | null} */ #sink;
  /** @type {((sink: KeepingSink | null) => void) | null} */ #answer = null;
  #forgotten = false;

  /** @param {string} id @param {ReceiveHow} how */
  constructor(id, how) {
    super(id);
    this.#how = how;
    this.#state = how.state ?? null;
    this.#sink = how.sink ?? null;
    this.sender = how.from ?? "";
  }

  get secret() {
    return this.#how.secret;
  }

  /** Whoever sent this page here wants nothing else of it. */
  get byLink() {
    return Boolean(this.#how.byLink);
  }

  get sink() {
    return this.#sink;
  }

  /** Starts, or goes on. */
  async begin() {
    if (this.#session && !this.#session.over) return;
    const { server, secret, name, keep } = this.#how;
    if (this.#state?.landing && !this.#sink && !(await this.#find())) return;
    this.state = "starting";
    this.#session = new Receiver({
      server,
      secret,
      name,
      byLink: this.#how.byLink,
      state: this.#state,
      sink: this.#state?.landing ? this.#sink : null,
      accept: (manifest, sender) => this.#ask(manifest, sender),
      keep: (state) => {
        this.#state = state;
        return keep(this, state);
      },
      arrived: (lost) => this.#arrived(lost),
      tell: (event) => this.hear(event),
    });
    this.changed();
    this.#session.begin().done.catch((error) => this.#over(ours(error)));
  }

  /** The place of an earlier run; whether it can be gone on with. */
  async #find() {
    try {
      this.#sink = (await this.#how.find?.()) ?? null;
    } catch (error) {
      this.state = "paused"; // the person may allow it the next time
      this.trouble = saidOfError(error);
      this.changed();
      return false;
    }
    this.trouble = null;
    // What it had is gone: it is asked for again.
    if (!this.#sink && this.#state) this.#state = { ...this.#state, landing: null };
    return true;
  }

  /** @param {import("../../core/errors.js").BurrowError} error */
  #over(error) {
    this.#answer = null;
    this.stopped(error);
  }

  /** @override @param {Event} event */
  hear(event) {
    if (event.event === "offered") this.#know(event.manifest, event.sender);
    else if (event.event === "met" && event.peer) this.sender = shown(event.peer, 40);
    else if (event.event === "text") {
      this.texts = [...this.texts, event.text];
      this.fresh = true;
    }
    else if (event.event === "finished") {
      this.finished = event;
      void this.#finish();
      return;
    }
    super.hear(event);
  }

  /** It ended in an earlier run, and lies here still. @param {Manifest} manifest @param {string[]} texts @param {LeftOut} lost */
  async ended(manifest, texts, lost) {
    this.#know(manifest, this.sender);
    this.texts = texts;
    this.loses(notesOf(lost, manifest.files));
    await this.#receive(lost);
    this.state = "done";
    this.folded = true;
    this.changed();
  }

  /** What is known of it since an earlier page, before its sender is there. @param {Manifest} manifest */
  knows(manifest) {
    this.#know(manifest, this.sender);
  }

  /** @param {Manifest} manifest @param {string} sender */
  #know(manifest, sender) {
    this.manifest = manifest;
    this.title = shown(manifest.name, 80);
    this.files = manifest.files.length;
    this.size = manifest.contentSize;
    this.text = manifest.entries.every((entry) => entry.kind === "text");
    this.sender = shown(sender, 40) || this.sender;
  }

  /** @param {LeftOut} lost */
  async #receive(lost) {
    this.leftOut = lost;
    this.received = (await this.#sink?.received?.(new Set(lost.map(([file]) => file)))) ?? [];
  }

  /** @param {LeftOut} lost */
  async #arrived(lost) {
    if (this.#forgotten) return; // the person has deleted it before the sender was told
    if (this.#session?.manifest) this.#know(this.#session.manifest, this.sender);
    await this.#receive(lost);
    await this.#how.arrived(this);
  }

  async #finish() {
    try {
      await this.#how.save(this);
      this.state = "done";
      this.fresh = true;
      for (const peer of this.peers.values()) Object.assign(peer, { verified: true, rate: 0 });
      this.changed();
    } catch (error) {
      this.#over(ours(error));
    }
  }

  /** @param {Manifest} manifest @param {string} sender @returns {Promise<KeepingSink | null>} */
  async #ask(manifest, sender) {
    this.#know(manifest, sender);
    this.ways = await ways(manifest);
    // What was asked for by its link and writes nothing needs no second yes.
    if (this.text && !this.#how.from && this.ways.best) return this.ways.best.open(this.id);
    this.state = "offered";
    this.changed();
    return new Promise((resolve) => (this.#answer = resolve));
  }

  /** The person wants it, there. Called from a click: a picker may open. @param {Way} way */
  async accept(way) {
    const answer = this.#answer;
    if (!answer) return;
    try {
      this.#sink = await way.open(this.id);
      this.trouble = null;
      this.#answer = null;
      this.state = "waiting";
      answer(this.#sink);
    } catch (error) {
      const { name } = /** @type {Error} */ (error);
      if (name !== "AbortError") this.trouble = saidOfError(error); // a picker that was closed is no trouble
    }
    this.changed();
  }

  decline() {
    this.#answer?.(null);
    this.#answer = null;
  }

  /** It can be gone on with by `begin`. */
  async pause() {
    await this.#session?.close();
  }

  async cancel() {
    if (this.#answer) return this.decline();
    if (this.#session && !this.#session.over) await this.#session.cancel("the receiver called it off");
    await this.#how.keep(this, null);
    await this.forget();
    this.state = "ended";
    this.why = { code: "said-you-cancelled" };
    this.changed();
  }

  /** Lets go of what lies in this browser. */
  async forget() {
    this.#forgotten = true;
    await this.#sink?.free?.();
    this.#sink = null;
    this.received = [];
  }
}
