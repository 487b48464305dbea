/** For tests/web/test_zip.py: `zip.mjs many PATH`, `zip.mjs lost PATH FILES`, whose directory lacks each third of so many
 * files, and `zip.mjs large`, which says parts as JSON: base64, or a hole's size. */

import { writeFileSync } from "node:fs";
import { crc32 } from "../../../src/burrowspace/web/store/crc32.js";
import { ZipParts } from "../../../src/burrowspace/web/store/zip.js";

const [, , what, path, files] = process.argv;
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
} else if (what === "lost") {
  const zip = new ZipParts();
  const parts = [zip.folder(["top"])];
  const lost = new Set();
  for (let number = 0; number < Number(files); number++) {
    const content = utf8(`file ${number}`);
    const gone = number % 3 === 1;
    if (gone) lost.add(1 + number);
    parts.push(zip.begin(["top", `grüß ${number}.txt`], content.length, 0), gone ? content.fill(0) : content);
    parts.push(zip.ended(crc32(0, content), content.length));
  }
  const length = (rows) => rows.reduce((sum, row) => sum + row.length, 0);
  const [announced, end] = [zip.end(), zip.end(lost)];
  if (length(announced) !== length(end)) throw new Error(`${length(announced)} bytes were announced, not ${length(end)}`);
  writeFileSync(path, Buffer.concat([...parts, ...end]));
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
