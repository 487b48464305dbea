/**
 * What the words of a receiver mean to its sender: which run of its program is heard, and what its book makes of each.
 * Words come in, the acts of receiver-book.js come out. No clock, no mailbox, no link. Twin of core/receiver_words.py,
 * held to the same walks (tests/vectors/session.json). Specs: docs/spec/session.md, docs/spec/signalling.md.
 *
 * @import { Act, ReceiverBook } from "./receiver-book.js"
 * @import { Control, Hello, Signal } from "./signals.js"
 */

const EARLY = 64; // words that may come before their hello

/** Which run of a receiver's program is heard: the one that said hello last. What another one says is history, or its
 * hello is still on its way. @template Word */
export class Runs {
  /** @type {{run: string, word: Word}[]} */ #early = [];

  /** @param {string} run */
  constructor(run) {
    this.run = run;
  }

  /** @param {string} run @param {Word} word */
  hears(run, word) {
    if (run === this.run) return true;
    this.#early.push({ run, word });
    if (this.#early.length > EARLY) this.#early.shift();
    return false;
  }

  /** A hello; what this run said before it. @param {string} run @returns {Word[]} */
  begins(run) {
    this.run = run;
    const early = this.#early.filter((each) => each.run === run).map(({ word }) => word);
    this.#early = [];
    return early;
  }
}

export class ReceiverWords {
  /** It asked for a segment, from this block on. */ asked = 0;
  /** The one that it verified. */ digest = "";
  /** A sentence, once it is over. */ why = "";
  /** The code of that. */ reason = "";
  #name = "";
  /** @type {ReceiverBook} */ #book;
  /** @type {Runs<Signal>} */ #runs;
  #directOnly;

  /** @param {ReceiverBook} book @param {string} run that of its program which said hello first @param {boolean} directOnly
   * nothing goes through the server */
  constructor(book, run, directOnly) {
    this.#book = book;
    this.#runs = new Runs(run);
    this.#directOnly = directOnly;
  }

  /** All that it said to an earlier run of the sender: nothing of that is to be answered any more.
   * @param {Signal[]} said @returns {Act[]} */
  recalls(said) {
    const acts = said.flatMap((signal) => this.#history(signal));
    this.#book.recalled(said.at(-1)?.type === "bye");
    return acts;
  }

  /** It is here (again); and what this run said before, which is to be heard now. @param {number} now @param {string} run
   * @param {Hello} hello @returns {[Act[], Signal[]]} */
  hello(now, run, hello) {
    this.#name = hello.name;
    return [this.#book.hello(now, hello.held), this.#runs.begins(run)];
  }

  /** null: it says where it is reached. @param {number} now @param {string} run @param {Signal} signal
   * @param {boolean | null} rests its segment does; null: it has none @param {boolean} byCode it came by a code that works
   * once @returns {Act[] | null} */
  hears(now, run, signal, rests, byCode) {
    if (!this.#runs.hears(run, signal)) return this.#history(signal);
    this.#book.heard(now);
    switch (signal.type) {
      case "ask-relay":
        if (this.#directOnly) return this.#history(signal);
        this.asked = signal.held;
        return this.#book.asks(signal.held);
      case "progress":
        return this.#book.progress(now, signal.held, rests);
      case "decline":
        this.why = `${this.#name || "the receiver"} declined it`;
        this.reason = this.#name ? "declined-by" : "declined";
        return this.#book.declines();
      case "cancel":
        return this.#cancels(signal.why);
      case "bye":
        return this.#book.leaves(byCode);
      case "candidates":
      case "sdp":
      case "ice":
        return null;
      default:
        return this.#history(signal);
    }
  }

  /** The same, said on a link. @param {number} now @param {Control} control @returns {Act[]} */
  controls(now, control) {
    this.#book.heard(now);
    return control.type === "cancel" ? this.#cancels(control.why) : this.#history(control);
  }

  /** Its digest with ours. @param {boolean} same @returns {Act[]} */
  compared(same) {
    if (!same) {
      this.why = "the receiver verified something else than what was sent; send it again";
      this.reason = "other-digest";
    }
    return this.#book.compared(same);
  }

  /** @param {string} why */
  #cancels(why) {
    this.why = `the receiver called it off: ${why}`;
    this.reason = "receiver-cancelled";
    return this.#book.ends();
  }

  /** What counts, whichever run said it: what it holds, and what its person decided. @param {Signal | Control} said
   * @returns {Act[]} */
  #history(said) {
    if (said.type === "ask-relay" || said.type === "progress" || said.type === "held") this.#book.holds(said.held);
    else if (said.type === "accept") return this.#book.accepts(said.held);
    else if (said.type === "decline") this.#book.person.declines();
    else if (said.type === "verified") {
      this.digest = said.digest;
      return this.#book.verifies();
    }
    return [];
  }
}
