/**
 * What this page sends: the session, its link and code, and what the person may do with it.
 *
 * @import { Reason } from "../../core/reasons.js"
 * @import { Server } from "../../wire/server/api.js"
 * @import { Event } from "../../wire/events.js"
 * @import { SendState } from "../../wire/session/outgoing.js"
 * @import { Fate } from "../../wire/session/take-back.js"
 * @import { KeptTransfer } from "../../store/kept.js"
 * @import { Picked } from "../../store/picked.js"
 * @import { Said } from "../said.js"
 */

import { notesOf } from "../../core/left-out.js";
import { formatLink } from "../../core/links.js";
import { Manifest } from "../../core/manifest.js";
import { reviveItems } from "../../store/keepable.js";
import { ours } from "../../wire/runtime.js";
import { Sender } from "../../wire/session/sender.js";
import { FATES } from "../fates.js";
import { saidOf } from "../said.js";
import { Job } from "./job.js";

/**
 * @typedef {object} SendHow
 * @property {Server} server
 * @property {Picked[] | null} items null: not at hand (a page that was loaded again); the person chooses them anew
 * @property {string} origin of the link: where others reach the server
 * @property {string} name of this device
 * @property {boolean} [withCode]
 * @property {SendState | null} [state] of an earlier run
 * @property {string} [title]
 * @property {KeptTransfer} [record] what an earlier run kept
 * @property {(job: SendJob, state: SendState | null) => Promise<void>} keep
 * @property {(job: SendJob, until: number) => Promise<void>} rests ms since 1970
 */

export class SendJob extends Job {
  /** @type {"send"} */ direction = "send";
  /** @type {string | null} */ link = null;
  /** @type {string | null} */ code = null;
  /** Why the code is a new one, or there is none. @type {Said | null} */ newCode = null;
  /** There is none unless the person wants one. */ asks = false;
  /** Who was invited, by name: a device of the list. @type {string | null} */ to = null;
  /** How many may take it: null for whoever comes. @type {number | null} */ receivers = 1;
  leaving = false;

  /** @type {SendHow} */ #how;
  /** @type {Sender | null} */ #session = null;
  /** @type {SendState | null} */ #state;

  /** @param {string} id @param {SendHow} how */
  constructor(id, how) {
    super(id);
    this.#how = how;
    this.#state = how.state ?? null;
    this.title = how.title ?? "";
    addEventListener("pagehide", () => this.#session?.away());
  }

  /** Chosen again by the person, or known from the start. @returns {Picked[] | null} */
  get items() {
    return this.#how.items;
  }

  set items(items) {
    this.#how.items = items;
  }

  /** @type {Uint8Array | null} */
  get secret() {
    return this.#session?.secret ?? this.#state?.secret ?? null;
  }

  /** Finds the files of an earlier run and goes on; whether that could be done. The person may have to allow it, which a
   * browser asks only in answer to a click. @param {boolean} asked @returns {Promise<boolean>} */
  async revive(asked) {
    const { record } = this.#how;
    this.state = "paused";
    this.allowable = Boolean(record?.files);
    if (record?.files && (asked || record.files.every((each) => !("handle" in each) && !("root" in each)))) {
      const found = await reviveItems(record, this.#state?.leftOut);
      this.#how.items = found?.items ?? null;
      this.allowable = Boolean(found);
      if (this.#state) this.#state.leftOut = [...(this.#state.leftOut ?? []), ...(found?.gone ?? [])];
    }
    if (this.#how.items) this.begin();
    else this.changed();
    return Boolean(this.#how.items);
  }

  /** The files may be found again, if the person allows it. */ allowable = false;

  /** Starts, or goes on. */
  begin() {
    const { server, items, name, withCode = false, keep, rests } = this.#how;
    if (!items || (this.#session && !this.#session.over)) return;
    try {
      this.lost = [];
      this.missing = 0; // the session says it anew
      this.#session = new Sender({
        server,
        items,
        name,
        withCode: withCode && !this.to,
        title: this.title || undefined,
        options: { receivers: this.receivers },
        state: this.#state,
        keep: (state) => {
          this.#state = state;
          return keep(this, state);
        },
        rests: (until) => rests(this, until * 1000),
        tell: (event) => this.hear(event),
      });
      const { manifest } = this.#session;
      this.title = manifest.name;
      this.files = manifest.files.length;
      this.size = manifest.contentSize;
      this.text = manifest.entries.every((entry) => entry.kind === "text");
    } catch (error) {
      this.stopped(ours(error));
      return;
    }
    this.link = formatLink(this.#how.origin, this.#session.secret);
    this.state = "starting";
    this.changed();
    this.#session.begin().done.catch((error) => this.stopped(ours(error)));
  }

  /** @override @param {Event} event */
  hear(event) {
    if (event.event === "ready" || event.event === "new-code") {
      this.code = event.code;
      this.newCode = saidOf(event.reason);
      this.asks = event.asks;
      if (event.event === "new-code" && event.left) this.#gone(event.left);
      if (this.state === "starting") this.state = "waiting";
    } else if (event.event === "finished") {
      this.finished = event;
      this.state = event.resting ? "resting" : "done";
      this.fresh = true;
      this.code = null;
    }
    super.hear(event);
  }

  /** Nobody waits for this one any more: others may come. @param {string} receiver */
  #gone(receiver) {
    this.peers.delete(receiver);
    this.state = "waiting";
    this.why = null;
  }

  /** Instead of the code, or of none. @param {Reason} [reason] */
  makeCode(reason) {
    this.#session?.newCode(reason);
  }

  /** It can be gone on with by `begin`. */
  async pause() {
    await this.#session?.close();
  }

  async cancel() {
    if (this.#session && !this.#session.over) await this.#session.cancel("said-sender-cancelled");
    else await this.#how.keep(this, null);
    this.state = "ended";
    this.why = { code: "said-you-cancelled" };
    this.changed();
  }

  /** Sealed to the server now, all of it: then this page may be closed. */
  leave() {
    this.leaving = true;
    this.#session?.leave();
    this.changed();
  }

  /** It has rested on the server since an earlier page. @param {number} until ms since 1970 */
  rest(until) {
    const { leftOut = [], manifest } = this.#state ?? {};
    if (leftOut.length && manifest) this.loses(notesOf(leftOut, Manifest.parse(manifest).files));
    this.until = until;
    this.state = "resting";
  }

  /** It was asked back from the server. @param {Fate} fate */
  settle(fate) {
    this.state = "ended";
    this.why = { code: FATES[fate].words };
    this.changed();
  }

  /** @param {boolean} many whether it stays open for more than one */
  openFor(many) {
    this.receivers = many ? null : Math.max(1, [...this.peers.values()].filter((peer) => peer.id).length);
    if (this.#session) {
      const used = this.#session.codeUsed;
      this.#session.options.receivers = this.receivers;
      this.#session.changed();
      if (many && (used || this.code?.split("-").length === 3)) this.makeCode("several");
    }
    this.changed();
  }
}
