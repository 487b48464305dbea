/**
 * A sender takes back what it left to rest on the server: whoever comes is told, the sealed bytes go. It needs what the
 * sending wrote down: the secret, and the tokens of its segments. Spec: docs/spec/paths.md.
 *
 * @import { Bytes } from "../../core/bytes.js"
 * @import { Server } from "../server/api.js"
 * @import { KeptSegment } from "../relay/relay-segment.js"
 */

import { BurrowError } from "../../core/errors.js";
import { mailboxId } from "../../core/links.js";
import { ours } from "../runtime.js";
import { Conversation } from "../rendezvous/conversation.js";

const PATIENCE_S = 30;
const RECEIVERS = 200; // receivers of one transfer

/** back: nobody had it, and nobody can have it now. taken: somebody had verified all of it; nobody else can have it
 * now. lapsed: nothing of it was there any more. @typedef {"back" | "taken" | "lapsed"} Fate */

/** unreachable: nothing may have happened yet, it can be tried again; refused.
 * @param {Server} server @param {Bytes} secret @param {KeptSegment[]} segments @returns {Promise<Fate>} */
export async function takeBack(server, secret, segments) {
  const there = await Promise.all(segments.map((segment) => wasThere(server.spool(segment.spool.id))));
  const ends = AbortSignal.timeout(PATIENCE_S * 1000);
  const session = Conversation.session();
  const main = new Conversation(server, secret, mailboxId(secret), "sender", session, ends);
  try {
    const told = await wasThere(main.say({ type: "cancel", why: "the sender took it back" })); // its mailbox
    for (const segment of segments) await server.dropSpool(segment.spool);
    // Looked for last: who has verified it by now had it before it went.
    if (told && (await someTook(main, (id) => new Conversation(server, secret, id, "sender", session, ends), secret))) return "taken";
  } catch (error) {
    throw ends.aborted ? new BurrowError("unreachable", `${server.origin} cannot be reached`) : error;
  }
  return there.includes(true) ? "back" : "lapsed";
}

/** Whether what it asks for was there. @param {Promise<unknown>} call */
async function wasThere(call) {
  try {
    await call;
    return true;
  } catch (error) {
    if (ours(error).code === "missing") return false;
    throw error;
  }
}

/** @param {Conversation} main @param {(mailbox: string) => Conversation} open @param {Bytes} secret */
async function someTook(main, open, secret) {
  /** @type {Set<string>} */ const receivers = new Set();
  for (const { signal } of await main.soFar()) {
    if (signal.type === "hello" && receivers.size < RECEIVERS) receivers.add(signal.receiver);
  }
  for (const receiver of receivers) {
    const said = await open(mailboxId(secret, receiver)).soFar();
    if (said.some(({ signal }) => signal.type === "verified")) return true;
  }
  return false;
}
