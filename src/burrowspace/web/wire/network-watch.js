/**
 * What a person hears of the network and of the server: that it has gone, and that it is back. Not part of a page's first
 * load.
 *
 * @import { Reason } from "../core/reasons.js"
 */

import { offline } from "./offline.js";

/** For a person, where no answer comes. @param {{ailing: boolean}} server @returns {Reason} */
export function whyAway(server) {
  if (offline()) return "offline";
  return server.ailing ? "ailing" : "away";
}

/** Says once that the network or the server has gone, and that it is back. */
export class NetworkWatch {
  /** What was said. @type {Reason | null} */ #said = null;

  /** @param {{ailing: boolean}} server */
  constructor(server) {
    this.server = server;
  }

  /** What the person is to hear, once; null: the server is back. Undefined: nothing. `away`: a call found no server, and
   * there is nothing else to wait for. @param {boolean} away @returns {Reason | null | undefined} */
  news(away) {
    const said = this.#said;
    this.#said = offline() || away ? whyAway(this.server) : null;
    if (this.#said === said) return undefined;
    return said === "offline" ? (this.#said ?? "online") : this.#said;
  }
}
