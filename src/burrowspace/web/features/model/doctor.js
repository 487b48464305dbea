/**
 * What works between this page and the server, tried for real: the browser's half of `burrow doctor`. Each finding says
 * what is, and where it is not good, what to do.
 *
 * @import { Server } from "../../wire/server/api.js"
 */

import { HERE, random, seconds } from "../../wire/runtime.js";

/** `found` and `todo` are sentences of the catalogues, with `values` in their {places}.
 * @typedef {{check: string, verdict: "good" | "doubtful" | "bad", found: string, todo: string, values?: Record<string, string | number>}} Finding */

const TRIES = 5;
const SLOW_MS = 300;
const SKEW_S = 60;
const SOCKET_MS = 5000;
const GATHER_MS = 4000;
const SPEED_BYTES = 4 * 2 ** 20;
const SLOW_RATE = 500_000; // bytes per second
const SOON_S = 14 * 86400;
const LOCAL = /^(?:10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|f[cd]|fe80|::1)/i;

/** One after the other, as each is known. @param {Server} server @returns {AsyncGenerator<Finding, void>} */
export async function* examine(server) {
  yield page();
  const answer = await http(server);
  yield answer;
  if (answer.verdict === "bad") return;
  const said = await (await fetch(`${HERE}/doctor`, { cache: "no-store" })).json();
  yield* ofServer(said);
  yield await webSocket();
  yield await udp(await server.hello());
  yield await speed(server);
}

/** @returns {Finding} */
function page() {
  const check = "doctor-page";
  if (!globalThis.isSecureContext) {
    return {
      check,
      verdict: "doubtful",
      found: "doctor-page-plain",
      todo: "doctor-page-plain-do",
    };
  }
  return { check, verdict: "good", found: "doctor-page-good", todo: "" };
}

/** @param {Server} server @returns {Promise<Finding>} */
async function http(server) {
  const check = "doctor-server";
  try {
    const took = [];
    for (let tries = 0; tries < TRIES; tries++) {
      const began = seconds();
      await server.hello();
      took.push((seconds() - began) * 1000);
    }
    const ms = Math.round(took.sort((one, other) => one - other)[TRIES >> 1]);
    const slow = ms > SLOW_MS;
    const found = "doctor-server-good";
    return { check, verdict: slow ? "doubtful" : "good", found, todo: slow ? "doctor-server-slow-do" : "", values: { ms } };
  } catch {
    return { check, verdict: "bad", found: "doctor-server-bad", todo: "doctor-server-bad-do" };
  }
}

/** @param {any} said @returns {Generator<Finding, void>} */
function* ofServer(said) {
  const skew = Math.abs(Date.parse(said.time) / 1000 - Date.now() / 1000);
  if (skew > SKEW_S) {
    const values = { n: Math.round(skew) };
    yield { check: "doctor-clock", verdict: "doubtful", found: "doctor-clock-off", todo: "doctor-clock-do", values };
  }
  if (said.space !== "good") {
    const todo = "doctor-disk-do";
    yield { check: "doctor-disk", verdict: said.space === "bad" ? "bad" : "doubtful", found: "doctor-disk-full", todo };
  }
  const { state } = said.tunnel ?? {};
  if (state === "down") {
    yield { check: "doctor-tunnel", verdict: "bad", found: "doctor-tunnel-down", todo: "doctor-tunnel-do" };
  }
  const ends = said.tls?.ends ? Date.parse(said.tls.ends) / 1000 - Date.now() / 1000 : Infinity;
  if (ends < SOON_S) {
    const values = { n: Math.max(0, Math.floor(ends / 86400)) };
    yield { check: "doctor-certificate", verdict: "doubtful", found: "doctor-certificate-soon", todo: "doctor-certificate-do", values };
  }
  if (said.via?.forwarded && !said.via.believed) {
    const todo = "doctor-proxy-do";
    yield { check: "doctor-proxy", verdict: "doubtful", found: "doctor-proxy-unknown", todo };
  }
}

