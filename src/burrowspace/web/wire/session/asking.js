/**
 * Asks the receiver's person, and does what core/consent.js decides. Twin of client/session/asking.py. Spec:
 * docs/spec/session.md.
 *
 * @import { Act } from "../../core/consent.js"
 * @import { Staging } from "../files/staging.js"
 * @import { Receive } from "./incoming.js"
 * @import { RemoteSender } from "./remote-sender.js"
 * @import { Running } from "./running.js"
 */

import { BurrowError } from "../../core/errors.js";

const GOODBYE_S = 15; // for the last word to reach the mailbox

export class Asking {
  /** `goOn` is called after a yes. @param {Running} running @param {Receive} how @param {RemoteSender} sender
   * @param {Staging} staging @param {() => void} goOn */
  constructor(running, how, sender, staging, goOn) {
    this.running = running;
    this.how = how;
    this.sender = sender;
    this.staging = staging;
    this.goOn = goOn;
  }

  /** cancelled: the person declined. @param {number} now */
  async tick(now) {
    const { manifest, consent } = this.staging;
    if (manifest) await this.#do([...consent.know(now), ...consent.tick(now)]);
  }

  /** @param {Act[]} acts */
  async #do(acts) {
    const { running, sender } = this;
    const { held, layout } = this.staging;
    for (const act of acts) {
      if (act === "ask") running.start(this.#ask());
      else if (act === "say-deciding") running.start(sender.say({ type: "progress", held }));
      else if (act === "say-accept") running.start(sender.say({ type: "accept", suite: layout.suite, held }));
      else if (act === "say-decline") {
        await sender.lastWords({ type: "decline", why: "declined by the receiver" }, GOODBYE_S);
      } else if (act === "close") throw new BurrowError("cancelled", "you declined it; nothing was written", { reason: "you-declined" });
      else {
        this.goOn();
        running.changed();
      }
    }
  }

  async #ask() {
    const { running, staging, sender } = this;
    const { manifest } = staging;
    if (!manifest) throw new TypeError("nothing is known yet of what comes");
    const { name, files, contentSize: size, entries } = manifest;
    const text = entries.every((each) => each.kind === "text");
    const from = sender.words.offer?.name ?? "";
    running.tell({ event: "offered", name, files: files.length, size, sender: from, text, manifest });
    const sink = await this.how.accept(manifest, from);
    await this.#do(sink ? await staging.accept(sink) : staging.consent.answer(false));
  }
}
