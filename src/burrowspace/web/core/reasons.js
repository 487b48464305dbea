/**
 * Why a transfer stands where it stands: a code for programs and catalogues, and the sentence that the terminal has for
 * it (client/ in Python says the same). An event carries both. A page shows words of its own for the code.
 */

/** @satisfies {Record<string, string>} */
const SENTENCES = {
  // nothing moves
  offline: "this device is offline; it goes on when the network is back",
  online: "the network is back",
  away: "the server cannot be reached; still trying",
  ailing: "the server cannot work at the moment; still trying",
  waits: "waiting for the sender",
  "not-begun": "the sender has not begun yet",
  "sender-left": "the sender has left, and nothing of it rests on the server (any more); it goes on when they are back",
  "sender-silent":
    "the sender does not answer; it reads its standard input, so it cannot come back if it was stopped. After two minutes of silence this ends",
  silent:
    "the sender was silent for two minutes. It reads its standard input, which cannot be read twice, so it cannot come back if it was stopped; ask for it again",
  deciding: "the receiver is deciding",
  "receiver-away": "the receiver is away; it goes on when it is back",
  storing: "the receiver has gone; the rest goes to the server, sealed",
  uploading: "nobody is here yet; it goes to the server, sealed, and rests there",
  slow: "the line to the server is slow; nothing more has arrived there yet",
  refused: "the server takes no more of it; it goes on another way",
  "no-relay": "the server gives no way for it now; it is asked again",
  // why a code is a new one, or there is none
  "wrong-try": "somebody tried a wrong code, so the old one no longer works",
  "cut-try": "the connection broke while the code was being checked, so the old one no longer works",
  expired: "the code's time is up",
  enough: "three codes were tried and failed, so no new one is made by itself",
  "no-code": "the server has no short code left to give; the link works all the same",
  "code-used": "the code was used; it works for one person",
  left: "the receiver left without taking it, and their code is used up",
  several: "several people may use the code now, so it is a longer one",
  asked: "you asked for a new code",
};

/** @typedef {keyof typeof SENTENCES} Reason */

export const REASONS = Object.freeze(SENTENCES);

/** What the other side says when it ends a transfer, a sentence of its program's, and its code here.
 * @type {Readonly<Record<string, string>>} */
const ENDS = Object.freeze({
  "everybody who was to have it has it": "used-link",
  "the sender called it off": "sender-cancelled",
  "the sender took it back": "took-back",
});

/** The same by the code of the error that ended it. @type {Readonly<Record<string, string>>} */
const ENDED_BY = Object.freeze({
  "changed": "sender-files",
});

/** Why the sender has ended it, by its code or its own words. @param {string} said @param {string} [code] */
export function whyEnded(said, code = "") {
  if (Object.hasOwn(ENDED_BY, code)) return ENDED_BY[code];
  return Object.hasOwn(ENDS, said) ? ENDS[said] : "sender-ended";
}
