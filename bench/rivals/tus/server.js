// @tus/server as its manual starts it: a file store in one folder.
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const [port, directory] = process.argv.slice(2);
const server = new Server({ path: "/files", datastore: new FileStore({ directory }) });
server.get("/status", (request, response) => response.end("ok"));
server.listen({ host: "127.0.0.1", port: Number(port) });
