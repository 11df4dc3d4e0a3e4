import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { assertVerified, auditKeys, auditLinesIn } from "../../../../tests/support/audit_files.ts";
import type { KeyringAuditEntry } from "../../../api/keyring/audit_format.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { AuditChain, type AuditChainOptions } from "./audit_chain.ts";

const entry: KeyringAuditEntry = {
  requestId: "r1",
  identity: "person:anna",
  action: "read",
  path: "db/prod/john",
  version: 3,
  result: "ok",
  address: "192.0.2.7",
};

interface Opened {
  readonly chain: AuditChain;
  readonly clock: FakeClock;
  readonly path: string;
  readonly notes: string[];
}

async function withChain(options: Partial<AuditChainOptions>, work: (opened: Opened) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const [clock, notes, path] = [new FakeClock(), [] as string[], `${folder}/audit.log`];
    const notify = (state: string, sentence: string) => void notes.push(`${state}: ${sentence}`);
    await using chain = await AuditChain.open(
      { path, serverId: "s1", signingKey: auditKeys.privateKey, clock, onFailure: "refuse", notify, ...options },
    );
    await work({ chain, clock, path, notes });
  });
}

const kinds = (path: string) => auditLinesIn(path).map(({ type }) => type);

Deno.test("AuditChain.open() makes a file of the mode 0600 that begins with a start and a signed line", async () => {
  await withChain({ checkpoint: () => "c1" }, async ({ chain, path }) => {
    equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    const [start, head] = auditLinesIn(path);
    deepEqual(start, {
      type: "start",
      seq: 1,
      time: "2023-11-14T22:13:20.000Z",
      format: 1,
      server: "s1",
      prev: "0".repeat(64),
    });
    deepEqual([head?.type, head?.seq, head?.server, head?.checkpoint], ["head", 2, "s1", "c1"]);
    equal(chain.head().signed, Deno.readTextFileSync(path).split("\n")[1]);
    equal((await assertVerified([path])).checkpoint, "c1");
  });
});

Deno.test("AuditChain.record() has written the line when it is fulfilled, with the entry's own fields alone", async () => {
  await withChain({}, async ({ chain, path }) => {
    await chain.record({ ...entry, note: "a\nb", value: "hunter2", fingerprint: "00ff" } as KeyringAuditEntry);
    const { prev, time, ...line } = auditLinesIn(path).at(-1) ?? {};
    deepEqual(line, { type: "entry", seq: 3, ...entry, note: "a\nb" });
    deepEqual([typeof prev, typeof time], ["string", "string"]);
    await chain.record({ ...entry, path: "p".repeat(3000), note: "\ud800".repeat(600) });
    const cut = auditLinesIn(path).at(-1);
    deepEqual([String(cut?.path).length, String(cut?.note).length], [2064, 513]);
  });
});

Deno.test("AuditChain.record() writes concurrent lines in the order of the calls, in few writes", async () => {
  await withChain({}, async ({ chain, path }) => {
    const ids = Array.from({ length: 2500 }, (_, at) => `r${at}`);
    await Promise.all(ids.map((requestId) => chain.record({ ...entry, requestId })));
    const lines = auditLinesIn(path);
    deepEqual(lines.filter(({ type }) => type === "entry").map(({ requestId }) => requestId), ids);
    const heads = lines.filter(({ type }) => type === "head").map(({ seq }) => seq);
    deepEqual(heads, [2, 1003, 2004], "a signed line after every 1,000 lines");
    deepEqual(chain.head().lines, lines.length);
    const { hash } = chain.head();
    await assertVerified([path], { seq: lines.length, hash });
  });
});

