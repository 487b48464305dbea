/**
 * The official client (npm `socket.io-client`) relaying one file, driven as bench/load/sio is and answering alike.
 *
 * node client.js relay PORT PEERS_FILE CHUNK_BYTES binary|base64 WINDOW CHUNKS     then on stdin: run
 *
 * SHA-256 of what was sent and of what arrived must be equal; the hashing is this process's, not the server's.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [, , , port, peersFile, chunkText, kind, windowText, chunksText] = process.argv;
const [bytes, window, chunks] = [chunkText, windowText, chunksText].map(Number);
const [from, to] = readFileSync(peersFile, "utf8").trim().split("\n");
const STALL_MS = 15_000;

setTimeout(() => process.exit(1), 600_000).unref();

async function register(peerId) {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true, reconnection: false });
  await once(socket, "connect");
  const ack = await socket.timeout(STALL_MS).emitWithAck("register_socket", { peer_id: peerId });
  if (ack.status !== "success") throw new Error(`register_socket: ${JSON.stringify(ack)}`);
  return socket;
}

const sender = await register(from);
const initiated = once(sender, "relay_initiated");
sender.emit("peer_signal", { target_peer_id: to, sender_peer_id: from, signal: { type: "offer" } });
const [{ session_id: session }] = await initiated;
const receiver = await register(to);

const block = randomBytes(bytes);
const [sentHash, gotHash] = [createHash("sha256"), createHash("sha256")];
let got = 0;
let errors = 0;
let firstError = "";
const wrong = (text) => errors++ || (firstError = text);
let moved = () => {};

receiver.on("relay_chunk", ({ session_id, chunk, index, total }) => {
  if (session_id !== session || index !== got || total !== chunks) wrong(`chunk ${got} came as ${index} of ${total}`);
  if (Buffer.isBuffer(chunk) !== (kind === "binary")) wrong(`chunk ${index} changed its kind`);
  gotHash.update(chunk);
  got++;
  moved();
});

async function run() {
  const start = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  let acked = 0;
  for (let index = 0; index < chunks; index++) {
    block.writeUInt32LE(index, 0);
    const chunk = kind === "binary" ? Buffer.from(block) : block.toString("base64");
    sentHash.update(chunk);
    sender.emit("relay_chunk", { session_id: session, chunk, index, total: chunks }, (ack) => {
      if (ack.status !== "success") wrong(`chunk ${index}: ${JSON.stringify(ack)}`);
      acked++;
      moved();
    });
    const last = index === chunks - 1;
    while (last ? Math.min(got, acked) < chunks : index + 1 - Math.min(got, acked) >= window) {
      let timer;
      const stalled = new Promise((resolve) => (timer = setTimeout(resolve, STALL_MS, true)));
      const stall = await Promise.race([new Promise((resolve) => (moved = resolve)), stalled]);
      clearTimeout(timer);
      if (stall) return wrong(`nothing moved for ${STALL_MS} ms`);
    }
  }
  if (sentHash.digest("hex") !== gotHash.digest("hex")) wrong("SHA-256 of what arrived differs");
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: Number(process.hrtime.bigint() - start) / 1e9, client_cpu_s: (user + system) / 1e6 };
}

console.log(JSON.stringify({ ready: 2, errors }));
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "run") break;
  const took = await run();
  console.log(JSON.stringify({ bytes: got * bytes, chunks: got, lost: chunks - got, ...took, errors, first_error: firstError }));
}
process.exit(0);
