// The official client against a server under test: node client.mjs <url> <polling|websocket|upgrade>
// Speaks text, binary and acks both ways; prints one line of JSON with what it saw.
import { io } from "socket.io-client";

const [url, mode] = process.argv.slice(2);
const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] }[mode];
const socket = io(url, { transports, auth: { token: "t" }, reconnection: false, forceNew: true });
const custom = io(url + "/custom", { transports, reconnection: false });
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const big = Buffer.alloc(300_000, 7);
const seen = {};

setTimeout(() => {
  console.log(JSON.stringify({ ...seen, error: "timeout" }));
  process.exit(1);
}, 15_000).unref();

const auth = once(socket, "auth");
const customAuth = once(custom, "auth");
await once(socket, "connect");
if (mode === "upgrade" && socket.io.engine.transport.name !== "websocket") await once(socket.io.engine, "upgrade");
seen.transport = socket.io.engine.transport.name;
seen.auth = await auth;
seen.customAuth = await customAuth;

const back = once(socket, "message-back");
socket.emit("message", 1, "zwölf ✓", { deep: [Buffer.from([1, 2, 3])] }, null, "\ud800");
const [one, text, deep, nothing, lone] = await back;
seen.back = [one, text, hex(deep.deep[0]), nothing, lone === "\ud800"];

const acked = await socket.timeout(5_000).emitWithAck("message-with-ack", "a", Buffer.from([9, 8]), { big });
seen.ack = [acked, hex(acked)];
const all = await new Promise((resolve) => socket.emit("message-with-ack", "a", Buffer.from([9, 8]), { big }, (...args) => resolve(args)));
seen.ack = [all[0], hex(all[1]), all[2].big.length, all[2].big.every((byte) => byte === 7)];

// the server asks, the client answers
socket.on("sum", (a, b, answer) => answer(a + b, Buffer.from([a, b])));
socket.emit("ask me");
seen.asked = (await once(socket, "asked")).map((value) => (Buffer.isBuffer(value) ? hex(value) : value));

// many in a row keep their order
let next = 0;
const ordered = new Promise((resolve) => {
  socket.on("message-back", (number) => {
    if (number !== next) resolve(`expected ${next}, got ${number}`);
    if (++next === 500) resolve(true);
  });
});
for (let number = 0; number < 500; number++) socket.emit("message", number);
seen.ordered = await ordered;

const unknown = io(url + "/unknown", { transports, reconnection: false });
seen.refused = (await once(unknown, "connect_error"))[0].message;

const kicked = once(custom, "disconnect");
socket.emit("kick custom");
seen.kicked = (await kicked)[0];
const gone = once(socket, "disconnect");
socket.emit("close me");
seen.gone = (await gone)[0];
console.log(JSON.stringify(seen));
process.exit(0);
