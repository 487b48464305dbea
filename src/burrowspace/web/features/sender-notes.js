/**
 * Notes of a manifest as the page says them: what its sender did not send, or sent changed, and why. The codes are those
 * of docs/spec/manifest.md.
 *
 * @import { Note } from "../core/manifest.js"
 */

import { t } from "./words.js";

/** By the code of a note. @type {Readonly<Record<string, {words: string}>>} */
export const REASONS = Object.freeze({
  link: { words: "Not sent: a symbolic link" },
  dangling: { words: "Not sent: a symbolic link to something that is not there" },
  socket: { words: "Not sent: a socket" },
  pipe: { words: "Not sent: a pipe" },
  device: { words: "Not sent: a device file" },
  odd: { words: "Not sent: neither a file nor a folder" },
  unreadable: { words: "Not sent: it could not be read" },
  gone: { words: "Not sent: it disappeared while the list was made" },
  deep: { words: "Not sent: it lies in too many folders inside each other" },
  endless: { words: "Not sent: it has no size of its own and is too long" },
  lost: { words: "Not sent: it could not be sent to the end" },
  vanished: { words: "Not sent: it disappeared while it was being sent" },
  rewritten: { words: "Not sent: it changed while it was being sent" },
  shrank: { words: "Not sent: it became shorter while it was being sent" },
  date: { words: "Sent without its date, which cannot be stored" },
  name: { words: "Sent under this name, because its own is not valid text" },
});

/** Why, in the person's language. A code of a later version means that it was left out. @param {Note} note */
export function reason({ why }) {
  return Object.hasOwn(REASONS, why) ? t(REASONS[why].words) : t("Not sent");
}
