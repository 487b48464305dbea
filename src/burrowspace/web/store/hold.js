/**
 * One tab alone works on one transfer. By a Web Lock where there are any (secure contexts): it ends with its tab, and a
 * browser does not freeze a tab that has one. Else the tabs ask each other over a BroadcastChannel: unlike a heartbeat,
 * an answer does not depend on timers, which are throttled in tabs that nobody looks at.
 */

import { named } from "./platform.js";

const PREFIX = "burrow-transfer ";
const ANSWER_MS = 400;
const RELEASE_MS = 600; // in which a tab that was just closed or loaded again lets go

/** null: another tab has it. The function lets go. `lost`: a tab took it that was not answered, as this one was frozen:
 * end the session. @param {string} id @param {() => void} [lost] @returns {Promise<(() => void) | null>} */
export async function hold(id, lost = () => undefined) {
  try {
    if (navigator.locks) return await byLock(id);
  } catch (error) {
    if (!named(error)) throw error; // else this browser lets the page have none, as it lets it store nothing
  }
  return byAsking(id, lost);
}

/** Whether a transfer runs in any tab; without Web Locks not known, so false. */
export async function anyHeld() {
  const { held = [] } = (await navigator.locks?.query().catch(() => null)) ?? {};
  return held.some(({ name }) => name?.startsWith(PREFIX));
}

/** @param {string} id @returns {Promise<(() => void) | null>} */
function byLock(id) {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(PREFIX + id, { signal: AbortSignal.timeout(RELEASE_MS) }, () => {
        return new Promise((release) => resolve(() => release(undefined)));
      })
      .catch((error) => (named(error) === "TimeoutError" ? resolve(null) : reject(error)));
  });
}

/** @param {string} id @param {() => void} lost @returns {Promise<(() => void) | null>} */
export function byAsking(id, lost) {
  const channel = new BroadcastChannel(PREFIX + id);
  const own = crypto.getRandomValues(new Uint32Array(4)).join("-");
  let holds = false;
  return new Promise((resolve) => {
    const stop = () => channel.close();
    const decided = setTimeout(() => {
      holds = true;
      channel.postMessage({ holds: own });
      resolve(stop);
    }, ANSWER_MS);
    channel.onmessage = ({ data }) => {
      if (holds && data.asks) channel.postMessage({ holds: own });
      if (holds && data.holds && data.holds < own) {
        holds = false; // both took it: the smaller one keeps it
        stop();
        lost();
      }
      if (holds) return;
      if (data.holds || data.asks < own) {
        clearTimeout(decided);
        stop();
        resolve(null);
      }
    };
    channel.postMessage({ asks: own });
  });
}
