/**
 * A link: where the server is, and behind the `#` the secret that no server sees; and what follows from the secret.
 * Twin of core/links.py. Spec: docs/spec/meeting.md.
 *
 * @import { Bytes } from "./bytes.js"
 */

import { base64, hex, unbase64, unhex } from "./bytes.js";
import { BurrowError } from "./errors.js";
import { cleaned, linksIn, SECRET_CHARS } from "./pasted.js";
import { derive, SECRET_BYTES } from "./sealing.js";

export const LINK_CHARS = 512; // of a link; more is refused
const HOW = "a link is an address, /r# and 43 letters and digits: https://host/r#…";
const SHAPE =
  /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?<host>\[[0-9a-f:.]+(?:%(?:25)?(?<zone>[a-z0-9_.~-]{1,32}))?\]|[a-z0-9._-]+)(?::(?<port>[0-9]{1,5}))?(?<path>(?:\/[a-z0-9_~-][a-z0-9._~-]*)*?)\/r\/?$/i;
const OF_MACHINE = /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/;
const BASE_CHARS = 100; // of the path below which a server is reached
const NOTHING = new Uint8Array(0);

/** The link for a secret on the server of this origin. @param {string} server @param {Uint8Array} secret 32 bytes */
export function formatLink(server, secret) {
  if (secret.length !== SECRET_BYTES) throw new TypeError(`a secret has ${SECRET_BYTES} bytes`);
  return `${server.replace(/\/+$/, "")}/r#${spelled(secret)}`;
}

/**
 * What a person pasted, with what stands around and in it (core/pasted.js); https where no scheme stands in front.
 * bad-link teaches.
 *
 * @param {string} text
 * @returns {{server: string, secret: Bytes}} `server` is where it is reached: an origin, and perhaps a path
 */
export function parseLink(text) {
  const all = linksIn(text);
  if (all.length > 1) bad("there is more than one link in it; give one of them", { reason: "several-links" });
  const plain = all[0] ?? cleaned(text.slice(0, LINK_CHARS + 1));
  if (plain.length > LINK_CHARS) bad(`that is too long for a link; ${HOW}`);
  const mark = plain.indexOf("#");
  if (mark < 0) bad(`the part behind the # is missing, and it is the key; ${HOW}`, { reason: "link-cut" });
  const found = SHAPE.exec(plain.slice(0, mark))?.groups;
  if (!found) return bad(`the part in front of the # is not where a BurrowSpace server is; ${HOW}`);
  const scheme = (found.scheme ?? "https").toLowerCase();
  if (scheme !== "http" && scheme !== "https") bad(`a link begins with https:// or http://; ${HOW}`);
  const port = found.port === undefined ? null : Number(found.port);
  if (port !== null && !(1 <= port && port <= 65535)) bad(`there is no such port; ${HOW}`);
  if (found.path.length > BASE_CHARS) bad(`the path in front of /r is too long; ${HOW}`);
  let host = found.host.toLowerCase();
  if (found.zone) host = `${host.split("%")[0]}%25${found.zone}]`; // RFC 6874 spells its % as %25
  return {
    server: `${scheme}://${host}${port === null ? "" : `:${port}`}${found.path}`,
    secret: parseSecret(plain.slice(mark + 1)),
  };
}

/** The secret behind a `#`. bad-link. @param {string} fragment without the # @returns {Bytes} */
export function parseSecret(fragment) {
  if (!/^[A-Za-z0-9_-]{43}$/.test(fragment)) {
    bad(`behind the # stand ${SECRET_CHARS} letters, digits, - and _; copy the whole link. ${HOW}`, { reason: "link-cut" });
  }
  try {
    return unbase64(`${fragment.replaceAll("-", "+").replaceAll("_", "/")}=`);
  } catch {
    return bad("the last character of the link is wrong; copy the whole link", { reason: "link-cut" });
  }
}

/** The mailbox of a transfer, where receivers knock; or that of one receiver (32 hex digits) alone with the sender.
 * @param {Uint8Array} secret @param {string} [receiver] */
export function mailboxId(secret, receiver) {
  if (receiver === undefined) return hex(derive(secret, NOTHING, "burrow/1 mailbox", 16));
  return hex(derive(secret, unhex(receiver), "burrow/1 mailbox receiver", 16));
}

/** 16 bytes by which a direct link with this receiver is told from others. @param {Uint8Array} secret @param {string} receiver */
export function linkTag(secret, receiver) {
  return derive(secret, unhex(receiver), "burrow/1 link tag", 16);
}

/** The key that both ends of a direct link with this receiver prove to know. @param {Uint8Array} secret @param {string} receiver */
export function linkKey(secret, receiver) {
  return derive(secret, unhex(receiver), "burrow/1 link key");
}

/**
 * Where a link leads, to a server that we call by a name of this machine alone: to the address of its network, as its
 * status says. Where it says another port, something stands in between, and that address may be a container's.
 *
 * @param {string} origin and perhaps a path @param {unknown} ip @param {unknown} port @returns {string}
 */
export function reachedByOthers(origin, ip, port) {
  const at = new URL(origin);
  const own = Number(at.port || (at.protocol === "https:" ? 443 : 80));
  if (!OF_MACHINE.test(at.hostname) || typeof ip !== "string" || OF_MACHINE.test(ip) || port !== own) return origin;
  const host = ip.includes(":") ? `[${ip.replace("%", "%25")}]` : ip;
  return `${at.protocol}//${host}:${port}${at.pathname.replace(/\/+$/, "")}`;
}

/** Whether only this very machine reaches a server of this host. @param {string} host */
export const isOfMachine = (host) => OF_MACHINE.test(host);

/** @param {Uint8Array} secret */
function spelled(secret) {
  return base64(secret).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} sentence @param {Record<string, unknown>} [fields] @returns {never} */
function bad(sentence, fields) {
  throw new BurrowError("bad-link", sentence, fields);
}
