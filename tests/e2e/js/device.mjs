// One device of the published app: npm's socket.io-client over WebSocket, and fetch, with no authentication header.
// A test writes one command a line (JSON) to stdin and reads answers and events, one a line, from stdout. File bytes
// never pass there: they go from and to files. Ends when stdin does.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { createReadStream, createWriteStream, openAsBlob, openSync, writeSync, closeSync, readSync, fstatSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import net from "node:net";

const require = createRequire(new URL("../../js/package.json", import.meta.url));
const { io } = require("socket.io-client");

let base = "";
let peer = "";
let socket = null;
let sink = null; // where relay chunks go; without one they are told as events
let listener = null;
const stopped = new Set(); // sessions whose stream is to end
const wakes = {}; // and how to tell it

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const plain = (value) =>
  Buffer.isBuffer(value)
    ? { $bytes: value.toString("base64") }
    : Array.isArray(value)
      ? value.map(plain)
      : value && typeof value === "object"
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
        : value;
const revive = (value) =>
  value && typeof value === "object" && typeof value.$bytes === "string"
    ? Buffer.from(value.$bytes, "base64")
    : Array.isArray(value)
      ? value.map(revive)
      : value && typeof value === "object"
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]))
        : value;

async function call(method, path, body) {
  const answer = await fetch(base + path, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

// Where relay chunks are put together: by their index, whatever comes twice is dropped.
class Sink {
  constructor({ path, size, chunk }) {
    this.file = openSync(path, "w");
    this.size = size;
    this.chunk = chunk;
    this.total = Math.ceil(size / chunk);
    this.seen = new Uint8Array(this.total);
    this.report = { first: 0, again: 0, disorder: 0, binary: 0, text: 0 };
    this.next = 0;
    this.done = new Promise((resolve) => (this.finish = resolve));
    this.marks = [];
  }

  take({ chunk, index }) {
    const report = this.report;
    typeof chunk === "string" ? report.text++ : report.binary++;
    if (this.seen[index]) {
      report.again++;
      return;
    }
    if (index !== this.next) report.disorder++; // a first arrival that leaves a gap, or fills one
    this.next = index + 1;
    this.seen[index] = 1;
    report.first++;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, "base64") : chunk;
    writeSync(this.file, bytes, 0, bytes.length, index * this.chunk);
    this.marks = this.marks.filter(([count, resolve]) => report.first < count || resolve());
    if (report.first === this.total) {
      closeSync(this.file);
      this.finish();
    }
  }

  reached(count) {
    return new Promise((resolve) => (this.report.first >= count ? resolve() : this.marks.push([count, resolve])));
  }
}

// What a stream's chunk holds; the same as in test_kill9.py.
const synthetic = (session, index) => `${session}:${index}:` + "x".repeat((index * 7919) % 8000);

const moment = () => new Promise((resolve) => setTimeout(resolve, 1));
// Whether emitted events wait in this process; an app that reads a large file does not read it all into them.
const full = () => socket.io.engine.writeBuffer.length > 16 || socket.io.engine.transport.ws?.bufferedAmount > 4 << 20;

// Sends `from` up to `to`, at most `window` of them unanswered. When the socket dies, what has no answer is sent
// again in order once it is back; an answer that is neither success nor queued ends it.
async function acked(session, from, to, window, read, told) {
  let base = from;
  let next = from;
  const answered = new Set();
  let life = 0;
  let wake = () => {};
  const changed = () => {
    life++;
    next = base;
    while (answered.has(next)) next++;
    wake();
  };
  socket.on("disconnect", changed);
  socket.on("connect", changed);
  try {
    while (base < to && !stopped.has(session)) {
      if (!socket.connected || next >= to || next - base >= window) {
        await new Promise((resolve) => (wake = wakes[session] = resolve));
        continue;
      }
      const index = next++;
      while (answered.has(next)) next++;
      const mine = life;
      socket.emit("relay_chunk", read(index), (answer) => {
        if (mine !== life) return;
        told(index, answer.status);
        if (answer.status !== "success" && answer.status !== "queued") to = base;
        answered.add(index);
        while (answered.delete(base)) base++;
        wake();
      });
    }
  } finally {
    socket.off("disconnect", changed);
    socket.off("connect", changed);
  }
}

const commands = {
  // The app's start: a peer of the user, a socket, and its registration each time the socket (re)connects.
  async arrive({ url, user, known, options, late }) {
    base = url;
    peer = known ?? (await call("POST", "/connect", { user_id: user })).body.peer_id;
    if (!late) await commands.open({ options });
    return peer;
  },

  async open({ options, quiet }) {
    socket = io(base, { transports: ["websocket"], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100, ...options });
    socket.onAny((event, data) => (sink && event === "relay_chunk" ? sink.take(data) : say({ event, data: plain(data) })));
    socket.on("disconnect", (reason) => say({ event: "$disconnect", data: reason }));
    await new Promise((resolve) => {
      socket.on("connect", async () => {
        if (quiet) {
          // as the app does it: nothing waits for an acknowledgement, and more follows at once
          socket.emit("register_socket", { peer_id: peer });
          for (const [event, data] of quiet) socket.emit(event, revive(data));
          resolve();
          return;
        }
        try {
          const answer = await socket.timeout(10_000).emitWithAck("register_socket", { peer_id: peer });
          say({ event: "$registered", data: answer });
          resolve();
        } catch {} // the socket died first; the next connect tries again
      });
    });
  },

  call: ({ method, path, body }) => call(method, path, body),

  async emit({ event, data }) {
    socket.emit(event, revive(data));
  },

  async ask({ event, data, ms }) {
    return plain(await socket.timeout(ms ?? 10_000).emitWithAck(event, revive(data)));
  },

  // A file through a relay session: `window` chunks at once with acknowledgements, or none of them asked for (0).
  async send_chunks({ session, path, chunk, as, window, first, last, tell }) {
    const file = openSync(path, "r");
    const size = fstatSync(file).size;
    const total = Math.ceil(size / chunk);
    const tally = {};
    const read = (index) => {
      const bytes = Buffer.allocUnsafe(Math.min(chunk, size - index * chunk));
      readSync(file, bytes, 0, bytes.length, index * chunk);
      return { session_id: session, chunk: as === "base64" ? bytes.toString("base64") : bytes, index, total };
    };
    const from = first ?? 0;
    const to = last ?? total;
    if (!window) {
      for (let index = from; index < to; index++) {
        while (!socket.connected || full()) await moment();
        socket.emit("relay_chunk", read(index));
      }
      while (socket.io.engine.writeBuffer.length) await moment();
    } else {
      await acked(session, from, to, window, read, (index, status) => {
        tally[status] = (tally[status] ?? 0) + 1;
        if (tell) say({ event: "$acked", data: { session, index, status } });
      });
    }
    closeSync(file);
    return tally;
  },

  async receive_chunks(where) {
    sink = new Sink(where);
  },

  reached: ({ count }) => sink.reached(count),

  async received() {
    await sink.done;
    const report = sink.report;
    sink = null;
    return report;
  },

  async upload({ transfer, path, name }) {
    const form = new FormData();
    form.append("file", await openAsBlob(path), name);
    const answer = await fetch(`${base}/upload/${transfer}`, { method: "POST", body: form });
    return { status: answer.status, body: await answer.json() };
  },

  async download({ transfer, path }) {
    const answer = await fetch(`${base}/download/${transfer}`);
    if (answer.status !== 200) return { status: answer.status, body: await answer.json() };
    await pipeline(Readable.fromWeb(answer.body), createWriteStream(path));
    return { status: 200, disposition: answer.headers.get("content-disposition") };
  },

  // Endless chunks that can be checked without a file: `window` at once, each answer told, until `stop_stream`.
  async stream({ session, window }) {
    const read = (index) => ({ session_id: session, chunk: synthetic(session, index), index, total: 1 << 30 });
    await acked(session, 0, Infinity, window, read, (index, status) =>
      say({ event: "$acked", data: { session, index, status } }),
    );
  },

  async stop_stream({ session }) {
    stopped.add(session);
    wakes[session]?.();
  },

  // Chunks of such streams are checked here, and only their numbers told.
  async check_stream() {
    sink = {
      take: ({ session_id, chunk, index }) =>
        say({ event: "$chunk", data: { session: session_id, index, right: chunk === synthetic(session_id, index) } }),
    };
  },

  // The direct path: this process listens, the other connects; the server sees none of it.
  async listen({ path }) {
    const whole = new Promise((resolve, reject) => {
      listener = net.createServer((other) => pipeline(other, createWriteStream(path)).then(resolve, reject));
    });
    whole.then(() => say({ event: "$direct", data: "whole" }));
    await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
    return listener.address().port;
  },

  async send_direct({ port, path, transfer }) {
    const size = fstatSync(openSync(path, "r")).size;
    const other = net.connect(port, "127.0.0.1");
    const file = createReadStream(path, { highWaterMark: 1 << 20 });
    let sent = 0;
    let told = 0;
    const reports = [];
    file.on("data", (piece) => {
      sent += piece.length;
      const percent = (sent / size) * 100;
      if (percent - told >= 10 && percent < 100) {
        told = percent;
        reports.push(call("POST", `/update-transfer-status/${transfer}`, { status: "transferring", progress: percent }));
      }
    });
    await pipeline(file, other);
    return (await Promise.all(reports)).map((report) => report.status);
  },

  // The network goes away under the socket: no good-bye.
  async cut() {
    socket.io.engine.transport.ws._socket.destroy();
  },

  async leave() {
    socket?.disconnect();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, what, ...more } = JSON.parse(line);
  commands[what](more).then(
    (value) => say({ id, value: value ?? null }),
    (error) => say({ id, error: String(error?.stack ?? error) }),
  );
}
process.exit(0);
