/** The service worker, from the page's side: registers it where there may be one, and lets a new one in when nothing runs. */

import { trusted } from "../wire/trusted.js";
import { anyHeld } from "./hold.js";
import { BASE } from "../wire/runtime.js";

const LOOK_MS = 3_600_000; // between two looks for a new version

/**
 * null: this browser, or this address, has none. `busy`: a transfer runs in this page; those of other tabs are known by
 * `hold`. `updated`: the files of a new version are there for the next load.
 *
 * @param {{busy?: () => boolean, updated?: () => void}} [how]
 * @returns {Promise<ServiceWorkerRegistration | null>}
 */
export async function registerWorker({ busy = () => false, updated = () => undefined } = {}) {
  const container = globalThis.isSecureContext ? navigator.serviceWorker : undefined;
  if (!container) return null;
  const url = /** @type {URL} */ (trusted(new URL("../sw.js", `${BASE.href}web/`)));
  /** @type {ServiceWorkerRegistration} */ let registration;
  try {
    registration = await container.register(url, { scope: BASE.pathname, updateViaCache: "none" });
  } catch (error) {
    console.warn("no service worker here:", error); // a private window, a setting: the app works without
    return null;
  }
  if (!registration) return null; // where something blocks workers without an error
  const first = !container.controller;
  let claimed = first;
  container.addEventListener("controllerchange", () => {
    if (!claimed) updated();
    claimed = false; // the first one only takes the page over
  });
  const letIn = async () => {
    if (registration.waiting && registration.active && !busy() && !(await anyHeld())) {
      registration.waiting.postMessage({ type: "activate" });
    }
  };
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", () => void letIn());
  });
  setInterval(() => void registration.update().then(letIn, () => undefined), LOOK_MS); // without a network: later
  await letIn();
  const { active } = await container.ready;
  if (first) active?.postMessage({ type: "keep", urls: [location.origin + location.pathname, ...loaded()] });
  return registration;
}

/** What this page has loaded of the app so far. */
function loaded() {
  return performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.startsWith(BASE.href));
}
