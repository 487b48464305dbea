/** Loaded before a session: what core/silence.js waits for is seconds instead of minutes. */

import { register } from "node:module";

/** Runs in the loader's own thread, so it stands alone. */
async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith("/core/silence.js")) return loaded;
  const source = String(loaded.source).replace("[10, 20, 40, 80]", "[0.5, 1, 2]").replace("END_AT = 120", "END_AT = 4");
  if (!/\[0\.5.*END_AT = 4/s.test(source)) throw new Error("core/silence.js does not say how long it waits");
  return { ...loaded, source };
}

register(`data:text/javascript,${encodeURIComponent(`export ${load}`)}`);
