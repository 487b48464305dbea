// The page and PeerJS's own server, each on a port: `node server.mjs PAGE_PORT PEER_PORT`.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { PeerServer } from "peer";

const [, , page, peer] = process.argv.map(Number);
PeerServer({ port: peer, host: "127.0.0.1", path: "/" });
const files = {
  "/": ["page.html", "text/html"],
  "/page.js": ["page.js", "text/javascript"],
  "/peerjs.js": ["node_modules/peerjs/dist/peerjs.min.js", "text/javascript"],
};
createServer(async (request, response) => {
  const [file, type] = files[new URL(request.url, "http://x").pathname] ?? [];
  if (!file) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": type }).end(await readFile(new URL(file, import.meta.url)));
}).listen(page, "127.0.0.1");
