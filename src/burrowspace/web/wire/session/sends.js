/**
 * What a remote receiver needs of its sender. sender.js is one; whoever serves a receiver knows no more than this.
 * Twin of client/session/sends.py.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Layout } from "../../core/layout.js"
 * @import { Manifest } from "../../core/manifest.js"
 * @import { Path } from "../../core/paths.js"
 * @import { Server } from "../server/api.js"
 * @import { GivingEngine } from "../files/engine.js"
 * @import { Event } from "../events.js"
 * @import { RelaySegments, RelaySegment } from "../relay/relay-segments.js"
 * @import { Outside } from "../links/reach.js"
 * @import { Options } from "../options.js"
 */

/** A remote receiver, as its fellows see it.
 * @typedef {{id: string, segment: RelaySegment | null, close: () => void}} Served */

/**
 * @typedef {object} Sends
 * @property {Server} server
 * @property {Bytes} secret
 * @property {Bytes} transfer
 * @property {Bytes} session
 * @property {AbortSignal} ends
 * @property {Options} options
 * @property {Manifest} manifest
 * @property {Layout} layout
 * @property {Outside} around
 * @property {GivingEngine} engine
 * @property {RelaySegments} segments
 * @property {boolean} mayStore
 * @property {boolean} codeUsed whoever comes by a code has come: it works once
 * @property {number} again
 * @property {Map<string, Served>} receivers
 * @property {() => Promise<Outside>} lookAround
 * @property {() => Promise<boolean>} online
 * @property {() => Promise<string>} digest
 * @property {(position: number) => number} content
 * @property {(path: Path, size: number) => void} served
 * @property {() => void} met
 * @property {(receiver: Served) => void} leftUndecided its code is used up; another one is offered
 * @property {() => void} changed
 * @property {(part: Promise<unknown>) => void} start
 * @property {(error: unknown) => void} fail
 * @property {(event: Event) => void} tell
 */

export {};
