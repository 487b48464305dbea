/**
 * Which path is used when: two tables, and a function that reads them. Twin of core/paths.py, which says why.
 *
 * Facts in, a decision out: no link, no clock. Times are seconds of one clock, rates are bytes/s of sealed blocks.
 * Spec, with both tables: docs/spec/paths.md.
 */

/** @typedef {"tcp" | "punch" | "webrtc" | "turn" | "relay" | "store"} Path */
/** @typedef {"untried" | "trying" | "up" | "failed"} State */

/** What is so of a path whatever happens. The lower `rank` is used first; tried from `after` s on; one attempt may take
 * `limit` s; `proven`: takes over from the relay at once. @type {Record<Path, {rank: number, after: number, limit: number, proven: boolean}>} */
export const PATHS = {
  tcp: { rank: 0, after: 0, limit: 5, proven: true },
  punch: { rank: 0, after: 0, limit: 9, proven: true },
  webrtc: { rank: 1, after: 0.3, limit: 15, proven: false },
  turn: { rank: 2, after: 3, limit: 15, proven: false },
  relay: { rank: 3, after: 1, limit: 10, proven: true },
  store: { rank: 4, after: 0, limit: 10, proven: true },
};
export const ALL = /** @type {readonly Path[]} */ (Object.freeze(Object.keys(PATHS)));
/** @type {readonly Path[]} */
export const DIRECT = Object.freeze(["tcp", "punch", "webrtc", "turn"]);
export const HEAD_START = 1; // s that the direct paths have before the relay carries
export const STALL = 3; // s without a block, after which a path is left
export const WINDOW = 4; // s over which a rate is measured
export const SLOWER = 0.5; // of what the last path gave: plainly slower
export const PENALTY = 60; // s for which a path that was left is not used; doubled each time, up to
export const PENALTY_MOST = 960;
export const BACKOFF = [1, 3, 10, 30, 60]; // s until a direct path is tried again, the last for ever
export const PROBE_BELOW = 25e6; // bytes/s: a WebRTC slower than this is worth one look at the relay
export const SETTLED = 10; // s in use, after which links that are not used are let go
export const GONE = 10; // s without a word from the receiver
export const TICK = 0.5; // s: ask again at the latest

/** What the person allowed, both ends taken together.
 * @typedef {{relayOnly?: boolean, directOnly?: boolean, noStore?: boolean}} Allowed */

/**
 * What is known of one path now: since when, failures in a row, rate over the last WINDOW of its use, its last block.
 *
 * @typedef {object} Known
 * @property {State} state
 * @property {number} since
 * @property {number} failures
 * @property {number | null} rate
 * @property {number | null} progressAt
 * @property {number} penalisedUntil
 */

/** @type {Readonly<Known>} */
export const UNKNOWN = Object.freeze({
  state: "untried",
  since: 0,
  failures: 0,
  rate: null,
  progressAt: null,
  penalisedUntil: 0,
});

/**
 * Everything a decision rests on. `mark`: what the path before this one gave when it was left, if that was measured.
 *
 * @typedef {object} Facts
 * @property {number} now
 * @property {number} began when the two ends had met
 * @property {Partial<Record<Path, Known>>} paths
 * @property {Path | null} using
 * @property {number} usingSince
 * @property {number | null} mark
 * @property {boolean} senderPresent
 * @property {boolean} mayStore
 * @property {Allowed} options
 * @property {readonly Path[]} possible what this pair of programs can do at all
 */

/**
 * What to do now. `use`: ask here from the next block on; null: wait. `start`, `stop`: begin to try, give up.
 *
 * @typedef {object} Decision
 * @property {Path | null} use
 * @property {string} why the rule
 * @property {Path[]} start
 * @property {Path[]} stop
 * @property {boolean} askRelay
 * @property {Path | null} penalise
 * @property {number} again s until this must be asked again
 */

/** @typedef {{use: Path | null, why: string, penalise?: Path}} Chosen */

/** @param {Path | null} path */
export const isDirect = (path) => path !== null && DIRECT.includes(path);
/** @param {Path | null} path */
const rank = (path) => (path ? PATHS[path].rank : ALL.length);
/** @param {Facts} facts @param {Path} path */
const known = (facts, path) => facts.paths[path] ?? UNKNOWN;

