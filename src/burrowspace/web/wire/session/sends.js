/**
 * What a remote receiver asks of its sender, nine calls and nothing else, and what the sender's own parts see of it.
 * Twin of client/session/sends.py.
 *
 * @import { Reason } from "../../core/reasons.js"
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Layout } from "../../core/layout.js"
 * @import { Manifest } from "../../core/manifest.js"
 * @import { BurrowError } from "../../core/errors.js"
 * @import { Path } from "../../core/paths.js"
 * @import { Event } from "../events.js"
 * @import { Options } from "../options.js"
 * @import { RelaySegments } from "../relay/relay-segments.js"
 * @import { Conversation } from "../rendezvous/conversation.js"
 * @import { Server } from "../server/api.js"
 * @import { LostFiles } from "./lost-files.js"
 * @import { Running } from "./running.js"
 * @import { Serving } from "./serving.js"
 */

/**
 * @typedef {object} Sends
 * @property {(event: Event) => void} tell
 * @property {(receiver: string) => void} forget it came by a code and has gone without an answer: another code is
 *   offered
 * @property {(part: Promise<unknown>) => void} start a part of the transfer: when it fails, the transfer does
 * @property {(error: unknown) => void} fail
 * @property {(path: Path, position: number, count: number, held: number) => Promise<Bytes>} seal sealed blocks, one
 *   behind the
 *   other, for one who said that it holds `held`
 * @property {(position: number) => Promise<void>} catchUp hashes what lies before
 * @property {(digest: string) => Promise<boolean>} gave whether this one, in hex, is of everything that was sent
 * @property {() => Promise<boolean>} online whether the server answers now
 * @property {() => Reason} whyAway for a person, where it does not
 */

/** What holds for all receivers of a transfer. `words`: to compare. `alone`: nobody else is to come. `codeUsed`:
 * whoever comes by a code has come, for it works once. `lost`: what a receiver of an older version is told, once a file is
 * left out. @typedef {{words: string[], manifest: Manifest, layout: Layout, mayStore: boolean, directOnly: boolean,
 * alone: () => boolean, codeUsed: () => boolean, lost: () => BurrowError | null}} Shared */

/** The sender, as its own parts see it. `main`: the mailbox that everybody reads. `serving`: TypeError before it has
 * begun. @typedef {Running & {server: Server, secret: Bytes, transfer: Bytes, link: string, manifest: Manifest,
 * layout: Layout,   options: Options, mayStore: boolean, main: Conversation, lost: LostFiles, segments: RelaySegments, serving:
 * Serving}} Whole */

export {};
