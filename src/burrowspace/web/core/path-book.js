/**
 * What is remembered of the paths of one transfer, so that paths.js can decide: states, rates, penalties. Twin of
 * core/path_book.py. The receiver's session writes here what happens and does what `decide` says. The clock is an
 * argument everywhere, in seconds.
 *
 * @import { Allowed, Decision, Facts, Known, Path } from "./paths.js"
 */

import { ALL, decide, DIRECT, penalty, SETTLED, UNKNOWN, WINDOW } from "./paths.js";

const SLICE = 0.1; // s: blocks of one slice are counted together

export class PathBook {
  /** @type {Omit<Facts, "now" | "paths">} */ #facts;
  /** @type {Partial<Record<Path, Known>>} */ #paths = {};
  /** How often a path was left for being slow or stalled. @type {Map<Path, number>} */ #left = new Map();
  /** Of the path in use. @type {{at: number, size: number}[]} */ #window = [];
  #paused = false;

  /** @param {number} began when the two ends had met @param {Allowed} [options] @param {readonly Path[]} [possible] */
  constructor(began, options = {}, possible = ALL) {
    this.movedAt = began; // when a byte last came
    this.idleSince = began; // when a path was last in use
    this.#facts = {
      began,
      options,
      possible,
      using: null,
      usingSince: 0,
      mark: null,
      senderPresent: true,
      mayStore: false,
    };
  }

  get using() {
    return this.#facts.using;
  }

  /** @param {Path} path @returns {Known} */
  known(path) {
    return this.#paths[path] ?? UNKNOWN;
  }

  /** @param {Path} path @param {Partial<Known>} change */
  #note(path, change) {
    this.#paths[path] = { ...this.known(path), ...change };
  }

  // what happens

  /** @param {Path} path @param {number} now */
  trying(path, now) {
    this.#note(path, { state: "trying", since: now });
  }

  /** It could carry the next block. @param {Path} path @param {number} now */
  up(path, now) {
    this.#note(path, { state: "up", since: now });
  }

  /** It could not be made, or it broke. @param {Path} path @param {number} now */
  failed(path, now) {
    const used = path === this.using && now - this.#facts.usingSince >= SETTLED;
    this.#note(path, { state: "failed", since: now, failures: used ? 1 : this.known(path).failures + 1 });
  }

  /** It was given up because it was not needed: no failure. @param {Path} path @param {number} now */
  released(path, now) {
    this.#note(path, { state: "untried", since: now });
  }

  /** So many sealed bytes came. @param {Path} path @param {number} size @param {number} now */
  carried(path, size, now) {
    this.movedAt = now;
    this.#note(path, { progressAt: now });
    if (path !== this.using) return;
    const last = this.#window.at(-1);
    if (last && now - last.at < SLICE) {
      last.at = now;
      last.size += size;
    } else {
      this.#window.push({ at: now, size });
    }
  }

  /** The sender's program began (again): all that failed is worth another try, with a new head start.
   * @param {number} now */
  senderCame(now) {
    this.sender(true);
    this.#facts.began = now;
    for (const path of /** @type {Path[]} */ ([...DIRECT, "relay"])) {
      const { state } = this.known(path);
      // The run before it was asked for the relay, and will not answer.
      if (state === "failed" || (path === "relay" && state === "trying")) this.released(path, now);
    }
  }

  /** Whether the sender announced a segment of this kind that brings the next block. One that is being read may bring
   * it all the same. @param {Path} path @param {number} now @param {boolean} there @param {boolean} reading */
  announced(path, now, there, reading) {
    const up = this.known(path).state === "up";
    if (there && !up) this.up(path, now);
    else if (up && !there && !reading) this.released(path, now);
  }

  /** Nothing may be requested now: a person is asked. That is nobody's fault. @param {number} now */
  pauses(now) {
    this.movedAt = this.idleSince = now;
    this.#paused = true;
  }

  /** Neither a stall nor a slow path. @param {number} now */
  #resume(now) {
    this.#paused = false;
    this.#facts.usingSince = now;
    this.#window = [];
    if (this.using !== null) this.#note(this.using, { progressAt: now });
  }

  /** @param {boolean} present */
  sender(present) {
    this.#facts.senderPresent = present;
  }

  /** @param {boolean} allowed */
  mayStore(allowed) {
    this.#facts.mayStore = allowed;
  }

  // what follows

  /** Everything as it stands, the rate of the path in use measured anew. @param {number} now @returns {Facts} */
  facts(now) {
    const rate = this.using === null ? null : this.#rate(now);
    if (this.using !== null && rate !== null) this.#note(this.using, { rate });
    return { ...this.#facts, now, paths: { ...this.#paths } };
  }

  /** Decides, and notes it as done: from here on `use` is in use, `start` is being tried. @param {number} now
   * @returns {Decision} */
  decide(now) {
    if (this.#paused) this.#resume(now);
    const decision = decide(this.facts(now));
    for (const each of decision.start) this.trying(each, now);
    if (decision.askRelay) this.trying("relay", now);
    for (const each of decision.stop) {
      if (this.known(each).state === "trying") this.failed(each, now);
      else this.released(each, now);
    }
    if (decision.penalise) {
      const times = (this.#left.get(decision.penalise) ?? 0) + 1;
      this.#left.set(decision.penalise, times);
      this.#note(decision.penalise, { penalisedUntil: now + penalty(times) });
    }
    if (decision.use !== this.using) this.#switch(decision, now);
    if (this.using !== null) this.idleSince = now;
    return decision;
  }

  /** @param {Decision} decision @param {number} now */
  #switch(decision, now) {
    const left = this.using === null ? null : this.known(this.using);
    // A path that stalled or broke leaves no mark: what comes after it cannot be slower than nothing.
    const mark = left && (decision.why === "better" || decision.why === "probe") ? left.rate : null;
    this.#window = [];
    if (decision.use !== null) this.#note(decision.use, { rate: null }); // what it gave in its last seconds, perhaps in a stall, says nothing now
    this.#facts = { ...this.#facts, using: decision.use, usingSince: now, mark };
  }

  /** @param {number} now */
  #rate(now) {
    if (now - this.#facts.usingSince < WINDOW) return null;
    while (this.#window.length && now - this.#window[0].at > WINDOW) this.#window.shift();
    return this.#window.reduce((sum, each) => sum + each.size, 0) / WINDOW;
  }
}
