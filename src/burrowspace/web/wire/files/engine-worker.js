/**
 * The worker that seals, opens, hashes and sends, so that the page does not. One for each transfer; it holds either a
 * Giving with its Uploads or a Taking, and answers calls of their methods. Buffers are moved, not copied.
 *
 *     page -> worker   {id, make: "giving" | "taking", args}   {id, call: name, args}
 *     worker -> page   {id, value} or {id, error: {code, sentence, fields}}
 *
 * The page's end is engine.js.
 */

import { BurrowError } from "../../core/errors.js";
import { makeGiving, makeTaking, METHODS } from "./engines.js";

/** @type {Promise<any>} */ let made = Promise.reject(new TypeError("nothing is made yet"));
made.catch(() => undefined);

/** The buffers in an answer that may be moved. @param {any} value @returns {ArrayBuffer[]} */
function movable(value) {
  if (value instanceof Uint8Array) return value.byteLength > 4096 ? [/** @type {ArrayBuffer} */ (value.buffer)] : [];
  if (value?.content instanceof Uint8Array) return movable(value.content);
  return [];
}

/** @param {{id: number, make?: "giving" | "taking", call?: string, args: any[]}} asked */
async function answer({ id, make, call, args }) {
  try {
    let value;
    if (make) {
      made = make === "giving" ? makeGiving(args[0]) : makeTaking(args[0], args[1]);
      await made;
    } else {
      const engine = await made;
      if (!call || !Object.values(METHODS).flat().includes(call)) throw new TypeError(`there is no ${call}`);
      value = await engine[call](...args);
    }
    postMessage({ id, value }, { transfer: movable(value) });
  } catch (error) {
    const { code, message, fields } = error instanceof BurrowError ? error : new BurrowError("error", String(error));
    postMessage({ id, error: { code, sentence: message, fields } });
  }
}

addEventListener("message", ({ data }) => void answer(data));
postMessage({ ready: true });
