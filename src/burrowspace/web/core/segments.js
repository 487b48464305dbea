/**
 * Which run of blocks lies in which spool of the server, what is covered, what comes next. Twin of core/segments.py, held
 * to the same walks (tests/vectors/session.json). A segment (on the wire: a leg) is one spool that carries the blocks from
 * `first` on. No spool is read or written here. Spec: docs/spec/session.md, docs/spec/paths.md.
 *
 * @import { Suite } from "./sealing.js"
 */

import { CREDIT } from "./credit.js";
import { STALL } from "./paths.js";

export const REMEMBERED = 256; // segments, and ends of segments, of one transfer

/** One as the sender announced it: positions from `first` to before `upto`, null while it goes on. `resting`: it may
 * stay without the sender. `dead`: it cannot be read any more. @typedef {{spool: string, first: number, suite: Suite,
 * resting: boolean, upto: number | null, dead: boolean}} Segment */

/** One of a sender's own. `at`: the next block that goes into it, null where nobody writes it; `whole`: everything up
 * to the transfer's end is there. @typedef {{first: number, suite: string, rests: boolean, upto: number | null, whole:
 * boolean, at: number | null}} Part */

/** @param {Segment} each @param {number} position */
const serves = (each, position) =>
  !each.dead && each.first <= position && (each.upto === null || position < each.upto);

/** All that a receiver was told. An end counts even if it is heard before its beginning; told again, a segment lives. */
export class Announced {
  /** @type {Segment[]} */ #segments = [];
  /** @type {Map<string, number>} */ #ends = new Map();

  /** @param {string} spool @param {number} first @param {Suite} suite @param {boolean} resting */
  begins(spool, first, suite, resting) {
    let found = this.#find(spool);
    if (!found) {
      if (this.#segments.length >= REMEMBERED) this.#segments.shift();
      found = { spool, first, suite, resting, upto: null, dead: false };
      this.#segments.push(found);
    }
    Object.assign(found, { resting, dead: false, upto: this.#ends.get(spool) ?? null });
  }

  /** @param {string} spool @param {number} upto */
  ends(spool, upto) {
    if (this.#ends.size >= REMEMBERED && !this.#ends.has(spool)) this.#ends.delete([...this.#ends.keys()][0]);
    this.#ends.set(spool, upto);
    const found = this.#find(spool);
    if (found) found.upto = upto;
  }

  /** The server has it no more. @param {string} spool */
  lost(spool) {
    const found = this.#find(spool);
    if (found) found.dead = true;
  }

  /** The sender's program begins again: of what it wrote live it must say once more what still goes on. Whether the end of
   * an earlier one was heard or not, nobody waits for a block that won't come. */
  anew() {
    for (const each of this.#segments) each.dead ||= !each.resting;
  }

  /** The latest of this kind that brings the block at `position`. @param {number} position @param {boolean} resting */
  pick(position, resting) {
    return this.#segments.findLast((each) => each.resting === resting && serves(each, position)) ?? null;
  }

  /** Whether who reads it should leave it. `taken`: the next block that it brings; `held`: the next one that is wanted;
   * `still`: seconds since the last byte. It has brought all that it will; or it stands still while another brings that
   * block, or none is known to. @param {Segment} segment @param {number} taken @param {number} held @param {number} still */
  leaves(segment, taken, held, still) {
    if (segment.upto !== null && Math.min(taken, held) >= segment.upto) return true;
    return still >= STALL && this.pick(held, segment.resting) !== segment;
  }

  /** @param {number} position */
  nothingLeft(position) {
    return !this.#segments.some((each) => serves(each, position));
  }

  /** @param {string} spool */
  #find(spool) {
    return this.#segments.find((each) => each.spool === spool);
  }
}

/** Which of them (the latest) carries this block, or will next; one that is behind would only bring what is held.
 * @param {Part[]} parts @param {number} position @param {string} suite @returns {number | null} */
export function serving(parts, position, suite) {
  const found = parts.findLastIndex(
    ({ first, suite: own, whole, at }) => first <= position && own === suite && (whole || (at !== null && at >= position)),
  );
  return found < 0 ? null : found;
}

/** Up to which block what follows from `position` on lies on the server, to rest there. null: to the end.
 * @param {Part[]} parts @param {number} position @param {number | null} positions @returns {number | null} */
export function covered(parts, position, positions) {
  if (position === positions) return null;
  for (let moved = true; moved; ) {
    moved = false;
    for (const { first, rests, upto, whole } of parts) {
      if (!rests || first > position) continue;
      if (whole) return null;
      if (upto !== null && upto > position) {
        position = upto;
        moved = true;
      }
    }
  }
  return position;
}

/** What one who has gone lacks. `own`: the number of the segment that it follows and that nobody dropped. `first`: the
 * first block that no resting segment covers, null: all is covered. `running`: the number of a segment that is being
 * written, to rest, and brings that block.
 * @typedef {{own: number | null, first: number | null, running: number | null}} Lack */
/** How what it lacks comes to rest. @typedef {"own" | "nothing" | "running" | "new"} Rest */

/** In the order in which they are read; the reasons stand beside the rows of core/segments.py and in the spec.
 * @type {[Rest, (lack: Lack) => boolean][]} */
export const REST = [
  ["own", ({ own }) => own !== null], // its own segment goes on
  ["nothing", ({ first }) => first === null], // all that it lacks rests already
  ["running", ({ running }) => running !== null], // nothing is uploaded twice
  ["new", () => true],
];

/** How what a receiver lacks from `held` on comes to rest: with the number of a segment, or a new one's first block.
 * @param {Part[]} parts @param {number | null} own @param {number} held @param {number | null} positions
 * @returns {[Rest, number | null]} */
export function rest(parts, own, held, positions) {
  const first = covered(parts, held, positions);
  const last = parts.findLastIndex(({ at }) => at !== null);
  const brings = last >= 0 && first !== null && parts[last].rests && parts[last].first <= first;
  const lack = { own, first, running: brings ? last : null };
  const found = REST.find(([, applies]) => applies(lack))?.[0] ?? "new";
  return [found, { own, nothing: null, running: lack.running, new: first }[found]];
}

/** One of a sender's own, and those who follow it. `wanted`: somebody read it. `linked`: since it was opened, a block
 * went to a follower by a link. `limits`: of each follower's consent, null: everything. @typedef {{first: number,
 * rests: boolean, wanted: boolean, linked: boolean, limits: (number | null)[]}} Flow */
/** Up to where it may be filled now. @typedef {"nothing" | "credit" | "consent" | "everything"} Ahead */

/** In the order in which they are read; the reasons stand beside the rows of core/segments.py and in the spec.
 * @type {[Ahead, (flow: Flow) => boolean][]} */
export const FILL = [
  ["everything", ({ rests }) => rests], // nobody is being asked
  ["nothing", ({ wanted, linked }) => !wanted && linked], // a link does the work
  ["credit", ({ wanted }) => !wanted], // nobody reads it yet
  ["everything", ({ limits }) => !limits.length || limits.includes(null)], // somebody said yes
  ["consent", () => true], // all who follow it are still deciding
];

/** The position before which blocks may go into it now; null: all. @param {Flow} flow @returns {number | null} */
export function ahead(flow) {
  const found = FILL.find(([, applies]) => applies(flow))?.[0];
  if (found === "nothing") return flow.first;
  if (found === "credit") return flow.first + CREDIT;
  return found === "consent" ? Math.max(...flow.limits.map((limit) => limit ?? 0)) : null;
}
