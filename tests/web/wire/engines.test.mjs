import assert from "node:assert/strict";
import { test } from "node:test";
import { Giving } from "../../../src/burrowspace/web/core/giving.js";
import { Layout } from "../../../src/burrowspace/web/core/layout.js";
import { SUITES } from "../../../src/burrowspace/web/core/sealing.js";
import { Taking } from "../../../src/burrowspace/web/core/taking.js";
import { Staging } from "../../../src/burrowspace/web/wire/files/staging.js";
import { listed } from "../../../src/burrowspace/web/core/items.js";
import { MemorySink } from "./memory-sink.mjs";

const secret = new Uint8Array(32).fill(7);
const transfer = new Uint8Array(16).fill(9);
const code = (expected) => (error) => error.code === expected;
const noise = (size, seed) => Uint8Array.from({ length: size }, (_, at) => (at * 31 + seed * 17 + (at >> 8)) & 255);

const sizesOf = (files) => files.map(({ size }) => size);

async function both(items, suite = "A256GCM") {
  const { manifest, files } = listed(items, "things");
  const encoded = manifest.encode();
  const giving = await Giving.make({ secret, transfer, suite, manifest: encoded, files, sizes: sizesOf(files) });
  const wanted = { secret, transfer, suite, manifestSize: encoded.length, packSize: manifest.packSize };
  return { giving, wanted, layout: new Layout(suite, encoded.length, manifest.packSize), manifest };
}

function near(taking) {
  return {
    take: (position, sealed, suite) => taking.take(position, sealed, suite),
    finish: () => taking.finish(),
    save: () => taking.save(),
    close: () => undefined,
  };
}

const ITEMS = [
  { path: ["d", "empty"], blob: new Blob([]) },
  { path: ["d", "large"], blob: new Blob([noise(2 * 262144 + 77, 1)]) },
  { folder: ["d", "nothing"] },
  { text: "grüß dich" },
  { path: ["full"], blob: new Blob([noise(262144, 2)]) },
  { path: ["last"], blob: new Blob([]) },
];

async function land(giving, wanted, layout, sink, { saved, step = 1 } = {}) {
  const staging = new Staging(near(await Taking.make(wanted, saved)), layout, () => undefined);
  if (saved) await staging.resume(saved, sink);
  while (!staging.complete) {
    if (staging.manifest && !staging.consent.accepted) await staging.accept(sink);
    const from = staging.held;
    const upto = Math.min(from + step, staging.limit);
    const sealed = await giving.seal(from, upto - from);
    let at = 0;
    const taken = [];
    for (let each = from; each < upto; each++) {
      const size = layout.plainSize(each) + SUITES[layout.suite].overhead;
      taken.push(staging.take("relay", each, sealed.slice(at, (at += size))));
    }
    await Promise.all(taken);
  }
  return staging;
}

for (const suite of ["A256GCM", "XC20P"]) {
  test(`what is given is what is taken, in ${suite}, however many blocks at once`, async () => {
    for (const step of [1, 3, 100]) {
      const { giving, wanted, layout, manifest } = await both(ITEMS, suite);
      const sink = new MemorySink();
      const staging = await land(giving, wanted, layout, sink, { step });
      const { digest, texts, lost } = await staging.finish();
      assert.ok(await giving.gave(Buffer.from(digest).toString("hex")));
      assert.deepEqual([texts, lost], [["grüß dich"], []]);
      for (const [at, file] of manifest.files.entries()) {
        if (file.kind === "text") continue;
        const [sent] = ITEMS.filter((item) => item.path?.at(-1) === file.path.at(-1));
        assert.deepEqual(await sink.files[at].bytes?.() ?? new Uint8Array(await sink.files[at].arrayBuffer()), new Uint8Array(await sent.blob.arrayBuffer()));
      }
    }
  });
}

test("the end may be asked first: the digests are those of all files", async () => {
  const { giving, layout } = await both(ITEMS);
  const before = await giving.seal(layout.positions - 1, 5);
  assert.equal(before.length, layout.plainSize(layout.positions - 1) + 28);
  assert.equal((await giving.seal(layout.positions, 1)).length, 0);
  await giving.catchUp(layout.positions);
});

test("what a sink cannot make to survive now is no snapshot, and a staging that is closed lets go of it", async () => {
  const { giving, wanted, layout } = await both(ITEMS);
  const sink = new MemorySink();
  const calls = [];
  sink.flush = async (last) => calls.push(["flush", last]) > 1;
  sink.close = async () => calls.push(["close"]);
  const staging = new Staging(near(await Taking.make(wanted)), layout, () => undefined);
  await staging.take("relay", 0, await giving.seal(0, 1));
  await staging.accept(sink);
  await staging.take("relay", 1, await giving.seal(1, 1));
  assert.equal(await staging.snapshot(), null);
  assert.equal((await staging.snapshot(true)).next, 2);
  await staging.close();
  await staging.close();
  assert.deepEqual(calls, [["flush", false], ["flush", true], ["close"]]);
});

