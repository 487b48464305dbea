/**
 * A sender that reads its standard input and falls silent: it is asked, then given up, as core/silence.js decides. Twin
 * of client/session/unanswered.py.
 *
 * @import { Staging } from "../files/staging.js"
 * @import { RemoteSender } from "./remote-sender.js"
 * @import { Routes } from "./routes.js"
 * @import { Running } from "./running.js"
 */

import { BurrowError } from "../../core/errors.js";
import { Silence } from "../../core/silence.js";
import { offline } from "../offline.js";
import { seconds } from "../runtime.js";

export const WARNING =
  "the sender does not answer; it reads its standard input, so it cannot come back if it was stopped. After two minutes of silence this ends";
const OVER =
  "the sender was silent for two minutes. It reads its standard input, which cannot be read twice, so it cannot come back if it was stopped; ask for it again";

export class Unanswered {
  #silence = new Silence(seconds());
  #reached = true; // the server, when it was last asked

  #ending = false;

  /** @param {Running} running @param {RemoteSender} sender @param {Staging} staging @param {Routes} routes */
  constructor(running, sender, staging, routes) {
    this.running = running;
    this.sender = sender;
    this.staging = staging;
    this.routes = routes;
  }

  /** The person knows what the silence may mean. */
  get warned() {
    return this.#silence.warned;
  }

  /** @param {number} now */
  tick(now) {
    const { running, sender, staging, routes } = this;
    if (this.#ending) return;
    const heardAt = routes.links.size ? now : Math.max(sender.heardAt, routes.movedAt);
    const wanted = staging.consent.stage !== "deciding" && !sender.away && this.#reached && !offline();
    this.#reached = true;
    for (const act of this.#silence.tick(now, heardAt, wanted)) {
      if (act === "ask") running.start(sender.say({ type: "ask-relay", held: staging.held }));
      else if (act === "end") running.start(this.#end());
    }
  }

  /** gone, unless it is we who are cut off. */
  async #end() {
    this.#ending = true;
    this.#reached = await this.sender.server.answers();
    this.#ending = false;
    if (this.#reached) throw new BurrowError("gone", OVER);
  }
}
