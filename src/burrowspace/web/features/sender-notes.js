/**
 * Notes of a manifest as the page says them: what its sender did not send, or sent changed, and why. The codes are those
 * of docs/spec/manifest.md.
 *
 * @import { Note } from "../core/manifest.js"
 */

import { t } from "./words.js";

/** By the code of a note. @type {Readonly<Record<string, {words: string}>>} */
export const REASONS = Object.freeze({
  link: { words: "note-link" },
  dangling: { words: "note-dangling" },
  socket: { words: "note-socket" },
  pipe: { words: "note-pipe" },
  device: { words: "note-device" },
  odd: { words: "note-odd" },
  unreadable: { words: "note-unreadable" },
  gone: { words: "note-gone" },
  deep: { words: "note-deep" },
  endless: { words: "note-endless" },
  lost: { words: "note-lost" },
  vanished: { words: "note-vanished" },
  rewritten: { words: "note-rewritten" },
  shrank: { words: "note-shrank" },
  stale: { words: "note-stale" },
  date: { words: "note-date" },
  name: { words: "note-name" },
});

/** Why, in the person's language. A code of a later version means that it was left out. @param {Note} note */
export function reason({ why }) {
  return Object.hasOwn(REASONS, why) ? t(REASONS[why].words) : t("note-other");
}
