/** What a person chose for one transfer; the paths among it are core/paths.js's `Allowed`. */

/** What a person allows. `store`: the rest may lie on the server. `receivers`: the sender has ended after so many have
 * verified; null: never. @typedef {{relayOnly?: boolean, directOnly?: boolean, store?: boolean, storeNow?: boolean,
 * receivers?: number | null,   webrtc?: boolean}} Options */

export {};
