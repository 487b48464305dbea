// Reads inputs for the JavaScript twins of the Python parsers, a JSON line each, and says what they make of them.
import { createInterface } from "node:readline";

const core = new URL("../../src/burrowspace/web/core/", import.meta.url);
const [codes, links, signals, names, manifest, frames, invitation, devices, pack, bytes] = await Promise.all(
  ["codes", "links", "signals", "names", "manifest", "frames", "invitation", "devices", "pack", "bytes"].map(
    (name) => import(new URL(`${name}.js`, core).href),
  ),
);
const json = (data) => JSON.parse(bytes.text(data));

/** Each takes the text of an input or its bytes, and gives what the Python twin gives. */
const TWINS = {
  code: ({ text }) => codes.formatCode(codes.parseCode(text)),
  link: ({ text }) => {
    const { server, secret } = links.parseLink(text);
    return links.formatLink(server, secret);
  },
  name: ({ text }) => ({ safe: names.safeName(text), path: names.safePath(text.split("/")), shown: names.shown(text) }),
  meeting: ({ data }) => json(codes.encodeMeeting(codes.parseMeeting(data))),
  signal: ({ data }) => json(signals.encode(signals.parseSignal(data))),
  control: ({ data }) => json(signals.encode(signals.parseControl(data))),
  device: async ({ data }) => {
    try {
      return { invited: bytes.hex(invitation.parseInvitation(data).secret) };
    } catch {
      return { introduced: (await devices.parseIntroduction(data)).public };
    }
  },
  manifest: ({ data }) => {
    const { entries, name } = manifest.Manifest.parse(data);
    const paths = names.safePaths(entries.map((each) => ({ path: each.path, folder: each.kind === "folder" })));
    return { name, entries: entries.map(({ path, kind, size, mode }) => [path, kind, size, mode]), paths };
  },
  frame: ({ data }) => {
    const found = [];
    try {
      for (const { kind, body } of new frames.Parser().feed(data)) found.push([kind, body.length]);
    } catch (error) {
      if (error.code !== "bad-request") throw error;
      return [found, true];
    }
    return [found, false];
  },
  pack: ({ text }) => {
    const { sizes, at, upto } = JSON.parse(text);
    return [...new pack.Row(sizes).pieces(at, upto)].map(({ file, offset, begin, end }) => [file, offset, begin, end]);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { target, text, base64 } = JSON.parse(line);
  const given = { text, data: base64 === undefined ? undefined : new Uint8Array(Buffer.from(base64, "base64")) };
  let said;
  try {
    said = { ok: await TWINS[target](given) };
  } catch (error) {
    if (error.name !== "BurrowError") throw error; // whoever calls a parser expects no other
    said = { no: error.code };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
