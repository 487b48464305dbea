/**
 * What arrives goes straight to the person's downloads, through the service worker (sw.js): one file as itself, several
 * as a ZIP that is made on the way. Nothing is held but a few blocks: the worker asks for each piece as the download takes
 * it. A reload ends it. A browser has bytes before all is verified, but what does not verify is a failed download.
 *
 * @import { Bytes } from "../core/bytes.js"
 * @import { Manifest } from "../core/manifest.js"
 * @import { KeepingSink, Placed } from "./placing.js"
 */

import { joined } from "../core/bytes.js";
import { BurrowError } from "../core/errors.js";
import { safeName } from "../core/names.js";
import { BASE, randomId } from "../wire/runtime.js";
import { crc32 } from "./crc32.js";
import { placed } from "./placing.js";
import { ZipParts } from "./zip.js";

export const STREAMS = `${BASE.pathname}web/stream/`; // sw.js answers below it
const PIECE_BYTES = 256 * 1024;
const BEGIN_MS = 15_000; // until the browser asks for the first piece
const PING_MS = 10_000; // a browser ends a worker that hears nothing for 30 s
const FRAME_MS = 30_000; // the frame of the download stays so long behind its end

/** @implements {KeepingSink} */
export class StreamSink {
  /** @type {"stream"} */ kind = "stream";
  /** @type {null} */ kept = null;

  /** @type {ReturnType<typeof placed>} */ #placed;
  /** null: one file, as itself. @type {ZipParts | null} */ #zip;
  /** The content that comes now: index in `#placed.files`. */ #at = -1;
  #size = 0;
  #crc = 0;
  /** Not sent yet. @type {Uint8Array[]} */ #parts = [];
  #partsBytes = 0;
  #id = randomId();
  /** @type {MessagePort | null} */ #port = null;
  /** The worker wants a piece. */ #wanted = false;
  /** Pieces that may go, and the end of it: woken by the worker. @type {(() => void) | null} */ #wake = null;
  #ended = false;
  /** @type {BurrowError | null} */ #fault = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #pinging;
  /** @type {HTMLIFrameElement | null} */ #frame = null;

  /** @param {Manifest} manifest */
  constructor(manifest) {
    this.#placed = placed(manifest);
    const { files, folders } = this.#placed;
    const single = files.length === 1 && !folders.length && files[0].path.length === 1;
    this.#zip = single ? null : new ZipParts();
    this.name = single ? files[0].path[0] : safeName(`${manifest.name}.zip`);
  }

