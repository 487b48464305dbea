/**
 * What whoever starts a Sender gives it, and what it gives back to be kept.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { LeftOut } from "../../core/left-out.js"
 * @import { Suite } from "../../core/sealing.js"
 * @import { Event } from "../events.js"
 * @import { Item } from "../../core/items.js"
 * @import { Options } from "../options.js"
 * @import { KeptSegment } from "../relay/relay-segment.js"
 * @import { Server } from "../server/api.js"
 */

/** What a page must keep to go on after a reload, beside the same items; can be cloned into a database. `burns`: codes
 * that were burnt. `leftOut`: files that could not be read to the end, and stay left out. @typedef {{secret: Bytes,
 * transfer: Bytes, manifest: Bytes, legs: KeptSegment[], burns?: number, leftOut?: LeftOut}} SendState */

/**
 * @typedef {object} Send
 * @property {Server} server
 * @property {Item[]} items
 * @property {(event: Event) => void} tell
 * @property {string} [title] what to call it to a person; default: the first file's or folder's name
 * @property {string} [name] what to call this end
 * @property {boolean} [withCode] offer a code, too
 * @property {Options} [options] `receivers`: default 1
 * @property {Suite} [suite] default: what this page does best
 * @property {SendState | null} [state] of an earlier run with the same items; changed, where they are others
 * @property {(state: SendState | null) => void | Promise<void>} [keep] null: there is nothing to go on with any more
 * @property {(until: number) => Promise<void>} [rests] all of it rests on the server until then, s since 1970; written
 *   down before it is said
 */

export {};
