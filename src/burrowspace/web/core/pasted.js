/**
 * What of a pasted text is a link or a code. Mail, chat and people put things around both, and into both. Twin of
 * core/pasted.py; both replay tests/vectors/pasted.json. Spec: docs/spec/pasted.md.
 *
 * It only finds: what it found is still a stranger's text, and links.js and codes.js decide whether it holds.
 */

export const PASTED_CHARS = 8192; // more is not looked at
export const TRIED_MOST = 16; // places of one text where a code or a link could stand
export const SECRET_CHARS = 43; // base64url of 32 bytes, without padding

// Written out: the \s of Python and of JavaScript differ
const SPACE = "\\t\\n\\v\\f\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const DASH = "\\-\\u2010-\\u2015\\u2212\\ufe58\\ufe63\\uff0d";
const AROUND = "\"'`<>()\\[\\]{}|*~\\xab\\xbb\\u2018-\\u201f\\u2039\\u203a\\u300c-\\u300f"; // quotes, brackets, emphasis
const UNSEEN = "\\xad\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufe0e\\ufe0f\\ufeff";

/** What is undone first: [pattern, what takes its place]. @type {[string, string][]} */
const RULES = [
  [`[${UNSEEN}]+`, ""], // characters that nobody sees
  ["%3a", ":"], // a link inside another one, or copied from an address bar
  ["%2f", "/"],
  ["%3f", "?"],
  ["%26", "&"],
  ["%5b", "["],
  ["%5d", "]"],
  ["%23(?![\\w.~-]{0,15}\\])", "#"], // but not the zone of an address, [fe80::1%23]
];
const UNDONE = RULES.map(([pattern, instead]) => /** @type {const} */ ([new RegExp(pattern, "gi"), instead]));

const ADDRESS = `(?:\\[[^\\][/#?@${SPACE}]+\\]|[a-z0-9._-]+)(?::[0-9]{1,5})?(?:/[a-z0-9._~-]+)*?/r/?`;
const QUERY = `(?:\\?(?:(?!://)[^#"<>${SPACE}])*)?#`; // what counts visitors goes
const WHOLE = new RegExp(`(https?://${ADDRESS})${QUERY}`, "gi");
const BARE = new RegExp(`(?:^|(?<=[_:${SPACE}${AROUND}]))(${ADDRESS})${QUERY}`, "gi");
const SCHEME = new RegExp(`https?:[${SPACE}]*/[${SPACE}]*/`, "gi");
const BREAK = new RegExp(`(?:[${SPACE}]|(?<=[\\n\\r${SPACE}])>)+`, "g"); // a mail breaks its lines, an answer puts > in front
const RUN = new RegExp(`(?:[${SPACE}]|(?<=[\\n\\r${SPACE}])>)*([A-Za-z0-9_-]+)`, "y");

/** The words of a code, and what stands between them. */
export const SEPARATED = `[a-z_.,${DASH}${SPACE}]*`;
const LOOSE = new RegExp(`^[0-9]+${SEPARATED}$`);
const TIGHT = new RegExp(
  `(?<![a-z0-9_./=${DASH}])[0-9]+[a-z_.,${DASH}]*[a-z](?=[.,;:!?\\u2026\\u3002]*(?:[${SPACE}${AROUND}]|$))`,
  "g",
);
const NUMBER = new RegExp(`(?<![a-z0-9_./=${DASH}])[0-9]{1,9}(?![0-9])`, "g");
const PART = new RegExp(`[.,;:!?\\u2026\\u3002](?=[${SPACE}]|$)|[\\r\\n\\u2028\\u2029${AROUND}]`); // ends what is said
const EDGES = new RegExp(`^[.,;:!?\\u2026\\u3002${SPACE}${AROUND}]+|[.,;:!?\\u2026\\u3002${SPACE}${AROUND}]+$`, "g");
const BLANKS = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, "g");

/** @param {string} text */
export function cleaned(text) {
  for (const [pattern, instead] of UNDONE) text = text.replace(pattern, instead);
  return text.replace(BLANKS, "");
}

/** Whether a person who pasted this meant a link, whole or not; else they meant a code. @param {string} text */
export function looksLikeLink(text) {
  const plain = cleaned(text.slice(0, PASTED_CHARS));
  if (linksIn(text).length) return true;
  if (!plain.includes("#") && !plain.includes("/")) return false;
  const broken = new RegExp(`/r/?[?#]|#[${SPACE}]*[A-Za-z0-9_-]{20}`).test(plain);
  return broken || plain.toLowerCase().search(TIGHT) < 0;
}

/** The links of a text, each once and as one is written: an address, `/r#` and what stands behind it.
 * @param {string} text @returns {string[]} */
export function linksIn(text) {
  const plain = cleaned(text.slice(0, PASTED_CHARS));
  let found = [...plain.matchAll(WHOLE)].map((match) => linkOf(plain, match));
  if (!found.length) {
    // the last one in front of its #
    for (const scheme of [...plain.matchAll(SCHEME)].slice(-TRIED_MOST).reverse()) {
      const joined = joinedUp(plain.slice(scheme.index));
      const [match] = joined.matchAll(WHOLE);
      if (match?.index !== 0) continue;
      found = [linkOf(joined, match)];
      break;
    }
  }
  if (!found.length && !plain.includes("://")) found = [...plain.matchAll(BARE)].map((match) => linkOf(plain, match));
  return [...new Set(found)];
}

/** With an address that goes over several lines in one. @param {string} text */
function joinedUp(text) {
  const mark = text.indexOf("#");
  return mark < 0 ? text.replace(BREAK, "") : text.slice(0, mark).replace(BREAK, "") + text.slice(mark);
}

/** A secret that was broken over lines is joined; what follows its 43 characters is no part of it.
 * @param {string} text @param {RegExpExecArray} match */
function linkOf(text, match) {
  let first = "";
  let secret = "";
  RUN.lastIndex = match.index + match[0].length;
  while (secret.length < SECRET_CHARS) {
    const run = RUN.exec(text);
    if (!run) break;
    secret += run[1];
    first ||= secret;
  }
  if (secret.length === SECRET_CHARS + 1 && secret.endsWith("_") && text[match.index - 1] === "_") {
    secret = secret.slice(0, -1); // _emphasis_
  }
  return `${match[1].replace(/\/+$/, "")}#${secret.length === SECRET_CHARS ? secret : first}`;
}

/** Where a code could stand in a text, what is more likely first; whatever is in one list is as likely.
 * @param {string} text @returns {string[][]} */
export function codesIn(text) {
  const plain = cleaned(text.slice(0, PASTED_CHARS)).toLowerCase().replace(EDGES, "").replace(EDGES, "");
  const tight = [...plain.matchAll(TIGHT)].slice(0, TRIED_MOST).map((match) => match[0]);
  const loose = [...plain.matchAll(NUMBER)]
    .slice(0, TRIED_MOST)
    .map((match) => plain.slice(match.index).split(PART, 1)[0]);
  return [...(LOOSE.test(plain) ? [[plain]] : []), tight, loose];
}