/** Whether this path may carry a block of this transfer. @param {Facts} facts @param {Path} path @returns {boolean} */
export function allows(facts, path) {
  const { relayOnly, directOnly, noStore } = facts.options;
  if (!facts.possible.includes(path)) return false;
  if (isDirect(path)) return !relayOnly && !(directOnly && path === "turn");
  if (directOnly || (noStore && path === "store")) return false;
  return path !== "store" || facts.mayStore;
}

/** @param {Facts} facts @param {Path} path */
const usable = (facts, path) => allows(facts, path) && known(facts, path).state === "up";

/** Whether the relay still gives way: only while there is a direct path to hope for. @param {Facts} facts */
function inHeadStart(facts) {
  const hopeful = DIRECT.some((each) => allows(facts, each) && known(facts, each).state !== "failed");
  return hopeful && facts.now - facts.began < HEAD_START;
}

/** The usable path of the lowest rank, the one in use first among equals.
 * @param {Facts} facts @param {{but?: Path | null, penalised?: boolean}} [how] @returns {Path | null} */
function best(facts, { but = null, penalised = false } = {}) {
  let found = ALL.filter(
    (each) =>
      each !== but && usable(facts, each) && (penalised || facts.now >= known(facts, each).penalisedUntil),
  );
  if (inHeadStart(facts)) {
    const direct = found.filter(isDirect);
    found = direct.length ? direct : found.filter((each) => each === facts.using);
  }
  /** @type {Path | null} */ let first = null;
  for (const each of found) {
    if (first === null || rank(each) < rank(first) || (rank(each) === rank(first) && each === facts.using)) first = each;
  }
  return first;
}

/** @param {Facts} facts @param {Path} path */
const movedAt = (facts, path) => Math.max(facts.usingSince, known(facts, path).progressAt ?? facts.usingSince);

/** The first that applies says who carries. @type {readonly ((facts: Facts) => Chosen | null)[]} */
const RULES = [
  function first(facts) {
    if (facts.using !== null) return null;
    const other = best(facts) ?? best(facts, { penalised: true });
    return { use: other, why: other ? "first" : "waiting" };
  },
  function broken(facts) {
    if (facts.using === null || usable(facts, facts.using)) return null;
    return { use: best(facts) ?? best(facts, { penalised: true }), why: "broken" };
  },
  function stalled(facts) {
    if (facts.using === null) return null;
    const other = best(facts, { but: facts.using });
    if (facts.now - movedAt(facts, facts.using) < STALL || other === null) return null;
    return { use: other, why: "stalled", penalise: facts.using };
  },
  function slower(facts) {
    if (facts.using === null || facts.mark === null || facts.now - facts.usingSince < WINDOW) return null;
    const { rate } = known(facts, facts.using);
    const other = best(facts, { but: facts.using });
    if (rate === null || rate >= facts.mark * SLOWER || other === null) return null;
    return { use: other, why: "slower", penalise: facts.using };
  },
  function better(facts) {
    if (facts.using === null) return null;
    const other = best(facts, { but: facts.using });
    const own = known(facts, facts.using).rate;
    if (other === null || rank(other) >= rank(facts.using)) return null;
    if (!PATHS[other].proven) {
      const { rate, penalisedUntil } = known(facts, other);
      if (facts.using === "relay" && own === null) return null; // first let it be known what is given up
      const slow = own !== null && rate !== null && rate < own * SLOWER;
      if (slow && !penalisedUntil) return null; // it was looked at and found slower
    }
    return { use: other, why: "better" };
  },
  function probe(facts) {
    if ((facts.using !== "webrtc" && facts.using !== "turn") || facts.now - facts.usingSince < WINDOW) return null;
    if (!promising(facts, facts.using)) return null;
    if (!usable(facts, "relay") || facts.now < known(facts, "relay").penalisedUntil) return null;
    return { use: "relay", why: "probe" };
  },
];

/** Whether the relay may do better than this slow WebRTC: nobody has looked yet, or it gave more than twice as much. One
 * that stalled is remembered by its last seconds, in which it gave a quarter: to have given more is enough.
 * @param {Facts} facts @param {Path} using */