Deno.test("AuditChain signs a line every minute if there is something new", async () => {
  let checkpoint = "c1";
  await withChain({ checkpoint: () => checkpoint }, async ({ chain, clock, path }) => {
    await chain.record(entry);
    await clock.advance(59_000);
    deepEqual(kinds(path), ["start", "head", "entry"]);
    await clock.advance(2000);
    await chain.record(entry);
    deepEqual(kinds(path), ["start", "head", "entry", "head", "entry"]);
    await clock.advance(61_000);
    await chain.record(entry);
    await clock.advance(61_000);
    await chain.record(entry);
    const heads = kinds(path).filter((kind) => kind === "head").length;
    equal(heads, 4);
    await clock.advance(61_000);
    await clock.advance(61_000);
    await clock.advance(61_000);
    await chain.reopen();
    const before = kinds(path).length;
    checkpoint = "c2";
    await clock.advance(61_000);
    await chain.reopen();
    ok(kinds(path).length > before);
    equal((await assertVerified([path])).checkpoint, "c2");
  });
});

Deno.test("AuditChain signs after a thousand lines, also within a minute and within one write", async () => {
  await withChain({}, async ({ chain, path }) => {
    await Promise.all(Array.from({ length: 2_500 }, () => chain.record(entry)));
    const all = kinds(path);
    const heads = all.flatMap((kind, at) => kind === "head" ? [at] : []);
    equal(heads.length, 3, `${heads}`);
    for (const [index, at] of heads.entries()) ok(at - (heads[index - 1] ?? 0) <= 1_001, `${heads}`);
    ok(all.length - (heads.at(-1) ?? 0) <= 1_000, `${heads} of ${all.length}`);
    await assertVerified([path]);
  });
});

Deno.test("AuditChain.deny() makes one line of an address and a minute, with a count", async () => {
  await withChain({}, async ({ chain, clock, path }) => {
    for (let request = 0; request < 500; request++) {
      chain.deny("192.0.2.1", { action: "read", result: "unauthenticated" });
      if (request % 5 === 0) chain.deny("192.0.2.2", { action: "login", result: "rate_limited" });
    }
    await clock.advance(30_000);
    chain.deny("192.0.2.1", { action: "login", result: "unauthenticated" });
    equal(kinds(path).includes("denied"), false);
    await clock.advance(31_000);
    await chain.record(entry);
    const denied = auditLinesIn(path).filter(({ type }) => type === "denied");
    deepEqual(denied.map(({ address, count, action, result, from }) => [address, count, action, result, from]), [
      ["192.0.2.1", 501, "read", "unauthenticated", "2023-11-14T22:13:20.000Z"],
      ["192.0.2.2", 100, "login", "rate_limited", "2023-11-14T22:13:20.000Z"],
    ]);
    for (let address = 0; address < 300; address++) {
      chain.deny(`2001:db8::${address}`, { action: "read", result: "unauthenticated" });
    }
    await chain[Symbol.asyncDispose]();
    const more = auditLinesIn(path).filter(({ type }) => type === "denied").slice(2);
    equal(more.length, 257);
    deepEqual([more.at(-1)?.address, more.at(-1)?.count], ["other addresses", 44]);
    await assertVerified([path]);
  });
});

Deno.test("AuditChain ends with a signed line, and refuses to record afterwards", async () => {
  await withChain({}, async ({ chain, path }) => {
    const last = chain.record(entry);
    await chain[Symbol.asyncDispose]();
    await last;
    deepEqual(kinds(path), ["start", "head", "entry", "head"]);
    const report = await assertVerified([path], { seq: chain.head().lines, hash: chain.head().hash });
    equal(report.signedSeq, report.last?.seq);
    await rejects(chain.record(entry), { code: "draining" });
    chain.deny("192.0.2.1", { action: "read", result: "unauthenticated" });
    await chain[Symbol.asyncDispose]();
  });
});

Deno.test("AuditChain.record() does not wait longer than its signal", async () => {
  await withChain({}, async ({ chain }) => {
    const stopped = new AbortController();
    const waiting = chain.record(entry, stopped.signal);
    stopped.abort();
    await rejects(waiting, { code: "audit_unavailable", message: /the disk did not answer in time/ });
    await rejects(chain.record(entry, stopped.signal), KeyringError);
    match(chain.health().state, /ok/);
  });
});
