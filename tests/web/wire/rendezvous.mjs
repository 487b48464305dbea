/**
 * Numbers and mailboxes of a server, in memory, for both ends of a code; and those who sit between.
 *
 *     const world = new Rendezvous();          world.end() is what one end sees of it
 *     end.does = async (said) => { … }         is asked before each of its messages is carried on; `end.then` after
 */

import { encodeMeeting, Pake, parseMeeting } from "../../../src/burrowspace/web/core/codes.js";
import { BurrowError } from "../../../src/burrowspace/web/core/errors.js";
import { random } from "../../../src/burrowspace/web/wire/runtime.js";

export class Rendezvous {
  plates = new Map(); // number -> mailboxes claimed
  boxes = new Map(); // id -> bodies
  #next = 1;
  #waiting = new Set();

  end() {
    return new End(this);
  }

  offer() {
    const number = this.#next++;
    this.plates.set(number, []);
    return { number, token: "t" };
  }

  claim(number) {
    const claims = this.plates.get(number);
    if (!claims) throw gone();
    const mailbox = `${number}-${claims.length}`;
    this.boxes.set(mailbox, []);
    claims.push(mailbox);
    this.ring();
    return mailbox;
  }

  ring() {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** What `look` gives once it is not empty; as a server that may be asked to wait. */
  async until(look, signal) {
    for (;;) {
      if (signal?.aborted) throw signal.reason;
      const found = look();
      if (found.length) return found;
      /** @type {() => void} */ let wake = () => {};
      await new Promise((resolve) => {
        this.#waiting.add((wake = resolve));
        signal?.addEventListener("abort", wake, { once: true });
      });
      signal?.removeEventListener("abort", wake);
    }
  }
}

class End {
  said = []; // what it posted
  asked = 0; // claims
  does = async () => undefined;
  then = async () => undefined;

  constructor(world) {
    this.world = world;
    this.origin = "http://test";
  }

  async offerNameplate() {
    return this.world.offer();
  }

  async claim(number) {
    this.asked += 1;
    return this.world.claim(number);
  }

  async claims(plate, after, _wait, signal) {
    return this.world.until(() => {
      const claims = this.world.plates.get(plate.number);
      if (!claims) throw gone();
      return claims.map((mailbox, number) => ({ number, mailbox })).slice(after + 1);
    }, signal);
  }

  async letters(mailbox, after, _wait, signal) {
    const messages = await this.world.until(() => {
      const bodies = this.world.boxes.get(mailbox);
      if (!bodies) throw gone();
      return bodies.map((body, number) => ({ number, body })).slice(after + 1);
    }, signal);
    return { messages, made: "now" };
  }

  async post(mailbox, body) {
    let said = null;
    try {
      said = parseMeeting(body);
    } catch {
      // a test says nonsense
    }
    this.said.push(said);
    await this.does(said);
    const bodies = this.world.boxes.get(mailbox) ?? [];
    this.world.boxes.set(mailbox, [...bodies, body]);
    this.world.ring();
    await this.then(said);
    return bodies.length;
  }

  async removeMailbox(mailbox) {
    this.world.boxes.delete(mailbox);
    this.world.ring();
  }

  async burn(plate) {
    this.world.plates.delete(plate.number);
    this.world.ring();
  }
}

function gone() {
  return new BurrowError("missing", "it is not there", { status: 404, said: "not-found" });
}

/** Breaks the connection at the first message of this type. */
export function cuts(type) {
  return async (said) => {
    if (said?.type === type) throw new BurrowError("unreachable", "the connection broke");
  };
}

/** The same number with another word. */
export function another(code) {
  const words = [...code.words];
  words[words.length - 1] = words.at(-1) === "zebra" ? "zodiac" : "zebra";
  return { ...code, words };
}

/** Somebody who speaks by hand. */
export class Guest {
  #seen = -1;

  constructor(end, code, role = "receiver") {
    this.end = end;
    this.code = code;
    this.role = role;
  }

  async claim() {
    return this.join(await this.end.claim(this.code.nameplate));
  }

  async join(mailbox) {
    this.mailbox = mailbox;
    this.pake = await Pake.make(this.code, this.role, random(64));
    return this;
  }

  async say(said) {
    await this.end.post(this.mailbox, said instanceof Uint8Array ? said : encodeMeeting(said));
  }

  async next(type) {
    for (;;) {
      for (const { number, body } of (await this.end.letters(this.mailbox, this.#seen, 5)).messages) {
        this.#seen = number;
        const said = parseMeeting(body);
        if (said.type === type && said.role !== this.role) return said;
      }
    }
  }

  async agree() {
    await this.say(this.pake.opening);
    return this.pake.finish(await this.next("pake"));
  }

  async prove() {
    const agreed = await this.agree();
    await this.say(agreed.confirmation);
    return agreed;
  }
}
