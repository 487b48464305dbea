/**
 * What another app shared with this one: the service worker kept it (sw.js), the page takes it, once. A share has an id,
 * which the page learns only when the server has seen that no other web site posted it (docs/spec/http.md, "The web app").
 *
 * @import { Picked } from "./picked.js"
 */

import { added } from "./picked.js";

const SHARED = "burrow-shared";

/** The things of one share, in order; they are gone from there then. @param {string} id @returns {Promise<Picked[]>} */
export async function takeShared(id) {
  if (!globalThis.caches) return [];
  const cache = await caches.open(SHARED);
  const keys = (await cache.keys()).filter(({ url }) => new URL(url).pathname.split("/")[2] === id);
  keys.sort((one, other) => (one.url < other.url ? -1 : 1));
  /** @type {Picked[]} */ const items = [];
  for (const key of keys) {
    const found = await cache.match(key);
    if (!found) continue; // another tab took it
    const { headers } = found;
    const name = decodeURIComponent(headers.get("X-Name") ?? "").split(/[/\\]/).at(-1);
    if (headers.get("X-Kind") === "text") items.push({ text: await found.text() });
    else items.push({ path: [name || "file"], blob: await found.blob(), modified: Number(headers.get("X-Modified")) });
    await cache.delete(key);
  }
  return added([], items);
}
