import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCode, parseCode } from "../../../src/burrowspace/web/core/codes.js";
import { formatLink, parseLink } from "../../../src/burrowspace/web/core/links.js";
import { looksLikeLink } from "../../../src/burrowspace/web/core/pasted.js";
import { code, held } from "./vectors.mjs";

const VECTORS = held("pasted");

for (const { what, text, server } of VECTORS.links) {
  test(`a link survives: ${what}`, () => {
    assert.ok(looksLikeLink(text));
    const link = parseLink(text);
    assert.equal(formatLink(link.server, link.secret), `${server}/r#${VECTORS.secret}`);
  });
}

for (const { what, text } of VECTORS.no_links) {
  test(`no link: ${what}`, () => {
    assert.ok(looksLikeLink(text));
    assert.throws(() => parseLink(text), code("bad-link"));
  });
}

for (const each of VECTORS.codes) {
  test(`a code survives: ${each.what}`, () => {
    assert.ok(!looksLikeLink(each.text));
    assert.equal(formatCode(parseCode(each.text)), each.code);
  });
}

for (const { what, text, meant } of VECTORS.no_codes) {
  test(`no code: ${what}`, () => {
    assert.throws(
      () => parseCode(text),
      (error) => error.code === "bad-code" && (error.fields.suggestion ?? null) === meant,
    );
  });
}