test("a staging is closed though a write waits, as for a download that the person has paused", async () => {
  const { giving, wanted, layout } = await both(ITEMS);
  const sink = new MemorySink();
  let writes = 0;
  let stop;
  const paused = new Promise((_, reject) => (stop = reject));
  sink.write = () => (writes += 1) && paused;
  sink.close = async () => stop(new Error("closed"));
  const staging = new Staging(near(await Taking.make(wanted)), layout, () => undefined);
  await staging.take("relay", 0, await giving.seal(0, 1));
  await staging.accept(sink);
  const taken = [staging.take("relay", 1, await giving.seal(1, 1)), staging.take("relay", 2, await giving.seal(2, 1))];
  const ended = Promise.allSettled(taken);
  while (!writes) await new Promise(setImmediate);
  await staging.close();
  assert.deepEqual((await ended).map(({ status }) => status), ["rejected", "rejected"]);
  assert.equal(writes, 1);
});

test("a page that is loaded again goes on from its snapshot", async () => {
  const { giving, wanted, layout } = await both(ITEMS);
  for (let upto = 2; upto <= layout.positions; upto++) {
    const sink = new MemorySink();
    const staging = new Staging(near(await Taking.make(wanted)), layout, () => undefined);
    await staging.take("relay", 0, await giving.seal(0, 1));
    await staging.accept(sink);
    for (let at = 1; at < upto; at++) await staging.take("relay", at, await giving.seal(at, 1));
    const saved = structuredClone(await staging.snapshot());
    sink.open = async () => undefined; // what it holds is what was flushed
    const { digest, texts } = await (await land(giving, wanted, layout, sink, { saved })).finish();
    assert.ok(await giving.gave(Buffer.from(digest).toString("hex")));
    assert.deepEqual(texts, ["grüß dich"]);
  }
});

test("a block that does not open is the path's fault, and what comes behind it is not used", async () => {
  const { giving, wanted, layout } = await both(ITEMS);
  const staging = new Staging(near(await Taking.make(wanted)), layout, () => undefined);
  await staging.take("relay", 0, await giving.seal(0, 1));
  await staging.accept(new MemorySink());
  const wrong = await giving.seal(1, 1);
  wrong[100] ^= 1;
  const behind = await giving.seal(2, 1);
  const taken = [staging.take("relay", 1, wrong), staging.take("relay", 2, behind)];
  const reasons = (await Promise.allSettled(taken)).map((each) => each.reason?.code);
  assert.deepEqual(reasons, ["tampered", "again"]);
  assert.deepEqual([staging.held, staging.tampered, staging.fault], [1, 1, null]);
  assert.equal(await staging.take("webrtc", 1, await giving.seal(1, 1)), 2);
  assert.equal(await staging.take("webrtc", 1, await giving.seal(1, 1)), 2);
  assert.equal(staging.again, 1);
  await assert.rejects(staging.take("webrtc", 3, await giving.seal(3, 1)), code("broken"));
});

test("a leg in another suite is taken beside a link", async () => {
  const { giving, wanted, layout, manifest } = await both(ITEMS);
  const files = listed(ITEMS).files;
  const other = await Giving.make({ secret, transfer, suite: "XC20P", manifest: manifest.encode(), files, sizes: sizesOf(files) });
  const staging = new Staging(near(await Taking.make(wanted)), layout, () => undefined);
  await staging.take("relay", 0, await other.seal(0, 1), "XC20P");
  await staging.accept(new MemorySink());
  await staging.take("webrtc", 1, await giving.seal(1, 1));
  assert.equal(await staging.take("store", 2, await other.seal(2, 1), "XC20P"), 3);
  assert.equal(staging.layout.in("XC20P").offset(1), manifest.encode().length + 40);
});

test("nothing of the contents is taken before the person said yes", async () => {
  const { giving, wanted, layout } = await both(ITEMS);
  const staging = new Staging(near(await Taking.make(wanted)), layout, () => undefined);
  await staging.take("relay", 0, await giving.seal(0, 1));
  assert.equal(staging.limit, 1);
  await assert.rejects(staging.take("relay", 1, await giving.seal(1, 1)), code("broken"));
});

