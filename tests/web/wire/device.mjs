/**
 * A browser's session without a browser, for tests/web/test_interop.py: says each event as a line of JSON.
 *
 *     device.mjs send ORIGIN OPTIONS PATH...        device.mjs receive ORIGIN OPTIONS LINK_OR_CODE FOLDER
 */

import { existsSync, openAsBlob } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseCode } from "../../../src/burrowspace/web/core/codes.js";
import { parseLink } from "../../../src/burrowspace/web/core/links.js";
import { safePaths } from "../../../src/burrowspace/web/core/names.js";
import { Server } from "../../../src/burrowspace/web/wire/server/api.js";
import { takeOver } from "../../../src/burrowspace/web/wire/rendezvous/meeting.js";
import { Receiver } from "../../../src/burrowspace/web/wire/session/receiver.js";
import { Sender } from "../../../src/burrowspace/web/wire/session/sender.js";

const tell = (event) => {
  const { manifest, ...rest } = event;
  process.stdout.write(`${JSON.stringify(rest)}\n`);
};

/** State that outlives a kill: JSON with bytes as base64. */
function journal(path) {
  const pack = (_, value) => (value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("base64") } : value);
  const unpack = (_, value) => (value?.bytes !== undefined ? Uint8Array.from(Buffer.from(value.bytes, "base64")) : value);
  let turn = Promise.resolve(); // one after the other
  return {
    keep: (state) => {
      const text = JSON.stringify(state, pack);
      return (turn = turn.then(async () => {
        if (!path) return;
        await writeFile(`${path}.new`, text); // a kill leaves the old one or the new one
        await rename(`${path}.new`, path);
      }));
    },
    read: async () => (path ? readFile(path, "utf8").then((text) => JSON.parse(text, unpack), () => null) : null),
  };
}

/** A folder as a sink, as a browser that may write into one has it. */
class FolderSink {
  constructor(folder) {
    this.folder = folder;
    this.handles = [];
  }
  async open(manifest, resumed) {
    const safe = safePaths(manifest.entries.map(({ path, kind }) => ({ path, folder: kind === "folder" })));
    this.places = [];
    for (const [at, { kind }] of manifest.entries.entries()) {
      const place = join(this.folder, ...safe[at]);
      if (kind === "folder") await mkdir(place, { recursive: true });
      else {
        await mkdir(dirname(place), { recursive: true });
        this.places.push(place);
        this.handles.push(await open(place, resumed ? "r+" : "w"));
      }
    }
  }
  async write(file, offset, content) {
    await this.handles[file].write(content, 0, content.length, offset);
  }
  async flush() {
    for (const each of this.handles) await each.sync();
  }
  async finish(lost = new Set()) {
    for (const each of this.handles) await each.close();
    for (const file of lost) await rm(this.places[file]);
    return this.places.filter((_, file) => !lost.has(file));
  }
  async abort() {
    for (const each of this.handles) await each.close();
  }
}

/** Going on, what is no longer there is not among them. */
async function items(paths) {
  if (state) paths = paths.filter((path) => path.startsWith("text:") || existsSync(path));
  return Promise.all(
    paths.map(async (path) => {
      if (path.startsWith("text:")) return { text: path.slice(5) };
      return { path: [basename(path)], blob: await openAsBlob(path), modified: (await stat(path)).mtimeMs };
    }),
  );
}

const [, , what, origin, how, ...rest] = process.argv;
const { withCode = false, suite, state: place, ...options } = JSON.parse(how);
const server = new Server(origin);
const kept = journal(place);
const state = await kept.read();

async function begun() {
  if (what === "send") {
    const things = await items(rest);
    return new Sender({ server, items: things, tell, withCode, suite, options, state, name: "a page", keep: kept.keep });
  }
  const [said, folder] = rest;
  const secret = said.includes("#") ? parseLink(said).secret : await takeOver(server, parseCode(said));
  const sink = new FolderSink(folder);
  const accept = async () => {
    if (options.thinks) await new Promise((done) => setTimeout(done, options.thinks * 1000));
    return options.decline ? null : sink;
  };
  const arrived = () => kept.keep(null);
  return new Receiver({ server, secret, byLink: said.includes("#"), accept, tell, options, name: options.name ?? "a page", state, sink, keep: kept.keep, arrived });
}

try {
  const transfer = (await begun()).begin();
  process.on("SIGTERM", () => void transfer.close());
  process.on("SIGUSR2", () => transfer.leave()); // to the server, all of it
  await transfer.done;
} catch (error) {
  tell({ event: "error", code: error.code, sentence: error.message, reason: error.fields?.reason, stack: error.stack });
}
process.exit(0);
