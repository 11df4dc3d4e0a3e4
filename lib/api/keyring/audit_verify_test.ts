import { deepEqual, equal, match, notEqual, ok, throws } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { utf8 } from "../../base/bytes.ts";
import {
  auditLineKinds,
  chainedLine,
  chainOrigin,
  type ChainPosition,
  maxAuditLineBytes,
  parsedAuditLine,
  positionOf,
  signedLine,
} from "./audit_format.ts";
import type { AuditFile } from "./audit_lines.ts";
import { auditPublicKey, type AuditReport, verifyAudit } from "./audit_verify.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const at = Date.UTC(2030, 0, 2, 3, 4, 5, 678);

/** A chain: a start, entries, and a signed line after every third entry and at the end. */
function chain(entries: number, from: ChainPosition = chainOrigin): { lines: string[]; last: ChainPosition } {
  const lines: string[] = [];
  let last = from;
  const add = (text: string) => {
    lines.push(text);
    last = positionOf(last.seq + 1, utf8(text));
  };
  const sign = () => add(signedLine(chainedLine("head", last, at, { server: "s1", checkpoint: "c7" }), privateKey));
  add(chainedLine("start", last, at, { format: 1, server: "s1" }));
  for (let entry = 1; entry <= entries; entry++) {
    const fields = { requestId: `r${entry}`, identity: "person:änna", action: "read", path: "db/prod", result: "ok" };
    add(chainedLine("entry", last, at + entry, fields));
    if (entry % 3 === 0) sign();
  }
  if (entries % 3 !== 0) sign();
  return { lines, last };
}

function file(bytes: Uint8Array | string, name = "audit.log", chunk = 1 << 16): AuditFile {
  const all = typeof bytes === "string" ? utf8(bytes) : bytes;
  return {
    name,
    bytes: (async function* () {
      for (let from = 0; from < all.length; from += chunk) {
        yield await Promise.resolve(all.subarray(from, from + chunk));
      }
    })(),
  };
}

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
const verified = (lines: readonly string[], expected?: ChainPosition) =>
  verifyAudit([file(text(lines))], publicKey, expected);

Deno.test("verifyAudit() accepts a chain, whatever the chunks in which it is read", async () => {
  const { lines, last } = chain(7);
  for (const size of [1, 7, 1000, 1 << 16]) {
    const report = await verifyAudit([file(text(lines), "a", size)], publicKey, last);
    const expected: AuditReport = {
      lines: 11,
      firstSeq: 1,
      firstTime: "2030-01-02T03:04:05.678Z",
      last: { ...last, time: "2030-01-02T03:04:05.678Z" },
      server: "s1",
      heads: 3,
      signedSeq: 11,
      checkpoint: "c7",
      torn: 0,
      lost: 0,
    };
    deepEqual(report, expected);
  }
});

Deno.test("verifyAudit() finds every flipped bit of every byte", async () => {
  const { lines } = chain(4);
  const bytes = utf8(text(lines));
  for (let index = 0; index < bytes.length; index++) {
    for (const bit of index % 8 === 0 ? [0, 1, 2, 3, 4, 5, 6, 7] : [index % 8]) {
      const changed = bytes.slice();
      changed[index] = (changed[index] ?? 0) ^ (1 << bit);
      const { brokenAt } = await verifyAudit([file(changed)], publicKey);
      ok(brokenAt !== undefined, `byte ${index}, bit ${bit}`);
      const line = new TextDecoder().decode(bytes.subarray(0, index)).split("\n").length;
      ok(brokenAt.line === line || brokenAt.line === line + 1, `byte ${index} in line ${line}: ${brokenAt.line}`);
    }
  }
});

Deno.test("verifyAudit() finds a line that was removed, doubled, swapped or cut, and names its place", async () => {
  const { lines, last } = chain(6);
  for (const [index, line] of lines.entries()) {
    const without = await verified(lines.toSpliced(index, 1), last);
    // A removed first line leaves a chain that begins later, as if older files were not part of the input.
    if (index === 0) equal(without.firstSeq, 2);
    else notEqual(without.brokenAt, undefined, `removed ${index}`);
    const doubled = (await verified(lines.toSpliced(index, 0, line), last)).brokenAt;
    deepEqual([doubled?.file, doubled?.line], ["audit.log", index + 2], `doubled ${index}`);
    match(doubled?.reason ?? "", /^has the number/);
    const next = lines[index + 1];
    if (next !== undefined) {
      notEqual((await verified(lines.toSpliced(index, 2, next, line), last)).brokenAt, undefined, `swapped ${index}`);
    }
    const cut = (await verified(lines.with(index, line.slice(0, -5)), last)).brokenAt;
    deepEqual([cut?.line, cut?.reason], [index + 1, "is no line of an audit"]);
  }
});