  async open() {
    const worker = await activeWorker();
    if (!worker) throw new BurrowError("error", "this browser cannot stream a download; choose another place", { reason: "no-stream" });
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = ({ data }) => this.#heard(data);
    worker.postMessage({ type: "stream", id: this.#id, name: this.name, size: this.#length() }, [port2]);
    this.#pinging = setInterval(() => void this.#ping(), PING_MS);
    const slow = setTimeout(() => this.#fail("the browser did not begin the download; allow it, or choose another place", "no-stream"), BEGIN_MS);
    await this.#until(() => this.#wanted);
    clearTimeout(slow);
    for (const path of this.#placed.folders) await this.#send(/** @type {ZipParts} */ (this.#zip).folder(path));
  }

  /** @param {number} file @param {number} _offset @param {Uint8Array} content */
  async write(file, _offset, content) {
    if (this.#fault) throw this.#fault;
    while (this.#at < 0 || this.#placed.files[this.#at].number !== file) await this.#next();
    if (this.#zip) this.#crc = crc32(this.#crc, content);
    this.#size += content.length;
    await this.#send(content);
  }

  async flush() {
    return false; // nothing of it survives
  }

  /** A ZIP has been on its way for long when it turns out which files are `lost`: they have no place in its directory. The
   * only file is a download that fails. @param {ReadonlySet<number>} [lost] */
  async finish(lost = new Set()) {
    const { files, folders } = this.#placed;
    while (this.#at < files.length) await this.#next();
    const without = new Set(files.flatMap(({ number }, index) => (lost.has(number) ? [folders.length + index] : [])));
    if (!this.#zip && without.size) {
      await this.abort();
      return [];
    }
    for (const part of this.#zip?.end(without) ?? []) await this.#send(part);
    if (this.#partsBytes) await this.#piece();
    this.#port?.postMessage({ end: true });
    await this.#until(() => this.#ended);
    this.#over();
    return [this.name];
  }

  async abort() {
    this.#port?.postMessage({ abort: true });
    this.#over();
  }

  async close() {
    if (!this.#ended) await this.abort(); // a half file is none
  }

  /** Bytes of the download; null: not known. */
  #length() {
    const { files, folders } = this.#placed;
    if (files.some(({ size }) => size === null)) return null;
    if (!this.#zip) return files[0].size;
    const zip = new ZipParts();
    for (const path of folders) zip.folder(path);
    for (const { path, size, modified } of files) {
      zip.begin(path, size, modified);
      zip.ended(0, size ?? 0);
    }
    return zip.end().reduce((sum, part) => sum + part.length, zip.size);
  }

  /** The file that comes now has ended, and the next begins. */
  async #next() {
    const { files } = this.#placed;
    const zip = this.#zip;
    if (zip && this.#at >= 0) await this.#send(zip.ended(this.#crc, this.#size));
    this.#at += 1;
    this.#size = this.#crc = 0;
    const file = files[this.#at];
    if (zip && file) await this.#send(zip.begin(file.path, file.size, file.modified));
  }

  /** @param {Uint8Array} part */
  async #send(part) {
    this.#parts.push(part);
    this.#partsBytes += part.length;
    if (this.#partsBytes >= PIECE_BYTES) await this.#piece();
  }

  async #piece() {
    await this.#until(() => this.#wanted);
    const piece = joined(...this.#parts);
    this.#parts = [];
    this.#partsBytes = 0;
    this.#wanted = false;
    this.#port?.postMessage({ piece }, [piece.buffer]);
  }

  /** @param {() => boolean} true_ */
  async #until(true_) {
    while (!true_()) {
      if (this.#fault) throw this.#fault;
      await /** @type {Promise<void>} */ (new Promise((resolve) => (this.#wake = resolve)));
    }
    if (this.#fault) throw this.#fault;
  }

  /** @param {{ready?: true, pull?: true, ended?: true, cancelled?: true}} said */
  #heard({ ready, pull, ended, cancelled }) {
    if (ready) {
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.src = `${STREAMS}${this.#id}`;
      document.body.append(frame);
      this.#frame = frame;
    }
    if (pull) this.#wanted = true;
    if (ended) this.#ended = true;
    if (cancelled && !this.#ended) this.#fail("the download was called off in the browser");
    this.#wake?.();
  }

  /** Keeps the worker awake, and hears whether it still knows of this. */
  async #ping() {
    const worker = await activeWorker();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => {
      port1.close();
      if (!data && !this.#ended) this.#fail("the browser ended the download");
    };
    worker?.postMessage({ type: "ping", id: this.#id }, [port2]);
  }

  /** @param {string} sentence @param {string} reason */
  #fail(sentence, reason = "download-ended") {
    this.#fault ??= new BurrowError("cancelled", sentence, { reason });
    clearInterval(this.#pinging);
    this.#wake?.();
  }

  #over() {
    clearInterval(this.#pinging);
    const frame = this.#frame;
    this.#frame = null;
    setTimeout(() => frame?.remove(), FRAME_MS);
    this.#fault ??= new BurrowError("cancelled", "the download has ended", { reason: "download-ended" });
    this.#wake?.();
  }
}

/** @returns {Promise<ServiceWorker | null>} */
async function activeWorker() {
  return (await navigator.serviceWorker?.getRegistration(BASE))?.active ?? null;
}
