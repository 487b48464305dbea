/**
 * What a person hears of the network and of the server: that it has gone, and that it is back. Not part of a page's first
 * load.
 */

import { AWAY, BACK, OFFLINE } from "../core/reports.js";
import { AILING, offline } from "./offline.js";

/** For a person, where no answer comes. @param {{ailing: boolean}} server */
export function whyAway(server) {
  if (offline()) return OFFLINE;
  return server.ailing ? AILING : AWAY;
}

/** Says once that the network or the server has gone, and that it is back. */
export class NetworkWatch {
  /** What was said. */ #said = "";

  /** @param {{ailing: boolean}} server */
  constructor(server) {
    this.server = server;
  }

  /** What the person is to hear, once; empty: the server is back. `away`: a call found no server, and there is nothing
   * else to wait for. @param {boolean} away @returns {string | null} */
  news(away) {
    const said = this.#said;
    this.#said = offline() || away ? whyAway(this.server) : "";
    if (this.#said === said) return null;
    return said === OFFLINE ? this.#said || BACK : this.#said;
  }
}
