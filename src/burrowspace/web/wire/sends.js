/**
 * What a remote receiver needs of its sender. session-send.js is one; whoever serves a receiver knows no more than this.
 * Twin of client/sends.py.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Layout } from "../core/layout.js"
 * @import { Manifest } from "../core/manifest.js"
 * @import { Path } from "../core/paths.js"
 * @import { Server } from "./api.js"
 * @import { GivingEngine } from "./engine.js"
 * @import { Event } from "./events.js"
 * @import { Legs, Stretch } from "./legs.js"
 * @import { Around, Options } from "./reach.js"
 */

/** A remote receiver, as its fellows see it.
 * @typedef {{id: string, leg: Stretch | null, close: () => void}} Served */

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
 * @property {Around} around
 * @property {GivingEngine} engine
 * @property {Legs} legs
 * @property {boolean} mayStore
 * @property {boolean} codeUsed whoever comes by a code has come: it works once
 * @property {number} again
 * @property {Map<string, Served>} takers
 * @property {() => Promise<Around>} lookAround
 * @property {() => Promise<boolean>} online
 * @property {() => Promise<string>} digest
 * @property {(position: number) => number} content
 * @property {(path: Path, size: number) => void} served
 * @property {() => void} met
 * @property {(taker: Served) => void} leftUndecided its code is used up; another one is offered
 * @property {() => void} changed
 * @property {(part: Promise<unknown>) => void} start
 * @property {(error: unknown) => void} fail
 * @property {(event: Event) => void} tell
 */

export {};
