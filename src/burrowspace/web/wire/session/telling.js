/**
 * What the receiver's person is told: progress, or why there is none, as core/reports.js decides. Twin of
 * client/session/telling.py.
 *
 * @import { Staging } from "../files/staging.js"
 * @import { RemoteSender } from "./remote-sender.js"
 * @import { Routes } from "./routes.js"
 * @import { Running } from "./running.js"
 * @import { Unanswered } from "./unanswered.js"
 */

import { Meter, ToPerson, WAITS } from "../../core/reports.js";
import { offline } from "../offline.js";
import { WARNING } from "./unanswered.js";

export class Telling {
  #toPerson = new ToPerson();
  #meter = new Meter();

  /** @param {Running} running @param {RemoteSender} sender @param {Staging} staging @param {Routes} routes
   * @param {Unanswered | null} unanswered @param {string} receiver */
  constructor(running, sender, staging, routes, unanswered, receiver) {
    this.running = running;
    this.sender = sender;
    this.staging = staging;
    this.routes = routes;
    this.unanswered = unanswered;
    this.receiver = receiver;
  }

  /** Tells what is due, or looks whether the server answers. @param {number} now */
  async tick(now) {
    const { running, staging, sender, receiver } = this;
    const { using: path, movedAt, idleSince, reading } = this.routes;
    const { away, here: senderHere } = sender;
    const deciding = staging.consent.stage === "deciding";
    const { nothingLeft } = reading;
    const standing = { now, carries: path !== null, movedAt, idleSince, deciding, away, senderHere, nothingLeft };
    const [told, why = ""] = this.#toPerson.tick({ ...standing, network: !offline() }) ?? [];
    if (told === "look") this.#toPerson.looked(await sender.server.answers());
    if (told === "waiting") {
      const silent = why === WAITS && this.unanswered?.warned;
      running.tell({ event: "waiting", why: silent ? WARNING : why, receiver });
    }
    if (told === "progress" && path) {
      const done = staging.content;
      const total = staging.manifest?.contentSize ?? null;
      const rate = this.#meter.add(now, done);
      const eta = total !== null && rate > 0 ? (total - done) / rate : null;
      running.tell({ event: "progress", done, total, rate, eta, path, receiver });
    }
  }
}