function promising(facts, using) {
  const { rate } = known(facts, using);
  const relay = known(facts, "relay");
  if (rate === null || rate >= PROBE_BELOW) return false;
  return relay.rate === null || rate < relay.rate * (relay.penalisedUntil ? 1 : SLOWER);
}

/** The first rule that applies says who carries; then what else is to be tried, asked and let go.
 * @param {Facts} facts @returns {Decision} */
export function decide(facts) {
  /** @type {Chosen | null} */ let chosen = null;
  for (const rule of RULES) if ((chosen = rule(facts))) break;
  const { use, why, penalise = null } = chosen ?? { use: facts.using, why: "steady" };
  return {
    use,
    why,
    start: toStart(facts, use),
    stop: toStop(facts, use),
    askRelay: asksRelay(facts, use),
    penalise,
    again: again(facts),
  };
}

/** Whether a path that is neither up nor being tried may be tried now. @param {Facts} facts @param {Path} path */
function due(facts, path) {
  const { state, since, failures } = known(facts, path);
  if (!allows(facts, path) || !facts.senderPresent) return false;
  if (state === "untried") return facts.now - facts.began >= PATHS[path].after;
  return state === "failed" && facts.now - since >= backoff(failures);
}

/** Seconds to wait after so many failures in a row. @param {number} failures */
export function backoff(failures) {
  return BACKOFF[Math.min(Math.max(failures, 1), BACKOFF.length) - 1];
}

/** Seconds for which a path left for the so-manyeth time is not used. @param {number} times */
export function penalty(times) {
  return Math.min(PENALTY * 2 ** Math.min(Math.max(times, 1) - 1, 10), PENALTY_MOST);
}

/** Direct paths that would be better than what carries; TURN only where the relay does not answer.
 * @param {Facts} facts @param {Path | null} use @returns {Path[]} */
function toStart(facts, use) {
  const relay = known(facts, "relay");
  const relayed = allows(facts, "relay") && (relay.state === "up" || !relay.failures);
  return DIRECT.filter((each) => rank(each) < rank(use) && due(facts, each) && !(each === "turn" && relayed));
}

/** Attempts that could not better what carries; spare links, once what carries has SETTLED; what is not allowed.
 * @param {Facts} facts @param {Path | null} use @returns {Path[]} */
function toStop(facts, use) {
  const settled = use === facts.using && facts.now - facts.usingSince >= SETTLED;
  return ALL.filter((each) => {
    const { state, since } = known(facts, each);
    if (each === use || (state !== "trying" && state !== "up")) return false;
    if (!allows(facts, each)) return true;
    const carried = use !== null && isDirect(use);
    if (isDirect(each) && carried && rank(each) >= rank(use)) return state === "trying" || settled;
    if (each === "relay" && carried) return state === "up" && settled && good(facts);
    return state === "trying" && isDirect(each) && facts.now - since >= PATHS[each].limit;
  });
}

/** Whether what carries is measured, and not plainly slower than what was before it. @param {Facts} facts */
function good(facts) {
  const rate = facts.using ? known(facts, facts.using).rate : null;
  return rate !== null && (facts.mark === null || rate >= facts.mark * SLOWER);
}

/** The relay is asked for when nothing direct carries well, or it may do better than a slow WebRTC.
 * @param {Facts} facts @param {Path | null} use */
function asksRelay(facts, use) {
  if (!allows(facts, "relay") || !facts.senderPresent || inHeadStart(facts)) return false;
  const relay = known(facts, "relay");
  if (!(relay.state === "untried" || (relay.state === "failed" && due(facts, "relay")))) return false;
  if (use === null || use === "store") return true;
  if (!isDirect(use)) return false;
  const own = known(facts, use);
  const silent = use === facts.using && facts.now - movedAt(facts, use) >= STALL;
  const slow = own.rate !== null && !good(facts);
  return silent || slow || ((use === "webrtc" || use === "turn") && promising(facts, use));
}

/** Until the head start ends or a direct path is due, and TICK at most. @param {Facts} facts */
function again(facts) {
  const times = [facts.began + HEAD_START, ...ALL.map((each) => facts.began + PATHS[each].after)];
  return Math.min(TICK, ...times.filter((each) => each > facts.now).map((each) => each - facts.now));
}
