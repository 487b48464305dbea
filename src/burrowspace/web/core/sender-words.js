/**
 * What the words of a sender mean to its receiver: what it offers, which segments it has, whether anything comes. Words
 * come in, what to do about them comes out. No clock, no mailbox, no link. Twin of core/sender_words.py, held to the same
 * walks (tests/vectors/session.json). Specs: docs/spec/session.md, docs/spec/signalling.md.
 *
 * @import { Offer, Signal } from "./signals.js"
 */

import { Announced } from "./segments.js";

/** What the driver does next. `offered`: there is an offer now. `came`: its program has begun again, say hello once more.
 * `other`: it offers something else than before, end. `look` at its segments. `cancelled`: for good, `over` says why.
 * `left`: its program has ended, and may come back. `reach`: it says where it is reached.
 * @typedef {"offered" | "came" | "other" | "look" | "cancelled" | "left" | "reach"} Act */

export class SenderWords {
  /** The last one. @type {Offer | null} */ offer = null;
  /** Its segments. */ announced = new Announced();
  /** Its program runs. */ here = true;
  /** Why nothing comes any more. @type {string | null} */ over = null;
  /** The code of that; empty: it gave none. */ code = "";
  #run = ""; // of its program

  /** @param {number} now */
  constructor(now) {
    this.heardAt = now; // when it said something last
  }

  /** It said so to an earlier run of ours: its segments count, and where it was reached is history.
   * @param {Signal} signal */
  recalls(signal) {
    this.#segment(signal);
  }

  /** @param {number} now @param {string} run @param {Signal} signal @returns {Act[]} */
  hears(now, run, signal) {
    this.heardAt = now;
    if (signal.type === "offer") return this.#offers(run, signal);
    if (this.#segment(signal)) return ["look"];
    if (signal.type === "cancel") {
      this.over = signal.why;
      this.code = signal.code ?? "";
      return ["cancelled"];
    }
    if (signal.type !== "bye") return ["reach"];
    if (run !== this.#run) return [];
    this.here = false;
    return ["left"];
  }

  /** @param {string} run @param {Offer} offer @returns {Act[]} */
  #offers(run, offer) {
    if (this.offer && offer.transfer !== this.offer.transfer) return ["other"];
    const again = this.offer !== null && run !== this.#run;
    this.offer = offer;
    this.#run = run;
    this.here = true;
    if (!again) return ["offered"];
    this.announced.anew(); // of what it wrote live it says once more what goes on
    return ["offered", "came"];
  }

  /** @param {Signal} signal */
  #segment(signal) {
    if (signal.type === "leg") this.announced.begins(signal.spool, signal.first, signal.suite, signal.resting);
    else if (signal.type === "leg-end") this.announced.ends(signal.spool, signal.upto);
    return signal.type === "leg" || signal.type === "leg-end";
  }
}