test("a disk that fails ends it for every path", async () => {
  const { giving, wanted, layout } = await both(ITEMS);
  const staging = new Staging(near(await Taking.make(wanted)), layout, () => undefined);
  await staging.take("relay", 0, await giving.seal(0, 1));
  const sink = new MemorySink();
  sink.write = async () => Promise.reject(new Error("full"));
  await staging.accept(sink);
  await assert.rejects(staging.take("relay", 1, await giving.seal(1, 1)));
  assert.equal(staging.fault.sentence, "Error: full");
  await assert.rejects(staging.take("webrtc", 1, await giving.seal(1, 1)), (error) => error === staging.fault);
});

test("files that are not what the digests say are named, and nothing is put in place", async () => {
  const content = noise(1000, 3);
  let reads = 0;
  const blob = new Blob([content]);
  const liar = { size: 1000, arrayBuffer: async () => (reads++ ? noise(1000, 4).buffer : content.slice().buffer) };
  const { giving, wanted, layout } = await both([{ path: ["a"], blob: liar }]);
  await giving.catchUp(2); // hashed as it was
  const staging = await land(giving, wanted, layout, new MemorySink());
  await assert.rejects(staging.finish(), (error) => error.code === "mismatch" && error.fields.files[0] === "a");
  assert.equal(blob.size, 1000);
});

/** A file that is read `times` times, and then no more. */
function failing(content, name, times = 0) {
  const blob = new Blob([content]);
  const slice = (...range) => ({
    arrayBuffer: async () => {
      if (times-- > 0) return blob.slice(...range).arrayBuffer();
      if (name === "short") return new ArrayBuffer(1);
      throw name === "full" ? new RangeError("no memory") : new DOMException("it says so", name);
    },
  });
  return { size: blob.size, slice, ...slice() };
}

const SEEN = { NotFoundError: "vanished", NotReadableError: "stale", SecurityError: "unreadable", short: "shrank" };
const REST = [{ path: ["d", "a"], blob: new Blob([noise(300_000, 5)]) }, { path: ["d", "z"], blob: new Blob([noise(9, 6)]) }];

for (const [name, why] of Object.entries(SEEN)) {
  for (const times of [0, 2]) {
    test(`a file that cannot be read (${name}, after ${times} reads) is left out, and the rest arrives`, async () => {
      const items = [REST[0], { path: ["d", "b"], blob: failing(noise(700_000, 7), name, times) }, REST[1], { text: "said" }];
      const { giving, wanted, layout } = await both(items);
      const noted = [];
      const seal = async (...asked) => {
        for (;;) {
          try {
            return await giving.seal(...asked);
          } catch (error) {
            assert.equal(error.code, "left-out");
            noted.push(...error.fields.lost);
            giving.leaveOut(error.fields.lost);
          }
        }
      };
      const sink = new MemorySink();
      const staging = await land({ seal }, wanted, layout, sink);
      const { digest, lost, texts } = await staging.finish();
      assert.deepEqual([lost, texts], [[[1, why]], ["said"]]);
      assert.deepEqual(new Set(noted.map(String)), new Set([`1,${why}`]));
      assert.ok(await giving.gave(Buffer.from(digest).toString("hex")));
      assert.ok(!(await giving.gave("00".repeat(32))));
      assert.deepEqual(sink.lost, new Set([1]));
    });
  }
}

test("a file that is read at the second try stays", async () => {
  let tries = 0;
  const content = noise(1000, 8);
  const arrayBuffer = async () => (tries++ ? content.buffer : Promise.reject(new DOMException("busy", "NotReadableError")));
  const { giving, layout } = await both([{ path: ["a"], blob: { size: 1000, arrayBuffer } }]);
  assert.equal((await giving.seal(1, 5)).length, layout.plainSize(1) + 28);
});

test("what is no fault of the file leaves nothing out", async () => {
  const { giving } = await both([{ path: ["a"], blob: failing(noise(1000, 9), "full") }, ...REST]);
  await assert.rejects(giving.seal(0, 5), (error) => error instanceof RangeError);
});

test("what an earlier run left out keeps its room, although nothing is there any more", async () => {
  const items = [...REST, { path: ["d", "zz"], blob: new Blob([noise(5, 1)]) }];
  const { manifest, files } = listed(items, "things");
  const encoded = manifest.encode();
  const giving = await Giving.make({ secret, transfer, suite: "A256GCM", manifest: encoded, files: [...files.slice(0, 2), new Blob([])], sizes: sizesOf(files), leftOut: [[2, "vanished"]] });
  const wanted = { secret, transfer, suite: "A256GCM", manifestSize: encoded.length, packSize: manifest.packSize };
  const staging = await land(giving, wanted, new Layout("A256GCM", encoded.length, manifest.packSize), new MemorySink());
  assert.deepEqual((await staging.finish()).lost, [[2, "vanished"]]);
});