/** @returns {Promise<Finding>} */
function webSocket() {
  const check = "doctor-socket";
  const socket = new WebSocket(`${HERE.replace(/^http/, "ws")}/socket.io/?EIO=4&transport=websocket`);
  return new Promise((resolve) => {
    /** @param {boolean} works */
    const over = (works) => {
      clearTimeout(timer);
      socket.onmessage = socket.onerror = null;
      socket.close();
      if (works) resolve({ check, verdict: "good", found: "doctor-socket-good", todo: "" });
      else resolve({ check, verdict: "doubtful", found: "doctor-socket-bad", todo: "doctor-socket-bad-do" });
    };
    const timer = setTimeout(() => over(false), SOCKET_MS);
    socket.onmessage = () => over(true);
    socket.onerror = () => over(false);
  });
}

/** Which addresses others see: by UDP, from the STUN servers that the server names. @param {Record<string, unknown>} hello @returns {Promise<Finding>} */
async function udp(hello) {
  const check = "doctor-direct";
  if (typeof RTCPeerConnection === "undefined") {
    return { check, verdict: "doubtful", found: "doctor-direct-none", todo: "doctor-direct-none-do" };
  }
  const servers = Array.isArray(hello.ice_servers) ? hello.ice_servers : [];
  const peer = new RTCPeerConnection({ iceServers: servers });
  /** Ports that others see, by the own one. @type {Map<string, Set<number>>} */ const mapped = new Map();
  let hosts = 0;
  let relays = 0;
  try {
    peer.createDataChannel("look");
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, GATHER_MS);
      peer.onicecandidate = ({ candidate }) => {
        if (!candidate) {
          clearTimeout(timer);
          return resolve(undefined);
        }
        if (candidate.type === "host") hosts += 1;
        if (candidate.type === "relay") relays += 1;
        if (candidate.type !== "srflx" || !candidate.port) return;
        const own = `${candidate.relatedPort}`;
        mapped.set(own, (mapped.get(own) ?? new Set()).add(candidate.port));
      };
      void peer.setLocalDescription();
    });
  } finally {
    peer.close();
  }
  const near = LOCAL.test(`${hello.your_ip ?? ""}`);
  if ([...mapped.values()].some((ports) => ports.size > 1)) {
    const todo = relays ? "doctor-direct-hard-turn-do" : "doctor-direct-hard-do";
    return { check, verdict: "doubtful", found: "doctor-direct-hard", todo };
  }
  if (mapped.size) return { check, verdict: "good", found: "doctor-direct-good", todo: "" };
  if (near && hosts) return { check, verdict: "good", found: "doctor-direct-near", todo: "" };
  return {
    check,
    verdict: "doubtful",
    found: "doctor-direct-no-stun",
    todo: "doctor-direct-no-stun-do",
  };
}

/** Up and down through a spool, dropped afterwards. @param {Server} server @returns {Promise<Finding>} */
async function speed(server) {
  const check = "doctor-speed";
  const spool = await server.makeSpool(SPEED_BYTES, "rest");
  try {
    const body = new Blob(Array.from({ length: SPEED_BYTES / 65536 }, () => random(65536)));
    const headers = { authorization: `Bearer ${spool.token}`, "tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream" };
    let began = seconds();
    const sent = await fetch(`${HERE}/upload/${spool.id}`, { method: "PATCH", headers, body });
    const up = SPEED_BYTES / (seconds() - began);
    if (!sent.ok) {
      return { check, verdict: "bad", found: "doctor-speed-bad", todo: "doctor-speed-bad-do" };
    }
    began = seconds();
    await (await fetch(`${HERE}/download/${spool.id}`, { cache: "no-store" })).arrayBuffer();
    const down = SPEED_BYTES / (seconds() - began);
    const slow = Math.min(up, down) < SLOW_RATE;
    const todo = slow ? "doctor-speed-slow-do" : "";
    return { check, verdict: slow ? "doubtful" : "good", found: "doctor-speed-good", todo, values: { up, down } };
  } finally {
    await server.dropSpool(spool).catch(() => undefined); // it expires by itself
  }
}
