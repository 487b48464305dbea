import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "../../../src/burrowspace/web/wire/server/turns.js";

/** Web Locks, as far as they are used here. */
class Locks {
  #held = new Set();
  #queue = [];

  request(name, { signal }, work) {
    return new Promise((resolve, reject) => {
      const wish = { name, signal, start: () => Promise.resolve(work()).then(resolve, reject).finally(() => this.#left(name)) };
      signal.addEventListener("abort", () => {
        if (!this.#queue.includes(wish)) return;
        this.#queue = this.#queue.filter((each) => each !== wish);
        reject(new DOMException("given up", "AbortError"));
      });
      this.#queue.push(wish);
      queueMicrotask(() => this.#next());
    });
  }

  async query() {
    return { held: [...this.#held].map((name) => ({ name })), pending: this.#queue.map(({ name }) => ({ name })) };
  }

  #left(name) {
    this.#held.delete(name);
    this.#next();
  }

  #next() {
    for (const wish of [...this.#queue]) {
      if (this.#held.has(wish.name) || !this.#queue.includes(wish)) continue;
      this.#held.add(wish.name);
      this.#queue = this.#queue.filter((each) => each !== wish);
      wish.start();
    }
  }
}

/** Work that ends when the test says so. */
function works() {
  const ends = [];
  const begun = [];
  const work = (name) => () => (begun.push(name), new Promise((resolve) => ends.push(() => resolve(name))));
  return { ends, begun, work };
}

const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const never = new AbortController().signal;

test("two tabs have a place, a third has one when one of them leaves, and whoever has one can see that others wait", async () => {
  const locks = new Locks();
  const [one, other, third] = [1, 2, 3].map(() => new Turns("x", locks)); // each of a tab of its own
  const { ends, begun, work } = works();
  const done = [one.run(work("a"), never), other.run(work("b"), never)];
  await settled();
  assert.equal(await one.crowded(), false);
  done.push(third.run(work("c"), never));
  await settled();
  assert.deepEqual(begun, ["a", "b"]);
  assert.equal(await one.crowded(), true);
  ends[0]();
  await settled();
  assert.deepEqual(begun, ["a", "b", "c"]);
  assert.equal(await one.crowded(), false);
  for (const end of ends) end();
  assert.deepEqual(await Promise.all(done), ["a", "b", "c"]);
  assert.deepEqual(await locks.query(), { held: [], pending: [] });
});

test("who gives up leaves the queue, and work that fails leaves its place", async () => {
  const locks = new Locks();
  const turns = new Turns("x", locks);
  const { ends, work } = works();
  const done = [turns.run(work("a"), never), turns.run(work("b"), never)];
  await settled();
  const ending = new AbortController();
  const third = turns.run(work("c"), ending.signal);
  await settled();
  ending.abort(new Error("over"));
  await assert.rejects(third, /over/);
  assert.equal(await turns.crowded(), false);
  await assert.rejects(turns.run(work("d"), AbortSignal.abort(new Error("before"))), /before/);
  for (const end of ends) end();
  await Promise.all(done);
  await assert.rejects(turns.run(async () => Promise.reject(new Error("broke")), never), /broke/);
  await settled();
  assert.deepEqual(await locks.query(), { held: [], pending: [] });
});

test("who waits for too long goes on without a place, as does a page without locks or one that is refused them", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const locks = new Locks();
  const turns = new Turns("x", locks);
  const { ends, begun, work } = works();
  const done = ["a", "b", "c"].map((name) => turns.run(work(name), never));
  await settled();
  assert.deepEqual(begun, ["a", "b"]);
  t.mock.timers.tick(15_000);
  await settled();
  assert.deepEqual(begun, ["a", "b", "c"]);
  for (const end of ends) end();
  await Promise.all(done);
  for (const none of [undefined, { request: async () => Promise.reject(new DOMException("no", "SecurityError")), query: async () => ({}) }]) {
    const free = new Turns("x", none);
    assert.deepEqual(await Promise.all([1, 2, 3].map((each) => free.run(async () => each, never))), [1, 2, 3]);
    assert.equal(await free.crowded(), false);
  }
});
