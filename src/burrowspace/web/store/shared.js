/**
 * What another app shared with this one: the service worker kept it (sw.js), the page takes it, once.
 *
 * @import { Picked } from "./picked.js"
 */

import { added } from "./picked.js";

const SHARED = "burrow-shared";

/** Everything that waits, the oldest first; it is gone from there then. @returns {Promise<Picked[]>} */
export async function takeShared() {
  if (!globalThis.caches) return [];
  const cache = await caches.open(SHARED);
  const keys = [...(await cache.keys())].sort((one, other) => (one.url < other.url ? -1 : 1));
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
