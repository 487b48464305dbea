/**
 * What is needed once something is sent or received, loaded when the first transfer begins: a page that only looks is
 * half as large without it.
 */

export { spent } from "../../store/spent-codes.js";
export { parseCode } from "../../core/codes.js";
export { takeOver } from "../../wire/rendezvous/meeting.js";
export { Keeping } from "./keeping.js";
