/**
 * What became of a transfer that its sender wanted back from the server, in words.
 *
 * @import { Fate } from "../wire/session/take-back.js"
 */

/** @type {Readonly<Record<Fate, {words: string}>>} */
export const FATES = Object.freeze({
  back: { words: "You took it back: nobody can receive it any more." },
  taken: { words: "Somebody had taken it already; nobody else can any more." },
  lapsed: { words: "It was not on the server any more: its time was up, or it was taken back before." },
});
