import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { BurrowError } from "../../../src/burrowspace/web/core/errors.js";
import { wishFor } from "../../../src/burrowspace/web/core/changes.js";
import { Tabs } from "../../../src/burrowspace/web/wire/server/tabs.js";
import { code } from "../core/vectors.mjs";

const BOX = "0a".repeat(16);
const wish = wishFor({ mailboxes: { [BOX]: -1 } });
const news = { mailboxes: { [BOX]: { messages: [], created_at: "then" } }, nameplates: {}, nearby: {} };

const lives = [];
afterEach(async () => {
  for (const life of lives.splice(0)) life.dispatchEvent(new Event("pagehide"));
  await settled();
});

/** One browser: its channel, its locks, and the calls that its tabs make, which the test answers. */
class Browser {
  /** @type {Set<any>} */ #ends = new Set();
  /** Who holds the lock, and who waits for it. @type {{tab: object, broken: (error: Error) => void} | null} */ #holder = null;
  /** @type {(() => void)[]} */ #queue = [];
  #calls = [];

  /** @param {{locks?: boolean, hidden?: boolean}} [how] */
  tab({ locks = true, hidden = true } = {}) {
    const life = Object.assign(new EventTarget(), { isHidden: hidden, hidden: () => life.isHidden });
    lives.push(life);
    const tab = { life, dead: false };
    const call = (wish, wait, signal) => this.#call(tab, wish, signal);
    tab.tabs = new Tabs({
      name: "here",
      call,
      join: call,
      channel: () => this.#channel(tab),
      locks: locks ? { request: (name, how, work) => this.#request(tab, how, work) } : undefined,
      life,
    });
    tab.ask = (signal = new AbortController().signal) => tab.tabs.ask(wish, 25, signal);
    tab.look = () => ((life.isHidden = false), life.dispatchEvent(new Event("visibilitychange")));
    return tab;
  }

  /** The calls that wait now. */
  async waiting() {
    await settled();
    return this.#calls.filter(({ signal, over }) => !signal.aborted && !over);
  }

  /** The tab ends without a word. */
  crash(tab) {
    tab.dead = true;
    if (this.#holder?.tab === tab) this.#free();
  }

  #call(tab, wish, signal) {
    return new Promise((resolve, reject) => {
      const ends = (end) => (value) => ((call.over = true), end(value));
      const call = { tab, wish, answer: ends(resolve), fail: ends(reject), signal, over: false };
      signal.addEventListener("abort", () => reject(signal.reason));
      this.#calls.push(call);
    });
  }

  #channel(tab) {
    const end = { tab, onmessage: null, close: () => this.#ends.delete(end), postMessage: (said) => this.#post(end, structuredClone(said)) };
    this.#ends.add(end);
    return end;
  }

  #post(from, data) {
    if (from.tab.dead) return;
    for (const end of this.#ends) {
      if (end !== from) setImmediate(() => !end.tab.dead && this.#ends.has(end) && end.onmessage?.({ data }));
    }
  }

  #request(tab, { steal = false, signal }, work) {
    return new Promise((resolve, reject) => {
      const grant = () => {
        if (tab.dead || signal?.aborted) return this.#free();
        const held = (this.#holder = { tab, broken: reject });
        Promise.resolve(work()).then((value) => {
          resolve(value);
          if (this.#holder === held) this.#free();
        });
      };
      signal?.addEventListener("abort", () => reject(signal.reason));
      if (steal) {
        this.#holder?.broken(new DOMException("stolen", "AbortError"));
        grant();
      } else if (this.#holder) this.#queue.push(grant);
      else grant();
    });
  }

  #free() {
    this.#holder = null;
    this.#queue.shift()?.();
  }
}

/** All that is under way in channels and promises has arrived. */
const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Two tabs that wait; the first one leads. @param {Browser} browser */
async function leaderAndFollower(browser) {
  const [leader, follower] = [browser.tab(), browser.tab()];
  for (const each of [leader, follower]) {
    each.ask().catch(() => undefined);
    await settled();
  }
  return [leader, follower];
}

for (const locks of [true, false]) {
  const where = locks ? "with Web Locks" : "without Web Locks";

  test(`one tab asks the server for all, and each hears its own answer, ${where}`, async () => {
    const browser = new Browser();
    const [one, other] = [browser.tab({ locks }), browser.tab({ locks })];
    const first = one.ask();
    await settled();
    const second = other.ask();
    const calls = await browser.waiting();
    assert.equal(calls.length, 2); // its own, and what it was asked: they are joined in waiting-call.js
    assert.equal(calls[0].tab, calls[1].tab);
    for (const call of calls) call.answer(news);
    assert.deepEqual(await Promise.all([first, second]), [news, news]);
  });

  test(`a leader that leaves is followed at once, what was asked is asked again, and so it is when it is back, ${where}`, async () => {
    const browser = new Browser();
    const leader = browser.tab({ locks });
    leader.ask().catch(() => undefined);
    await settled();
    const follower = browser.tab({ locks });
    const asked = follower.ask();
    await settled();
    leader.look();
    await settled();
    assert.deepEqual([leader.tabs.leads, follower.tabs.leads], [true, false]);
    leader.life.dispatchEvent(new Event("freeze"));
    const [call, ...others] = await browser.waiting();
    assert.deepEqual([leader.tabs.leads, follower.tabs.leads], [false, true]);
    assert.deepEqual([call.tab, others.length], [follower, 0]);
    call.answer(news);
    assert.deepEqual(await asked, news);
    leader.life.dispatchEvent(new Event("resume"));
    assert.equal((await browser.waiting()).length, 1);
  });
}

for (const locks of [true, false]) test(`the tab that is looked at leads, ${locks ? "with" : "without"} Web Locks`, async () => {
  const browser = new Browser();
  const [one, other] = [browser.tab({ locks }), browser.tab({ locks })];
  one.ask().catch(() => undefined);
  other.ask().catch(() => undefined);
  await settled();
  one.look();
  await settled();
  assert.deepEqual([one.tabs.leads, other.tabs.leads], [true, false]);
  other.look();
  await settled();
  assert.deepEqual([one.tabs.leads, other.tabs.leads], [false, true]);
  one.look();
  await settled();
  assert.deepEqual([one.tabs.leads, other.tabs.leads], [true, false]);
});

test("a leader that crashes is followed at once, by its lock", async () => {
  const browser = new Browser();
  const [one, other] = await leaderAndFollower(browser);
  browser.crash(one);
  await settled();
  assert.equal(other.tabs.leads, true);
});

test("a leader that says nothing any more is replaced, though it holds the lock", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const browser = new Browser();
  const [one, other] = await leaderAndFollower(browser);
  one.dead = true; // but its lock is not free
  for (let sign = 0; sign < 3; sign++) {
    t.mock.timers.tick(1500);
    await settled();
  }
  assert.equal(other.tabs.leads, true);
});

test("a leader that answers is not replaced, however long it takes", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const browser = new Browser();
  const [one, other] = await leaderAndFollower(browser);
  for (let sign = 0; sign < 10; sign++) {
    await settled();
    t.mock.timers.tick(1500);
  }
  assert.deepEqual([one.tabs.leads, other.tabs.leads], [true, false]);
});

test("a call that failed has failed for the tab that asked, by the same code; who gives up asks for nothing", async () => {
  const browser = new Browser();
  const [leader, follower] = [browser.tab(), browser.tab()];
  leader.ask().catch(() => undefined);
  await settled();
  const asked = follower.ask();
  (await browser.waiting())[1].fail(new BurrowError("unreachable", "gone", { reason: "ailing" }));
  await assert.rejects(asked, code("unreachable"));
  const ends = new AbortController();
  const given = follower.ask(ends.signal);
  assert.equal((await browser.waiting()).length, 2);
  ends.abort(new Error("over"));
  await assert.rejects(given, /over/);
  assert.equal((await browser.waiting()).length, 1);
});

test("locks that are refused are done without", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  tab.tabs.locks = { request: async () => Promise.reject(new DOMException("no", "SecurityError")) };
  const asked = tab.ask();
  (await browser.waiting())[0].answer(news);
  assert.deepEqual(await asked, news);
});
