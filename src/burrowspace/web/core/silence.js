/**
 * How long a receiver waits for a sender that cannot come back: one that reads its standard input, once it was stopped.
 * Twin of core/silence.py, held to the same walks (tests/vectors/session.json). Nobody can tell a sender that was killed
 * from one that is cut off, so it is asked a few times, then given up. Spec: docs/spec/session.md.
 */

const ASK_AT = [10, 20, 40, 80]; // s of silence: a sender that lives answers each time
const END_AT = 120; // s of silence, after which it counts as stopped

/** `ask` for a segment from what is held on. @typedef {"ask" | "end"} Act */

export class Silence {
  #since;
  #asked = 0;

  /** @param {number} now */
  constructor(now) {
    this.#since = now;
  }

  /** It has not answered once: the person hears what that may mean. */
  get warned() {
    return this.#asked > 1;
  }

  /** @param {number} now @param {number} heardAt its last word, or the last byte of its blocks @param {boolean} wanted only the
   * sender has what is missing, the person wants it, and the server answers us. Any other time is no silence of the
   * sender's. @returns {Act | null} */
  tick(now, heardAt, wanted) {
    if (!wanted || heardAt > this.#since) {
      this.#since = wanted ? heardAt : now;
      this.#asked = 0;
    }
    const silent = now - this.#since;
    if (silent >= END_AT) return "end";
    if (this.#asked >= ASK_AT.length || silent < ASK_AT[this.#asked]) return null;
    this.#asked += 1;
    return "ask";
  }
}
