/**
 * The service worker, of the whole site: the app without a network, downloads that are made as they go, and what other
 * apps share with this one. A classic script that imports nothing, so every browser runs it; registered by
 * store/worker-registration.js.
 *
 *     the shell    `/`, `/r`, `/web/…`: from the network, else as it was last seen. What names its version (`/web/@…/`) never
 *                  changes: from here, so that a page from before an upgrade goes on with its own modules. No list of files,
 *                  so none can drift
 *     a stream     `/web/stream/ID`: a download that a page writes (store/sink-stream.js), a piece whenever one is wanted
 *     a share      `POST /share`, kept in a cache until store/shared.js takes it; the server says whether it may: a browser
 *                  tells the server which site a form came from, and does not tell a service worker
 *
 * Everything else is not its business: no call of the API passes it. A new one waits until no transfer runs.
 */

(() => {
  const SHELL = "burrow-shell";
  const SHARED = "burrow-shared";
  const worker = /** @type {any} */ (globalThis);
  const BASE = new URL("./", worker.location.href).pathname; // a proxy may have put a path in front
  const STREAMS = `${BASE}web/stream/`;
  const VERSION = new RegExp(`^${BASE}web/@(\\w+)/`);
  const VERSIONS_MOST = 2; // that are kept: of the page, and of one that was opened before an upgrade
  const AHEAD_BYTES = 2 ** 20; // that a stream has ready for the browser
  const SHARED_MS = 600_000; // what no page took in that time is thrown away

  /** Downloads that a page has announced. @type {Map<string, {name: string, size: number | null, port: MessagePort, begun: boolean}>} */
  const streams = new Map();

  // Where the browser knows routes, a page's calls of the API do not even wake this worker. So a page that goes can still
  // say so: by way of a worker, most such requests die with the page. A worker's own calls come here all the same.
  worker.addEventListener("install", (/** @type {any} */ event) => {
    const own = ["", "r", "web/*", "share"].map((path) => BASE + path).map((pathname) => ({ urlPattern: { pathname } }));
    const routed = event.addRoutes?.({ condition: { not: { or: own } }, source: "network" });
    event.waitUntil(Promise.resolve(routed).catch(() => undefined)); // an older browser: all of them pass it
  });

  worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

  worker.addEventListener("fetch", (/** @type {any} */ event) => {
    /** @type {Request} */ const request = event.request;
    const url = new URL(request.url);
    if (url.origin !== worker.location.origin) return;
    if (request.method === "POST" && url.pathname === `${BASE}share`) event.respondWith(shared(request));
    else if (request.method === "PATCH") makeRoom();
    else if (request.method !== "GET") return;
    else if (url.pathname.startsWith(STREAMS)) event.respondWith(stream(url.pathname.slice(STREAMS.length)));
    else if (ofShell(url)) event.respondWith(shell(event, request, url));
  });

  worker.addEventListener("message", (/** @type {any} */ event) => {
    const { type, id, name, size, urls } = event.data ?? {};
    const [port] = event.ports;
    if (type === "activate") worker.skipWaiting();
    else if (type === "keep") event.waitUntil(keep(urls));
    else if (type === "ping") port.postMessage(streams.has(id));
    else if (type === "stream") {
      streams.set(id, { name, size, port, begun: false });
      port.postMessage({ ready: true });
    }
  });

  /** A piece of a file goes by, and this worker's copy of the request keeps all its bytes in the browser's memory until the
   * garbage here is collected, which an idle heap never asks for. Memory that is only reserved does ask for it. */
  function makeRoom() {
    void new ArrayBuffer(2 ** 26);
  }

  /** @param {URL} url */
  function ofShell({ pathname }) {
    return pathname === BASE || pathname === `${BASE}r` || pathname.startsWith(`${BASE}web/`);
  }

  /** The network's, and kept; without it what was kept. @param {any} event @param {Request} request @param {URL} url */
  async function shell(event, request, url) {
    const key = url.origin + url.pathname; // a link's secret is behind `#`, which never comes here; `?shared=1` is of no matter
    const kept = VERSION.test(url.pathname) && (await caches.open(SHELL).then((cache) => cache.match(key)).catch(() => undefined));
    if (kept) return kept;
    try {
      const answer = await fetch(request);
      if (answer.ok && answer.status === 200 && !answer.redirected) {
        const copy = answer.clone();
        const put = caches.open(SHELL).then((cache) => cache.put(key, copy));
        event.waitUntil(put.then(() => tidy(url)).catch(() => undefined)); // no room, or none to be had: the next load asks the network
      }
      return answer;
    } catch (error) {
      const cache = await caches.open(SHELL);
      const found = (await cache.match(key)) ?? (request.mode === "navigate" ? await cache.match(`${url.origin}${BASE}`) : undefined);
      if (found) return found;
      throw error;
    }
  }

  /** Versions that this worker has seen. @type {Set<string>} */
  const seen = new Set();

  /** Lets go of versions that are too old, when a new one comes. @param {URL} url */
  async function tidy({ pathname }) {
    const [, version] = VERSION.exec(pathname) ?? [];
    if (!version || seen.has(version)) return;
    seen.add(version);
    const cache = await caches.open(SHELL);
    const keys = (await cache.keys()).map((request) => ({ request, version: VERSION.exec(new URL(request.url).pathname)?.[1] }));
    const versions = [...new Set(keys.map((each) => each.version).filter(Boolean))].slice(-VERSIONS_MOST); // as they came
    for (const each of keys) if (each.version && !versions.includes(each.version)) await cache.delete(each.request);
  }

  /** What a page loaded before there was a worker. @param {string[]} urls */
  async function keep(urls) {
    const cache = await caches.open(SHELL);
    for (const each of urls) {
      const url = new URL(each, worker.location.origin);
      if (url.origin !== worker.location.origin || !ofShell(url) || url.pathname.startsWith(STREAMS)) continue;
      const key = url.origin + url.pathname;
      if (await cache.match(key)) continue;
      const answer = await fetch(key).catch(() => null); // the next load keeps it
      if (answer?.status === 200 && !answer.redirected) await cache.put(key, answer);
    }
  }

  /** @param {string} id */
  function stream(id) {
    const announced = streams.get(id);
    if (!announced) return new Response("there is no such download", { status: 404 });
    if (announced.begun) return new Response("it has begun", { status: 409 });
    announced.begun = true;
    const { name, size, port } = announced;
    /** @type {() => void} */ let given = () => undefined;
    const body = new ReadableStream(
      {
        start(controller) {
          port.onmessage = ({ data: { piece, end, abort } }) => {
            if (piece) controller.enqueue(piece);
            if (end) controller.close();
            if (abort) controller.error(new Error("called off"));
            if (end || abort) streams.delete(id);
            if (end) port.postMessage({ ended: true });
            given();
          };
        },
        pull() {
          port.postMessage({ pull: true });
          return new Promise((resolve) => (given = () => resolve(undefined)));
        },
        cancel() {
          streams.delete(id);
          port.postMessage({ cancelled: true });
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: AHEAD_BYTES }),
    );
    const headers = new Headers({
      "Content-Type": "application/octet-stream",
      "Content-Disposition": disposition(name),
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": "default-src 'none'",
      "Cache-Control": "no-store",
    });
    if (size !== null) headers.set("Content-Length", String(size));
    return new Response(/** @type {ReadableStream} */ (body), { headers });
  }

  /** RFC 6266, RFC 8187; as docs/spec/names.md has it. @param {string} name */
  function disposition(name) {
    const plain = name.replace(/[^ -~]|["\\%]/gu, "_");
    if (plain === name) return `attachment; filename="${name}"`;
    const coded = encodeURIComponent(name).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
    return `attachment; filename="${plain}"; filename*=UTF-8''${coded}`;
  }

  /** What another app gives to this one. @param {Request} request */
  async function shared(request) {
    try {
      const form = await request.formData();
      const cache = await caches.open(SHARED);
      const now = Date.now();
      const id = crypto.randomUUID().replaceAll("-", ""); // nobody else can name this share
      for (const old of await cache.keys()) {
        if (now - Number(new URL(old.url).pathname.split("/")[3]) > SHARED_MS) await cache.delete(old);
      }
      let count = 0;
      /** @param {string} kind @param {Blob | string} body @param {string} name @param {number} modified */
      const put = async (kind, body, name, modified) => {
        const number = String(count++).padStart(6, "0");
        const headers = { "X-Kind": kind, "X-Name": encodeURIComponent(name.replace(/\p{Surrogate}/gu, "�")), "X-Modified": String(modified) };
        await cache.put(`/shared/${id}/${now}/${number}`, new Response(body, { headers }));
      };
      for (const value of form.values()) {
        if (typeof value !== "string") await put("file", value, value.name, value.lastModified);
      }
      const texts = ["title", "text", "url"].map((field) => form.get(field)).filter((text) => typeof text === "string" && text);
      if (texts.length) await put("text", [...new Set(texts)].join("\n"), "", now);
      return Response.redirect(`${BASE}share/${id}`, 303); // which sends it on to `?shared=<id>` of the page, unless another site's form posted it
    } catch {
      return Response.redirect(`${BASE}?shared=failed`, 303); // no room, or no form: the page says so
    }
  }
})();
