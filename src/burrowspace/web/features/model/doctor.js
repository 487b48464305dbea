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
  const check = "This page";
  if (!globalThis.isSecureContext) {
    return {
      check,
      verdict: "doubtful",
      found: "It came over plain http: the browser withholds its ciphers, its storage and the screen lock.",
      todo: "Open it over https: on the server, burrow serve --tls self-signed, or a proxy such as Caddy.",
    };
  }
  return { check, verdict: "good", found: "It is protected, and the browser gives it all that it needs.", todo: "" };
}

/** @param {Server} server @returns {Promise<Finding>} */
async function http(server) {
  const check = "Server";
  try {
    const took = [];
    for (let tries = 0; tries < TRIES; tries++) {
      const began = seconds();
      await server.hello();
      took.push((seconds() - began) * 1000);
    }
    const ms = Math.round(took.sort((one, other) => one - other)[TRIES >> 1]);
    const slow = ms > SLOW_MS;
    const found = "It answers in {ms} ms.";
    return { check, verdict: slow ? "doubtful" : "good", found, todo: slow ? "The way there is long or busy; transfers begin late." : "", values: { ms } };
  } catch {
    return { check, verdict: "bad", found: "It does not answer.", todo: "Is it running, and are you online? The server's own look: burrow doctor --host." };
  }
}

/** @param {any} said @returns {Generator<Finding, void>} */
function* ofServer(said) {
  const skew = Math.abs(Date.parse(said.time) / 1000 - Date.now() / 1000);
  if (skew > SKEW_S) {
    const values = { n: Math.round(skew) };
    yield { check: "Clock", verdict: "doubtful", found: "Your clock and the server's are {n} seconds apart.", todo: "Set the wrong one right: times that are shown are off.", values };
  }
  if (said.space !== "good") {
    const todo = "Its operator frees some space; until then little can rest there.";
    yield { check: "Disk", verdict: said.space === "bad" ? "bad" : "doubtful", found: "The server's disk is nearly full.", todo };
  }
  const { state } = said.tunnel ?? {};
  if (state === "down") {
    yield { check: "Tunnel", verdict: "bad", found: "The tunnel to the outside is down.", todo: "On the server, burrow doctor --host says why." };
  }
  const ends = said.tls?.ends ? Date.parse(said.tls.ends) / 1000 - Date.now() / 1000 : Infinity;
  if (ends < SOON_S) {
    const values = { n: Math.max(0, Math.floor(ends / 86400)) };
    yield { check: "Certificate", verdict: "doubtful", found: "The server's certificate ends in {n} days.", todo: "Its operator renews it.", values };
  }
  if (said.via?.forwarded && !said.via.believed) {
    const todo = "Its operator names the proxy in BURROW_TRUSTED_PROXIES; until then all behind it count as one.";
    yield { check: "Proxy", verdict: "doubtful", found: "There is a proxy before the server that it does not trust.", todo };
  }
}

/** @returns {Promise<Finding>} */
function webSocket() {
  const check = "WebSocket";
  const socket = new WebSocket(`${HERE.replace(/^http/, "ws")}/socket.io/?EIO=4&transport=websocket`);
  return new Promise((resolve) => {
    /** @param {boolean} works */
    const over = (works) => {
      clearTimeout(timer);
      socket.onmessage = socket.onerror = null;
      socket.close();
      if (works) resolve({ check, verdict: "good", found: "It opens: the published app can use this server from here.", todo: "" });
      else resolve({ check, verdict: "doubtful", found: "It does not open.", todo: "A proxy in between forbids upgrades. This page does without; the published app cannot." });
    };
    const timer = setTimeout(() => over(false), SOCKET_MS);
    socket.onmessage = () => over(true);
    socket.onerror = () => over(false);
  });
}

/** Which addresses others see: by UDP, from the STUN servers that the server names. @param {Record<string, unknown>} hello @returns {Promise<Finding>} */
async function udp(hello) {
  const check = "Direct way";
  if (typeof RTCPeerConnection === "undefined") {
    return { check, verdict: "doubtful", found: "This browser has no WebRTC.", todo: "Everything goes through the server, sealed." };
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
    const todo = relays ? "Where the server is too far, TURN helps; it answers." : "Then it goes through the server, sealed; a TURN server would help.";
    return { check, verdict: "doubtful", found: "Your network gives each destination another port: direct connections are unlikely.", todo };
  }
  if (mapped.size) return { check, verdict: "good", found: "Your network lets UDP through and keeps its ports: direct connections are likely.", todo: "" };
  if (near && hosts) return { check, verdict: "good", found: "You and the server are in one network: devices there connect directly.", todo: "" };
  return {
    check,
    verdict: "doubtful",
    found: "No STUN server answered: UDP is blocked, or none is reachable.",
    todo: "Devices of one network still connect directly; others go through the server, sealed.",
  };
}

/** Up and down through a spool, dropped afterwards. @param {Server} server @returns {Promise<Finding>} */
async function speed(server) {
  const check = "Speed";
  const spool = await server.makeSpool(SPEED_BYTES, "rest");
  try {
    const body = new Blob(Array.from({ length: SPEED_BYTES / 65536 }, () => random(65536)));
    const headers = { authorization: `Bearer ${spool.token}`, "tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream" };
    let began = seconds();
    const sent = await fetch(`${HERE}/upload/${spool.id}`, { method: "PATCH", headers, body });
    const up = SPEED_BYTES / (seconds() - began);
    if (!sent.ok) {
      return { check, verdict: "bad", found: "The server refused 4 MB.", todo: "A proxy in between may forbid large bodies: burrow doctor tells which." };
    }
    began = seconds();
    await (await fetch(`${HERE}/download/${spool.id}`, { cache: "no-store" })).arrayBuffer();
    const down = SPEED_BYTES / (seconds() - began);
    const slow = Math.min(up, down) < SLOW_RATE;
    const todo = slow ? "Your line, or the server's, is slow; a direct way is not bound to it." : "";
    return { check, verdict: slow ? "doubtful" : "good", found: "{up} to the server, {down} from it.", todo, values: { up, down } };
  } finally {
    await server.dropSpool(spool).catch(() => undefined); // it expires by itself
  }
}
