import { deepEqual, equal, match } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { sha256Hex, utf8 } from "../../base/bytes.ts";
import { chainedLine, chainOrigin, type ChainPosition, positionOf, signedLine } from "./audit_format.ts";
import { maxFragmentLines, verifyAudit } from "./audit_verify.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");

const entry = (before: ChainPosition, action: string) => chainedLine("entry", before, 0, { action });
const after = (before: ChainPosition, line: string) => positionOf(before.seq + 1, utf8(line));
const head = (before: ChainPosition) => signedLine(chainedLine("head", before, 0, { server: "s" }), privateKey);
const marker = (before: ChainPosition, fragment: string) =>
  chainedLine("torn", before, 0, { bytes: utf8(fragment).length, sha256: sha256Hex(utf8(fragment)) });

const first = entry(chainOrigin, "one");
const one = after(chainOrigin, first);

async function report(...files: readonly string[]) {
  const inputs = files.map((text, at) => ({ name: `${at}`, bytes: ReadableStream.from([utf8(text)]) }));
  return await verifyAudit(inputs, publicKey);
}

/** A chain in which a fragment stands behind its first line, with its marker and a signed line. */
function withFragment(fragment: string, declared = fragment): string {
  const closing = marker(one, declared);
  return `${first}\n${fragment}\n${closing}\n${head(after(one, closing))}\n`;
}

Deno.test("verifyAudit() passes over the bytes that a marker declares to be cut off", async () => {
  const whole = entry(one, "two");
  const fragments = [whole.slice(0, 20), whole, "\0\0\0", `${whole.slice(0, 9)}\n${whole.slice(0, 3)}`, "a\nb\nc"];
  for (const fragment of fragments) {
    const { torn, lines, brokenAt } = await report(withFragment(fragment));
    deepEqual({ torn, lines, brokenAt }, { torn: 1, lines: 3, brokenAt: undefined }, fragment);
  }
});

Deno.test("verifyAudit() refuses a marker for other bytes, or for none", async () => {
  const whole = entry(one, "two");
  const cases = [withFragment("abc", "abd"), withFragment("abc", "abcd"), withFragment("abc", "bc")];
  for (const text of cases) match((await report(text)).brokenAt?.reason ?? "", /no line of an audit/);
  const closing = marker(one, "");
  const without = await report(`${first}\n${closing}\n${head(after(one, closing))}\n`);
  match(without.brokenAt?.reason ?? "", /other bytes stand before it/);
  // A marker that takes back a line which a later line continues.
  const two = after(one, whole);
  const late = marker(two, whole);
  match((await report(`${first}\n${whole}\n${late}\n`)).brokenAt?.reason ?? "", /other bytes stand before it/);
});

Deno.test("verifyAudit() finds each changed byte of a fragment and of its marker", async () => {
  const text = withFragment("abcdefghijk");
  for (let at = first.length + 1; at < text.length; at++) {
    const changed = `${text.slice(0, at)}${text[at] === "~" ? "!" : "~"}${text.slice(at + 1)}`;
    const { brokenAt } = await report(changed);
    equal(brokenAt === undefined, false, `byte ${at}`);
  }
});

Deno.test("verifyAudit() takes a marker at the start of the next file", async () => {
  const closing = marker(one, "abc");
  const second = `${closing}\n${head(after(one, closing))}\n`;
  equal((await report(`${first}\nabc`, second)).brokenAt, undefined);
  equal((await report(`${first}\nabc\n`, second)).brokenAt, undefined);
  deepEqual((await report(`${first}\nabc`)).brokenAt, { file: "0", line: 2, reason: "is no line of an audit" });
});

Deno.test("verifyAudit() reports the first line of bytes that no marker follows soon enough", async () => {
  const fragment = "x\n".repeat(maxFragmentLines + 1).trimEnd();
  const { brokenAt, lines } = await report(withFragment(fragment));
  deepEqual([brokenAt?.line, lines], [2, 1]);
  equal((await report(withFragment("x\n".repeat(maxFragmentLines - 2).trimEnd()))).brokenAt, undefined);
});
