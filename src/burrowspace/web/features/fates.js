/**
 * What became of a transfer that its sender wanted back from the server, in words.
 *
 * @import { Fate } from "../wire/session/take-back.js"
 */

/** @type {Readonly<Record<Fate, {words: string}>>} */
export const FATES = Object.freeze({
  back: { words: "fate-back" },
  taken: { words: "fate-taken" },
  lapsed: { words: "fate-lapsed" },
});
