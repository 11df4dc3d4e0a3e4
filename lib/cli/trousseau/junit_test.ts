import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import type { PluginCriterion } from "../../conformance/criteria.ts";
import { junitXml, type TimedFinding } from "./junit.ts";

const criterion: PluginCriterion = "a seed of 32 bytes comes back";

function finding(changes: Partial<TimedFinding>): TimedFinding {
  return { criterion, api: "v2", weight: "must", result: "holds", detail: "32 bytes", seconds: 0.25, ...changes };
}

const subject = { socket: "/run/hsm/kms.sock", startedAt: Date.UTC(2026, 10, 3, 18, 3, 12) };

/** The elements in their order, each with its depth. Throws unless the text is well-formed XML with attributes only. */
function elements(xml: string): readonly [depth: number, name: string, attributes: Record<string, string>][] {
  const found: [number, string, Record<string, string>][] = [];
  const open: string[] = [];
  let rest = xml;
  const take = (pattern: RegExp) => {
    const hit = pattern.exec(rest);
    if (hit !== null) rest = rest.slice(hit[0].length);
    return hit;
  };
  equal(take(/^<\?xml version="1\.0" encoding="UTF-8"\?>\s*/)?.length, 1);
  while (rest !== "") {
    const closing = take(/^<\/([a-z]+)>\s*/);
    if (closing !== null) {
      equal(open.pop(), closing[1]);
      continue;
    }
    const [, name = "", list = "", single] = take(/^<([a-z]+)((?: [a-z]+="[^"<>]*")*)(\/?)>\s*/) ?? [];
    if (name === "") throw new Error(`This is no XML: ${rest.slice(0, 60)}`);
    const pairs = [...list.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, text(value)]);
    equal(new Set(pairs.map(([key]) => key)).size, pairs.length, "an attribute is given once");
    found.push([open.length, name, Object.fromEntries(pairs)]);
    if (single === "") open.push(name);
  }
  deepEqual(open, []);
  return found;
}

function text(value: string): string {
  doesNotMatch(value, /&(?!(amp|lt|gt|quot);)/);
  return value.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&amp;/g, "&");
}

Deno.test("junitXml() has a suite for each API and a case for each finding, with counts and times", () => {
  const found = elements(junitXml([
    finding({}),
    finding({ result: "fails", weight: "should", detail: "it said no", seconds: 1.5 }),
    finding({ api: "v1beta1", result: "untried", detail: "the time was up", seconds: 0 }),
  ], subject));
  const suite = { errors: "0", timestamp: "2026-11-03T18:03:12" };
  const counts = { tests: "2", failures: "1", skipped: "0", time: "1.750" };
  deepEqual(found, [
    [0, "testsuites", { name: "trousseau conformance", tests: "3", failures: "1", errors: "0", time: "1.750" }],
    [1, "testsuite", { name: "KMS v2", ...counts, ...suite }],
    [2, "properties", {}],
    [3, "property", { name: "socket", value: "/run/hsm/kms.sock" }],
    [2, "testcase", { name: criterion, classname: "kms.v2.must", time: "0.250" }],
    [2, "testcase", { name: criterion, classname: "kms.v2.should", time: "1.500" }],
    [3, "failure", { type: "should", message: "it said no" }],
    [1, "testsuite", { name: "KMS v1beta1", ...suite, tests: "1", failures: "0", skipped: "1", time: "0.000" }],
    [2, "properties", {}],
    [3, "property", { name: "socket", value: "/run/hsm/kms.sock" }],
    [2, "testcase", { name: criterion, classname: "kms.v1beta1.must", time: "0.000" }],
    [3, "skipped", { message: "the time was up" }],
  ]);
});

Deno.test("junitXml() escapes any text of a plugin, and contains no character that XML does not permit", () => {
  const said = `it said <a href="x">&amp;'</a>\n]]>\x1b[2J\0\ud800 \ufffe é 🔑`;
  const xml = junitXml([finding({ result: "fails", detail: said })], subject);
  // deno-lint-ignore no-control-regex
  doesNotMatch(xml, /[\0-\x08\x0b-\x1f\x7f\ufffe\uffff]/);
  const [message] = elements(xml).filter(([, name]) => name === "failure").map(([, , { message }]) => message);
  equal(message, `it said <a href="x">&amp;'</a> ]]>\ufffd[2J\ufffd\ufffd \ufffd é 🔑`);
  match(xml, /message="it said &lt;a href=&quot;x&quot;&gt;&amp;amp;/);
});

Deno.test("junitXml() writes a very short time without an exponent", () => {
  match(junitXml([finding({ seconds: 1e-9 })], subject), /time="0\.000"/);
});
