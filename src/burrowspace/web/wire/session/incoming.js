/**
 * What whoever starts a Receiver gives it, and what it gives back to be kept.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { LeftOut } from "../../core/left-out.js"
 * @import { Manifest } from "../../core/manifest.js"
 * @import { Saved } from "../../core/taking.js"
 * @import { Event } from "../events.js"
 * @import { Sink } from "../files/staging.js"
 * @import { Options } from "../options.js"
 * @import { Server } from "../server/api.js"
 */

/** What a page must keep to go on after a reload; can be cloned into a database. `landing` is null before the person
 * said yes. @typedef {{transfer: string, receiver: string, landing: Saved | null}} ReceiveState */

/**
 * @typedef {object} Receive
 * @property {Server} server
 * @property {Bytes} secret 32 bytes, of a link or a code
 * @property {(manifest: Manifest, sender: string) => Promise<Sink | null>} accept asks the person; null: declined.
 *   After a
 *   reload it is asked again only where nothing had been accepted
 * @property {(event: Event) => void} tell
 * @property {boolean} [byLink] the secret came in a link, which is there only after its offer
 * @property {string} [name] what to call this end to the other
 * @property {Options} [options]
 * @property {ReceiveState | null} [state] of an earlier run
 * @property {Sink | null} [sink] of an earlier run, where `state.landing` is there: it holds what was flushed
 * @property {(state: ReceiveState | null) => void | Promise<void>} [keep] null: there is nothing to go on with any more
 * @property {(lost: LeftOut) => Promise<void>} [arrived] all is verified, in its place and told, but for what the sender could
 *   not send to the end: what was kept can be let go of
 */

export {};
