/**
 * The rival: BurrowSpace's connect, signal and relay on npm `socket.io` with `bufferutil`, and nothing else.
 *
 * Written as one would write it for production: WebSocket only, no compression, the upgrade request dropped from memory
 * (https://socket.io/docs/v4/memory-usage/), messages routed through a Map. It keeps no files and knows no users' devices
 * beyond their ids, and it acks a chunk as soon as it has passed it on: both are in its favour.
 *
 * BURROW_HOST and BURROW_PORT say where it listens.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "socket.io";

const QUEUE_LIMIT = 64 << 20; // bytes held for a receiver that is away, per session

/** @type {Map<string, { userId: string, socket: import("socket.io").Socket | null, awaited: Set<Session> }>} */
const peers = new Map();
/** @typedef {{ id: string, sender: string, target: string, queue: object[], queued: number }} Session */
/** @type {Map<string, Session>} */
const sessions = new Map();

const isId = (value) => typeof value === "string" && value.length > 0 && value.length <= 128;
const fail = (ack, message) => ack?.({ status: "error", message });

const http = createServer((request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (request.method === "GET" && request.url === "/status") {
    return answer(200, { status: "online", connected_peers: peers.size });
  }
  if (request.method !== "POST" || request.url !== "/connect") return answer(404, { error: "not found" });
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    let userId;
    try {
      userId = JSON.parse(Buffer.concat(parts).toString()).user_id;
    } catch {
      return answer(400, { error: "the body is not JSON" });
    }
    if (!isId(userId)) return answer(400, { error: "user_id is missing" });
    const peerId = randomUUID();
    peers.set(peerId, { userId, socket: null, awaited: new Set() });
    return answer(200, { status: "connected", peer_id: peerId });
  });
});

const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});

io.engine.on("connection", (raw) => {
  raw.request = null;
});

io.on("connection", (socket) => {
  let own = null; // the peer id this socket speaks for

  socket.on("register_socket", (data, ack) => {
    const peer = peers.get(data?.peer_id);
    if (!peer) return fail(ack, "unknown peer");
    own = data.peer_id;
    peer.socket = socket;
    ack?.({ status: "success" });
    for (const session of peer.awaited) {
      for (const chunk of session.queue) socket.emit("relay_chunk", chunk);
      session.queue = [];
      session.queued = 0;
    }
    peer.awaited.clear();
  });

  socket.on("peer_signal", (data, ack) => {
    if (!isId(data?.target_peer_id) || data.signal === undefined) return fail(ack, "target_peer_id and signal are needed");
    if (data.sender_peer_id !== own) return fail(ack, "sender_peer_id is not yours");
    const target = peers.get(data.target_peer_id);
    if (!target) return fail(ack, "unknown peer");
    if (target.socket) {
      target.socket.emit("peer_signal", { sender_peer_id: own, signal: data.signal });
      return ack?.({ status: "success" });
    }
    const session = { id: randomUUID(), sender: own, target: data.target_peer_id, queue: [], queued: 0 };
    sessions.set(session.id, session);
    socket.emit("relay_initiated", { session_id: session.id, target_peer_id: session.target });
    return ack?.({ status: "relay", message: "the target has no live socket" });
  });

  socket.on("relay_chunk", (data, ack) => {
    const session = sessions.get(data?.session_id);
    if (!session || session.sender !== own) return fail(ack, "unknown session");
    const { chunk, index, total } = data;
    if (!(typeof chunk === "string" || Buffer.isBuffer(chunk)) || !Number.isInteger(index) || !Number.isInteger(total)) {
      return fail(ack, "chunk, index and total are needed");
    }
    const passed = { session_id: session.id, chunk, index, total };
    const target = peers.get(session.target);
    if (target?.socket) {
      target.socket.emit("relay_chunk", passed);
      return ack?.({ status: "success" });
    }
    if (!target || session.queued + chunk.length > QUEUE_LIMIT) return fail(ack, "the receiver is away");
    session.queue.push(passed);
    session.queued += chunk.length;
    target.awaited.add(session);
    return ack?.({ status: "queued", message: "the receiver is away" });
  });

  socket.on("disconnect", () => {
    const peer = peers.get(own);
    if (peer?.socket !== socket) return;
    peer.socket = null;
    for (const [id, session] of sessions) if (session.sender === own) sessions.delete(id);
    io.emit("peer_disconnected", { peer_id: own });
  });
});

process.on("SIGTERM", () => process.exit(0));
http.listen(Number(process.env.BURROW_PORT), process.env.BURROW_HOST ?? "127.0.0.1", 4096);
