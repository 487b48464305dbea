/**
 * What a transfer tells whoever started it; the same words as client/events.py. Sizes are bytes, times seconds, rates
 * bytes per second. Names come from the other side: show them by names.shown, and only ever as text.
 *
 * @import { Path } from "../core/paths.js"
 * @import { Manifest, Note } from "../core/manifest.js"
 * @import { Reason } from "../core/reasons.js"
 */

/**
 * @typedef {{event: "ready", link: string, code: string | null, reason: Reason | null, why: string, asks: boolean}} Ready the
 *   sender can be found; `why`: there is no code, though you asked for one; `asks`: the session's `newCode()` makes one
 * @typedef {{event: "new-code", code: string | null, reason: Reason, why: string, burns: number, asks: boolean, left: string}} NewCode
 *   the old code no longer works, and why; null: there is no other, or only if the person asks. `burns`: how many were burnt by a
 *   failed try. `left`: the receiver who used the old one and has left; empty: nobody
 * @typedef {{event: "met", peer: string, receiver: string, words: string[]}} Met the other side is there; the same four
 *   words at both ends, or somebody sits between them
 * @typedef {{event: "offered", name: string, files: number, size: number | null, sender: string, text: boolean,
 *   manifest: Manifest}} Offered the receiver knows what is coming
 * @typedef {{event: "noted", notes: Note[], unlisted: number}} Noted files that could not be sent to the end, and why, as they
 *   are noticed; `unlisted`: how many more there are
 * @typedef {{event: "path", path: Path, peer: string, why: string, receiver: string}} PathChanged
 * @typedef {{event: "progress", done: number, total: number | null, rate: number, eta: number | null, path: Path,
 *   receiver: string, accepted?: boolean}} Progress at most ten a second for each receiver; `accepted`: of a receiver, its
 *   person has said yes
 * @typedef {{event: "waiting", reason: Reason | null, why: string, receiver: string}} Waiting nothing moves, and why
 * @typedef {{event: "declined", peer: string, why: string, receiver: string}} Declined one of several receivers has said no or
 *   called it off; the others go on
 * @typedef {{event: "resting", until: number}} Resting all of it lies sealed on the server: the sender may leave
 * @typedef {{event: "text", text: string}} Text
 * @typedef {{event: "verified", digest: string, receiver: string}} Verified both ends computed the same
 * @typedef {{event: "finished", size: number, seconds: number, firstByte: number | null, shares: Record<string, number>,
 *   verified: boolean, resting: boolean, places: string[], again: number, network: Record<string, number>, sealed: number,
 *   incomplete: boolean}} Finished the last one; `incomplete`: but for the files that were noted, whose bytes `size` does
 *   not count; `network`: sealed bytes that went or came, of use or not, `sealed`: blocks that the sender sealed
 * @typedef {Ready | NewCode | Met | Offered | Noted | PathChanged | Progress | Waiting | Declined | Resting | Text | Verified |
 *   Finished} Event
 */

export {};
