import assert from "node:assert/strict";
import { test } from "node:test";
import { inMemory } from "../../../src/burrowspace/web/store/in-memory.js";
import { NeverRefusing } from "../../../src/burrowspace/web/store/never-refusing.js";

/** A browser's database that takes what `may` says, and breaks where `broken` is set. */
function browsers() {
  const base = inMemory();
  const its = { base, may: () => true, broken: false, opens: 0 };
  const sound = async () => {
    if (its.broken) throw new DOMException("it was closed", "InvalidStateError");
  };
  const open = async () => {
    its.opens += 1;
    return {
      get: (...how) => sound().then(() => base.get(...how)),
      change: async (key, values) => {
        await sound();
        if (!its.may(values)) throw new DOMException("no room", "QuotaExceededError");
        await base.change(key, values);
      },
      all: (shelf) => sound().then(() => base.all(shelf)),
      keys: (shelf) => sound().then(() => base.keys(shelf)),
      clear: (shelf) => sound().then(() => base.clear(shelf)),
    };
  };
  return { its, open };
}

test("what the browser takes is in the browser", async () => {
  const { its, open } = browsers();
  const base = new NeverRefusing(open);
  await base.change("a", { kept: { n: 1 }, held: [1] });
  assert.deepEqual([await its.base.get("kept", "a"), base.lasting], [{ n: 1 }, true]);
});

test("what the browser refuses is there as long as the page, and it is said once", async () => {
  const { its, open } = browsers();
  const said = [];
  const base = new NeverRefusing(open, () => said.push(base.lasting));
  its.may = (values) => !("kept" in values);
  await base.change("b", { kept: { n: 2 }, held: [2] });
  await base.change("b", { kept: { n: 3 } });
  await base.change("c", { history: { n: 1 } });
  assert.deepEqual([await base.get("kept", "b"), await base.get("held", "b")], [{ n: 3 }, [2]]);
  assert.deepEqual([await its.base.keys("kept"), await its.base.keys("history"), said], [[], ["c"], [false]]);
});

test("a database that breaks in the middle loses nothing that is put, changed or removed afterwards", async () => {
  const { its, open } = browsers();
  const base = new NeverRefusing(open);
  for (const key of ["a", "b", "c"]) await base.change(key, { kept: key });
  its.broken = true;
  await base.change("b", { kept: "B" });
  await base.change("c", { kept: undefined });
  await base.change("d", { kept: "d" });
  assert.deepEqual([await base.all("kept"), await base.get("kept", "a")], [["B", "d"], undefined]);
  its.broken = false;
  assert.deepEqual([await base.keys("kept"), await base.all("kept")], [["a", "b", "d"], ["a", "B", "d"]]);
  await base.clear("kept");
  assert.deepEqual([await base.all("kept"), await its.base.keys("kept")], [[], []]);
});

test("once the browser takes it again, it lasts again", async () => {
  const { its, open } = browsers();
  const said = [];
  const base = new NeverRefusing(open, () => said.push(base.lasting));
  its.may = () => false;
  await base.change("a", { kept: 1 });
  its.may = () => true;
  await base.change("a", { kept: 2 });
  assert.deepEqual([await its.base.get("kept", "a"), await base.get("kept", "a"), said], [2, 2, [false, true]]);
});

test("a try leaves nothing in memory", async () => {
  const { its, open } = browsers();
  const base = new NeverRefusing(open);
  its.may = () => false;
  assert.equal(await base.tries("a", { kept: 1 }), false);
  assert.deepEqual([await base.get("kept", "a"), base.lasting], [undefined, true]);
  its.may = () => true;
  assert.equal(await base.tries("a", { kept: 1 }), true);
});

test("where the browser's own keys cannot be read, that is said, and not that there are none", async () => {
  const { its, open } = browsers();
  const base = new NeverRefusing(open);
  await base.change("a", { kept: 1 });
  assert.deepEqual(await base.sureKeys("kept"), ["a"]);
  its.broken = true;
  assert.deepEqual([await base.sureKeys("kept"), await base.keys("kept")], [null, []]);
});
