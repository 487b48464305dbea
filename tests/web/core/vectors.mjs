/** What tests/vectors holds, and the counted entropy of scripts/make_vectors.py. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export const WEB = new URL("../../../src/burrowspace/web/", import.meta.url);
export const held = (name) => JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));
export const bytes = (digits) => Uint8Array.from(Buffer.from(digits, "hex"));
export const digits = (data) => Buffer.from(data).toString("hex");
export const sha256 = (data) => createHash("sha256").update(data).digest("hex");

export function counted(name, size, skip = 0) {
  let blocks = Buffer.alloc(0);
  for (let count = 0; blocks.length < skip + size; count++) {
    const hash = createHash("sha256").update(`burrow/1 vectors ${name} ${count}`).digest();
    blocks = Buffer.concat([blocks, hash]);
  }
  return Uint8Array.from(blocks.subarray(skip, skip + size));
}

export function pattern(size) {
  return Uint8Array.from({ length: size }, (_, at) => at % 251);
}

export const code = (expected) => (error) => error.code === expected;
