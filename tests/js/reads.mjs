// A program that waits for one message, then for the next, as the official suite does: node reads.mjs <ws url> <times>
// Prints a line of JSON for each time: the two messages behind CONNECT, and by which read of the connection each came.
import { WebSocket } from "ws-8.5";

const [url, times] = process.argv.slice(2);

for (let time = 0; time < Number(times); time++) {
  for (const namespace of ["", "/custom,"]) {
    const socket = new WebSocket(`${url}/socket.io/?EIO=4&transport=websocket`);
    let reads = 0;
    const next = () =>
      new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve([data, reads]), { once: true }));
    socket.on("upgrade", (answer) => answer.socket.prependListener("data", () => reads++));
    setTimeout(() => socket.terminate(), 5_000).unref();
    await next();
    socket.send(`40${namespace}`);
    const seen = [await next(), await Promise.race([next(), new Promise((resolve) => socket.on("close", resolve))])];
    console.log(JSON.stringify(seen));
    socket.terminate();
  }
}