Deno.test("verifyAudit() finds missing lines at the end by a head that was kept elsewhere, and not without it", async () => {
  const { lines, last } = chain(6);
  const short = lines.slice(0, 5);
  equal((await verified(short)).brokenAt, undefined);
  equal((await verified(short)).signedSeq, 5);
  const { brokenAt } = await verified(short, last);
  deepEqual(brokenAt, {
    file: "audit.log",
    line: 5,
    reason: `is the last one, and the kept head names line number ${last.seq}: lines are missing`,
  });
  match((await verified([], last)).brokenAt?.reason ?? "", /lines are missing/);
  match((await verified(lines, { ...last, hash: "0".repeat(64) })).brokenAt?.reason ?? "", /kept head names/);
  match((await verified(lines.slice(3), { seq: 2, hash: last.hash })).brokenAt?.reason ?? "", /begin after line/);
});

Deno.test("verifyAudit() refuses a rewritten chain, whose hashes are right, by its signatures", async () => {
  const other = generateKeyPairSync("ed25519");
  const { lines } = chain(4);
  const { brokenAt } = await verifyAudit([file(text(lines))], other.publicKey);
  deepEqual(brokenAt, { file: "audit.log", line: 5, reason: "is not signed by this key" });
  const unsigned = await verified(lines.slice(0, 4));
  deepEqual(unsigned.brokenAt, { file: "audit.log", line: 4, reason: "is the last one, and no line is signed" });
  match((await verified([])).brokenAt?.reason ?? "", /no line is signed/);
});

Deno.test("verifyAudit() follows a chain through files, and refuses one of another server", async () => {
  const first = chain(4);
  const second = chain(3, first.last);
  const files = () => [file(text(first.lines), "audit.log.1"), file(text(second.lines), "audit.log")];
  equal((await verifyAudit(files(), publicKey, second.last)).lines, 12);
  const { brokenAt } = await verifyAudit(files().toReversed(), publicKey);
  deepEqual([brokenAt?.file, brokenAt?.line], ["audit.log.1", 1]);
  equal((await verifyAudit([file(text(second.lines))], publicKey)).firstSeq, 8);
  const other = chainedLine("start", first.last, at, { format: 1, server: "s2" });
  match((await verified([...first.lines, other])).brokenAt?.reason ?? "", /another server/);
});

Deno.test("verifyAudit() stops at a line that says that lines are missing", async () => {
  const { lines, last } = chain(3);
  const start = chainedLine("start", { ...last, seq: last.seq + 4 }, at, { format: 1, server: "s1", missing: 4 });
  const found = (await verified([...lines, start])).brokenAt;
  deepEqual([found?.line, found?.reason], [6, `has the number ${last.seq + 5} where ${last.seq + 1} follows`]);
  const only = chainedLine("start", last, at, { format: 1, server: "s1", missing: 4 });
  match((await verified([only])).brokenAt?.reason ?? "", /4 lines before it are missing/);
});

Deno.test("verifyAudit() reports the last line of a file that has no line feed", async () => {
  const { lines } = chain(3);
  const { brokenAt } = await verifyAudit([file(text(lines).slice(0, -1))], publicKey);
  deepEqual([brokenAt?.line, brokenAt?.reason.slice(0, 10)], [5, "is cut off"]);
});

Deno.test("verifyAudit() refuses a line that is longer than any of a server, in bounded memory", async () => {
  const { lines } = chain(3);
  const long = "x".repeat(40 * maxAuditLineBytes);
  const { brokenAt } = await verified([lines[0] ?? "", long, ...lines.slice(1)]);
  deepEqual([brokenAt?.line, brokenAt?.reason], [2, "is no line of an audit"]);
});

Deno.test("verifyAudit() is total: any bytes give a report", async () => {
  const { lines } = chain(3);
  const line = fc.oneof(fc.constantFrom(...lines), fc.string(), fc.json());
  await fc.assert(
    fc.asyncProperty(fc.array(line), async (some) => {
      const report = await verified(some);
      ok(report.lines <= some.length * 2);
    }),
  );
});

Deno.test("parsedAuditLine() refuses what no server writes", () => {
  const { lines: [line = ""] } = chain(1);
  equal(parsedAuditLine(utf8(line))?.kind, "start");
  const changes: readonly (readonly [RegExp | string, string])[] = [
    [/^/, " "],
    [/$/, " "],
    [/$/, "\r"],
    ['"seq":1', '"seq":"1"'],
    ['"seq":1', '"seq":0'],
    ['"seq":1', '"seq":1.5'],
    ['"start"', '"other"'],
    ['"start"', '"toString"'],
    [/"prev":"0/, '"prev":"A'],
    [/,"prev.*$/, "}"],
  ];
  for (const [from, to] of changes) equal(parsedAuditLine(utf8(line.replace(from, to))), undefined, `${from} ${to}`);
  equal(parsedAuditLine(Uint8Array.of(0x7b, 0xff, 0x7d)), undefined);
  deepEqual(Object.keys(auditLineKinds), ["start", "entry", "denied", "lost", "torn", "head"]);
});

Deno.test("auditPublicKey() takes an Ed25519 public key in PEM alone", () => {
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  ok(auditPublicKey(pem).equals(publicKey));
  const others = [
    "",
    "x",
    privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "pem" }).toString(),
  ];
  for (const other of others) throws(() => auditPublicKey(other), { code: "request_invalid" });
});
