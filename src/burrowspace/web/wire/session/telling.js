/**
 * What the receiver's person is told: progress, or why there is none, as core/reports.js decides. Twin of
 * client/session/telling.py.
 *
 * @import { Staging } from "../files/staging.js"
 * @import { RemoteSender } from "./remote-sender.js"
 * @import { Routes } from "./routes.js"
 * @import { Running } from "./running.js"
 */

import { BurrowError } from "../../core/errors.js";
import { REASONS } from "../../core/reasons.js";
import { Meter, ToPerson } from "../../core/reports.js";
import { Silence } from "../../core/silence.js";
import { whyAway } from "../network-watch.js";
import { offline } from "../offline.js";
import { seconds } from "../runtime.js";

export class Telling {
  /** @type {ToPerson} */ #toPerson;
  #meter = new Meter();

  /** @param {Running} running @param {RemoteSender} sender @param {Staging} staging @param {Routes} routes
   * @param {string} receiver */
  constructor(running, sender, staging, routes, receiver) {
    this.running = running;
    this.sender = sender;
    this.staging = staging;
    this.routes = routes;
    this.receiver = receiver;
    // A sender that does not know the size reads its standard input.
    this.#toPerson = new ToPerson(sender.words.offer?.pack_size === null ? new Silence(seconds()) : null);
  }

  /** Tells what is due, or looks whether the server answers. gone: the sender was stopped and cannot come back.
   * @param {number} now */
  async tick(now) {
    const { running, staging, sender, receiver, routes } = this;
    const { using: path, reading, links } = routes;
    const { movedAt, idleSince } = routes.book;
    const { away } = sender;
    const { here: senderHere, heardAt } = sender.words;
    const { nothingLeft } = reading;
    const [told, reason = null] =
      this.#toPerson.tick({
        ...{ now, movedAt, idleSince, away, senderHere, nothingLeft, heardAt },
        carries: path !== null,
        deciding: staging.consent.stage === "deciding",
        network: !offline(),
        linked: links.size > 0,
      }) ?? [];
    if (told === "look") this.#toPerson.looked(await sender.server.answers());
    if (told === "waiting" && reason) running.waits(reason === "away" ? whyAway(sender.server) : reason, receiver);
    if (told === "ask") await sender.say({ type: "ask-relay", held: staging.held });
    if (told === "end" && reason) throw new BurrowError("gone", REASONS[reason], { reason });
    if (told === "progress" && path) {
      const done = staging.content;
      const total = staging.manifest?.contentSize ?? null;
      const [rate, eta] = this.#meter.add(now, done, total);
      running.tell({ event: "progress", done, total, rate, eta, path, receiver });
    }
  }
}
