/** What a person hears of the network: that it has gone, and that it is back. Not part of a page's first load. */

import { AWAY, BACK, OFFLINE } from "../core/reports.js";
import { offline } from "./offline.js";

/** For a person, where no answer comes. */
export function whyAway() {
  return offline() ? OFFLINE : AWAY;
}

/** Says once that the network has gone, and that it is back. */
export class NetworkWatch {
  #was = false;

  /** What the person is to hear, once. @returns {string | null} */
  news() {
    const was = this.#was;
    this.#was = offline();
    return this.#was === was ? null : this.#was ? OFFLINE : BACK;
  }
}
