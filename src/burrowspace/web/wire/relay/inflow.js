/**
 * The bytes of an answer, as many at a time as are wanted. Where the browser can, it writes them straight into the buffer
 * that is given away ("bring your own buffer", https://streams.spec.whatwg.org/#byob-readers).
 *
 * @import { Bytes } from "../../core/bytes.js"
 */

export class Inflow {
  /** Bytes that came. */ received = 0;
  /** @type {ReadableStreamBYOBReader | null} */ #filling = null;
  /** @type {ReadableStreamDefaultReader<Uint8Array> | null} */ #plain = null;
  /** What came with the last piece and was not wanted yet. @type {Uint8Array} */ #rest = new Uint8Array(0);

  /** @param {ReadableStream<Uint8Array>} body */
  constructor(body) {
    try {
      this.#filling = body.getReader({ mode: "byob" });
    } catch {
      this.#plain = body.getReader(); // Safari before 26.4 gives no byte streams
    }
  }

  /** The next `size` bytes, fewer where it ended; the buffer is the caller's. What `fetch` throws where the line broke.
   * @param {number} size @returns {Promise<Bytes>} */
  async take(size) {
    let buffer = new ArrayBuffer(size);
    let at = 0;
    while (at < size) {
      if (this.#filling) {
        const { done, value } = await this.#filling.read(new Uint8Array(buffer, at, size - at));
        if (value) buffer = /** @type {ArrayBuffer} */ (value.buffer); // the one that was given is detached
        at += value?.length ?? 0;
        this.received += value?.length ?? 0;
        if (done) break;
      } else {
        const got = this.#rest.length ? this.#rest : ((await this.#plain?.read())?.value ?? null);
        if (!got) break;
        if (got !== this.#rest) this.received += got.length;
        const part = Math.min(size - at, got.length);
        new Uint8Array(buffer, at).set(got.subarray(0, part));
        this.#rest = got.subarray(part);
        at += part;
      }
    }
    const came = new Uint8Array(buffer, 0, Math.min(at, buffer.byteLength));
    return at === size ? came : came.slice();
  }

  /** Passes over bytes; whether there were so many. @param {number} size */
  async skip(size) {
    for (const step = 65536; size > 0; size -= step) {
      const part = Math.min(step, size);
      if ((await this.take(part)).length < part) return false;
    }
    return true;
  }
}
