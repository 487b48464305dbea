/** For tests/web/test_zip.py: `zip.mjs many PATH` and `zip.mjs large`, which says parts as JSON: base64, or a hole's size. */

import { writeFileSync } from "node:fs";
import { crc32 } from "../../../src/burrowspace/web/store/crc32.js";
import { ZipParts } from "../../../src/burrowspace/web/store/zip.js";

const [, , what, path] = process.argv;
const GiB = 2 ** 30;
const utf8 = (text) => new TextEncoder().encode(text);

if (what === "many") {
  const zip = new ZipParts();
  const parts = [zip.folder(["many"])];
  for (let number = 0; number < 66_000; number++) {
    const content = utf8(`file ${number}`);
    parts.push(zip.file(["many", `grüß ${number}.txt`], content.length, Date.now(), crc32(0, content)), content);
  }
  writeFileSync(path, Buffer.concat([...parts, ...zip.end()]));
} else {
  const zip = new ZipParts();
  const say = (...parts) => parts.forEach((part) => console.log(typeof part === "number" ? part : JSON.stringify(Buffer.from(part).toString("base64"))));
  const small = utf8("behind four gibibytes");
  say(zip.begin(["stream.bin"], null, 0), 5 * GiB, zip.ended(0x12345678, 5 * GiB));
  say(zip.file(["large.bin"], 4 * GiB, 0, 0x9abcdef0), 4 * GiB);
  say(zip.begin(["a.txt"], small.length, 0), small, zip.ended(crc32(0, small), small.length));
  say(zip.file(["b.txt"], small.length, 0, crc32(0, small)), small);
  say(...zip.end());
}
