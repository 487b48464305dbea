/**
 * What a transfer tells whoever started it; the same words as client/events.py. Sizes are bytes, times seconds, rates
 * bytes per second. Names come from the other side: show them by names.shown, and only ever as text.
 *
 * @import { Path } from "../core/paths.js"
 * @import { Manifest } from "../core/manifest.js"
 */

/**
 * @typedef {{event: "ready", link: string, code: string | null, why: string}} Ready the sender can be found; `why`: there is
 *   no code, though one was wished for
 * @typedef {{event: "new-code", code: string | null, why: string}} NewCode the old one is worth nothing any more; null: there
 *   is no other
 * @typedef {{event: "met", peer: string, receiver: string, words: string[]}} Met the other side is there; the same four
 *   words at both ends, or somebody sits between them
 * @typedef {{event: "offered", name: string, files: number, size: number | null, sender: string, text: boolean,
 *   manifest: Manifest}} Offered the receiver knows what is coming
 * @typedef {{event: "path", path: Path, peer: string, why: string, receiver: string}} PathChanged
 * @typedef {{event: "progress", done: number, total: number | null, rate: number, eta: number | null, path: Path,
 *   receiver: string}} Progress at most ten a second for each receiver
 * @typedef {{event: "waiting", why: string, receiver: string}} Waiting nothing moves, and why
 * @typedef {{event: "resting", until: number}} Resting all of it lies sealed on the server: the sender may leave
 * @typedef {{event: "text", text: string}} Text
 * @typedef {{event: "verified", digest: string, receiver: string}} Verified both ends computed the same
 * @typedef {{event: "finished", size: number, seconds: number, firstByte: number | null, shares: Record<string, number>,
 *   verified: boolean, resting: boolean, places: string[], again: number}} Finished the last one
 * @typedef {Ready | NewCode | Met | Offered | PathChanged | Progress | Waiting | Resting | Text | Verified | Finished} Event
 */

export {};
