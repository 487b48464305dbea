import assert from "node:assert/strict";
import { test } from "node:test";
import { database } from "../../../src/burrowspace/web/store/database.js";
import { history } from "../../../src/burrowspace/web/store/history.js";
import { keepable, reviveItems } from "../../../src/burrowspace/web/store/keepable.js";
import { inMemory } from "../../../src/burrowspace/web/store/in-memory.js";
import { kept, KeptTransfers } from "../../../src/burrowspace/web/store/kept.js";
import { NeverRefusing } from "../../../src/burrowspace/web/store/never-refusing.js";
import { added } from "../../../src/burrowspace/web/store/picked.js";
import { settings } from "../../../src/burrowspace/web/store/settings.js";

// Node has no IndexedDB, as a private window may have none: all of it works, until the page goes.

test("without a database the page keeps things as long as it lives, and says so", async () => {
  const value = { keys: [1] };
  await settings.set("device", value);
  value.keys.push(2);
  assert.deepEqual(await settings.get("device"), { keys: [1] });
  await settings.set("device", undefined);
  assert.equal(await settings.get("device"), undefined);
  assert.equal(database.lasting, false);
});

test("of unfinished transfers the oldest comes first, and what is sent is not written at every note", async () => {
  const record = (id, created) => ({ id, direction: "send", title: id, created, secret: new Uint8Array(32), state: {} });
  await kept.put("b", { ...record("b", 2), files: [{ text: "hello" }] });
  await kept.put("a", record("a", 1));
  await kept.put("b", { ...record("b", 2), state: { legs: [] } });
  assert.deepEqual((await kept.list()).map(({ id, files }) => [id, files]), [["a", undefined], ["b", undefined]]);
  assert.deepEqual(await kept.get("b"), { ...record("b", 2), state: { legs: [] }, files: [{ text: "hello" }] });
  assert.deepEqual(await reviveItems(await kept.get("b")), { items: [{ text: "hello" }], gone: [] });
  assert.equal((await kept.get("a")).files, null);
  assert.equal(await reviveItems(await kept.get("a")), null);
  await kept.put("b", { ...record("b", 2), files: null });
  assert.equal((await kept.get("b")).files, null);
  await kept.remove("b");
  assert.equal(await kept.get("b"), null);
});

test("thousands of files are put there in steps, none of them long, and nothing of them is left behind", async () => {
  const files = Array.from({ length: 1700 }, (_, at) => ({ text: `${at}` }));
  const record = { id: "many", direction: "send", title: "many", created: 1, secret: new Uint8Array(32), state: {}, files };
  const base = inMemory();
  const steps = [];
  const change = (key, values) => {
    steps.push(values.held?.length ?? 0);
    return base.change(key, values);
  };
  const transfers = new KeptTransfers(new NeverRefusing(async () => ({ ...base, change })));
  const noted = { ...record, state: { at: 1 } };
  await Promise.all([transfers.put("many", record), transfers.put("many", { ...noted, files: undefined })]);
  assert.ok(Math.max(...steps) <= 500, steps);
  assert.deepEqual(await transfers.get("many"), noted);
  await Promise.all([transfers.put("many", record), transfers.remove("many")]);
  assert.deepEqual([await transfers.get("many"), await base.keys("held"), await base.keys("kept")], [null, [], []]);
});

test("where the browser takes only some of them, the files must be chosen again, and the transfer lasts", async () => {
  const files = Array.from({ length: 1700 }, (_, at) => ({ text: `${at}` }));
  const base = inMemory();
  const full = async (key, values) => {
    if (key.endsWith(" 2") && values.held) throw new Error("no room");
    return base.change(key, values);
  };
  const database = new NeverRefusing(async () => ({ ...base, change: full }));
  const transfers = new KeptTransfers(database);
  const record = { id: "many", direction: "send", title: "many", created: 1, secret: new Uint8Array(32), state: {} };
  await transfers.put("many", { ...record, files });
  assert.deepEqual([await transfers.get("many"), await base.keys("held")], [{ ...record, files: null }, []]);
  assert.equal(database.lasting, true);
});

test("the history is the last 500, the latest first", async () => {
  const ended = (number) => ({ id: `t${number}`, title: "x", size: 1, direction: "receive", peer: "", shares: {}, when: 1000 + number, digest: "" });
  for (let number = 0; number < 503; number++) await history.add(ended(number));
  const list = await history.list();
  assert.deepEqual([list.length, list[0].id, list.at(-1).id], [500, "t502", "t3"]);
  await history.remove(list[0]);
  assert.equal((await history.list())[0].id, "t501");
  await history.clear();
  assert.deepEqual(await history.list(), []);
});

test("what has no handle is copied while it is little", () => {
  const file = (size) => ({ path: ["a"], blob: { size } });
  assert.equal(keepable([file(64 * 2 ** 20)]).length, 1);
  assert.equal(keepable([file(64 * 2 ** 20), file(1)]), null);
  const handle = {};
  assert.deepEqual(keepable([{ ...file(2 ** 40), handle }]), [{ path: ["a"], size: 2 ** 40, modified: undefined, handle }]);
});

test("two things of one name do not meet, and what lies in a folder follows it", () => {
  const file = (...path) => ({ path, blob: new Blob([]) });
  const paths = (items) => items.map((item) => ("text" in item ? "text" : (item.path ?? item.folder).join("/")));
  const once = added([], [file("a.txt"), file("A.TXT"), file("f", "x"), file("f", "y"), { text: "t" }]);
  assert.deepEqual(paths(once), ["a.txt", "A (2).TXT", "f/x", "f/y", "text"]);
  const twice = added(once, [file("f", "x"), { folder: ["f", "z"] }, file("a.txt"), { text: "u" }]);
  assert.deepEqual(paths(twice).slice(5), ["f (2)/x", "f (2)/z", "a (3).txt", "text"]);
});
