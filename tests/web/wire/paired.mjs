/**
 * A browser's known devices without a browser, for tests/web/test_interop.py: says what happens as lines of JSON.
 *
 *     paired.mjs offer ORIGIN {"state": FILE, "name": NAME}              paired.mjs code ORIGIN HOW CODE
 *     paired.mjs invite ORIGIN HOW DEVICE LINK TITLE                     paired.mjs listen ORIGIN HOW
 *     paired.mjs knock ORIGIN HOW DEVICE LINK TITLE                      paired.mjs near ORIGIN HOW
 */

import { readFile, rename, writeFile } from "node:fs/promises";
import { formatLink, parseLink } from "../../../src/burrowspace/web/core/links.js";
import { Server } from "../../../src/burrowspace/web/wire/server/api.js";
import { PairedDevices } from "../../../src/burrowspace/web/wire/rendezvous/devices.js";
import { Nearby } from "../../../src/burrowspace/web/wire/rendezvous/nearby.js";

const [, , what, origin, how, ...rest] = process.argv;
const { state: place, name } = JSON.parse(how);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const server = new Server(origin);
const state = await readFile(place, "utf8").then(JSON.parse, () => null);
const keep = async (kept) => {
  await writeFile(`${place}.new`, JSON.stringify(kept)); // whoever reads it meanwhile finds a whole one
  await rename(`${place}.new`, place);
  if (Object.keys(kept.seen ?? {}).length) tell({ event: "seen" });
};
const known = new PairedDevices({ state, keep, name, kind: "computer" });
const ends = new AbortController().signal;

try {
  if (what === "offer") {
    const device = await known.pairByOffer(server, ({ code }) => tell({ event: "ready", code }), ends);
    tell({ event: "paired", ...device });
  } else if (what === "code") {
    tell({ event: "paired", ...(await known.pairByCode(server, rest[0], ends)) });
  } else if (what === "invite") {
    const device = known.devices.find((each) => each.name === rest[0]);
    await known.invite(server, device, parseLink(rest[1]).secret, rest[2]);
    tell({ event: "invited" });
  } else if (what === "near") {
    const changed = (devices) => devices.forEach((each) => tell({ event: `sees ${each.name}`, kind: each.kind }));
    const nearby = new Nearby({ server, kind: "phone", name, state, keep, changed });
    const running = nearby.run(ends);
    running.catch((error) => tell({ event: "error", sentence: error.message, stack: error.stack }));
    for await (const { secret, name: title } of nearby.invitations(ends)) {
      tell({ event: `invited ${title}`, link: formatLink(origin, secret) });
    }
  } else if (what === "knock") {
    const changed = async (devices) => {
      const device = devices.find((each) => each.name === rest[0]);
      if (!device) return;
      await nearby.knock(device, parseLink(rest[1]).secret, rest[2]);
      tell({ event: "invited" });
    };
    const nearby = new Nearby({ server, kind: "desktop", name, state, keep, changed });
    await nearby.run(ends);
  } else {
    for await (const { secret, name: title, device } of known.invitations(server, ends)) {
      tell({ event: `invited ${title}`, link: formatLink(origin, secret), from: device.name });
    }
  }
} catch (error) {
  tell({ event: "error", code: error.code, sentence: error.message, stack: error.stack });
}
process.exit(0);
