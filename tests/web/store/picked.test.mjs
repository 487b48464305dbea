import assert from "node:assert/strict";
import { test } from "node:test";
import { zipBlob } from "../../../src/burrowspace/web/store/zip.js";
import { fromInput } from "../../../src/burrowspace/web/store/picked.js";

/** Each look at the clock finds it 50 ms later, so every file has taken too long for one task. */
function slowly(context) {
  let now = 0;
  context.mock.method(performance, "now", () => (now += 50));
}

/** How many times others were heard while `work` went on. @param {() => Promise<unknown>} work */
async function heardDuring(work) {
  let [heard, over] = [0, false];
  const hear = () => {
    heard += 1;
    if (!over) setTimeout(hear);
  };
  setTimeout(hear);
  await work();
  over = true;
  return heard;
}

const names = Array.from({ length: 20 }, (_, at) => `${at}.txt`);

test("a page that counts what was chosen tells how far it is, and others are heard meanwhile", async (context) => {
  slowly(context);
  const counted = [];
  const files = names.map((name) => ({ name, webkitRelativePath: `many/${name}`, lastModified: 1, size: 1 }));
  const heard = await heardDuring(() => fromInput(files, (n) => counted.push(n)));
  assert.deepEqual(counted, names.map((_, at) => at + 1));
  assert.ok(heard >= names.length / 2, `heard ${heard} times`);
});

test("a page that makes a ZIP of much lets others be heard meanwhile", async (context) => {
  slowly(context);
  const received = names.map((name) => ({ path: [name], size: 1, modified: 0, crc: 0, blob: async () => new Blob(["x"]) }));
  const heard = await heardDuring(() => zipBlob(received));
  assert.ok(heard >= names.length / 2, `heard ${heard} times`);
});
