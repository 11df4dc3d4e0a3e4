import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { assertVerified, auditKeys, auditLinesIn, verifiedFiles } from "../../../../tests/support/audit_files.ts";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import type { KeyringAuditEntry } from "../../../api/keyring/audit_format.ts";
import { AuditChain, type AuditChainOptions } from "./audit_chain.ts";

const entry: KeyringAuditEntry = { requestId: "r1", identity: "person:anna", action: "read", result: "ok" };

function open(path: string, options: Partial<AuditChainOptions> = {}): Promise<AuditChain> {
  const clock = new FakeClock();
  return AuditChain.open(
    { path, serverId: "s1", signingKey: auditKeys.privateKey, clock, onFailure: "refuse", ...options },
  );
}

/** Records one entry in a process of its own. */
async function session(path: string, options: Partial<AuditChainOptions> = {}): Promise<AuditChain> {
  await using chain = await open(path, options);
  await chain.record(entry);
  return chain;
}

const kinds = (path: string) => auditLinesIn(path).map(({ type }) => type);

Deno.test("AuditChain.reopen() goes on in a new file after a rename, and signs the end of the old one", async () => {
  await inFolder(async (folder) => {
    const [path, old] = [`${folder}/audit.log`, `${folder}/audit.log.1`];
    await using chain = await open(path);
    await chain.record(entry);
    await Deno.rename(path, old);
    await chain.record(entry);
    await chain.reopen();
    await chain.record(entry);
    deepEqual(kinds(old), ["start", "head", "entry", "entry", "head"]);
    deepEqual(kinds(path).slice(0, 3), ["start", "head", "entry"]);
    const { lines, hash } = chain.head();
    equal((await assertVerified([old, path], { seq: lines, hash })).lines, lines);
    await assertVerified([path]);
    match((await verifiedFiles([path, old])).brokenAt?.reason ?? "", /has the number/);
  });
});

Deno.test("AuditChain.reopen() without a rename stays in its file, and after `create` of logrotate goes on in the new one", async () => {
  await inFolder(async (folder) => {
    const [path, old] = [`${folder}/audit.log`, `${folder}/audit.log-20301231`];
    await using chain = await open(path);
    await chain.reopen();
    await chain.record(entry);
    deepEqual(kinds(path), ["start", "head", "head", "entry"]);
    await Deno.rename(path, old);
    await Deno.writeTextFile(path, "", { mode: 0o640 });
    await chain.reopen();
    await chain.record(entry);
    await assertVerified([old, path]);
  });
});

Deno.test("AuditChain.reopen() refuses a file with other lines, and goes on in the old one", async () => {
  await inFolder(async (folder) => {
    const [path, old] = [`${folder}/audit.log`, `${folder}/audit.log.1`];
    await using chain = await open(path);
    await Deno.rename(path, old);
    await session(`${folder}/other.log`);
    await Deno.rename(`${folder}/other.log`, path);
    await rejects(chain.reopen(), {
      code: "audit_unavailable",
      message: /the file does not end with the last line of this audit; move it away, then send SIGHUP\.$/,
    });
    await chain.record(entry);
    equal(kinds(old).at(-1), "entry");
    await assertVerified([old]);
  });
});

Deno.test("AuditChain.open() continues the chain of its file, and that of a file that was rotated in the meantime", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    await session(path);
    await session(path);
    equal((await assertVerified([path])).lines, 8);
    await Deno.rename(path, `${folder}/audit.log.1`);
    await session(path);
    await Deno.rename(`${folder}/audit.log.1`, `${folder}/audit.log.2`);
    await Deno.rename(path, `${folder}/audit.log.1`);
    await Deno.writeTextFile(`${folder}/audit.log.3.gz`, "no audit");
    await Deno.writeTextFile(`${folder}/audit.log.old`, "no audit");
    const { lines, hash } = (await session(path)).head();
    equal(lines, 16);
    await assertVerified([`${folder}/audit.log.2`, `${folder}/audit.log.1`, path], { seq: lines, hash });
  });
});

Deno.test("AuditChain.open() closes a line that a crash has cut off by a marker", async () => {
  await inFolder(async (folder) => {
    const whole = `${folder}/whole.log`;
    await session(whole);
    const text = await Deno.readTextFile(whole);
    const ends = [...text.matchAll(/\n/g)].map(({ index }) => index + 1);
    for (let size = 1; size < text.length; size += 41) {
      const path = `${folder}/${size}/audit.log`;
      await Deno.mkdir(`${folder}/${size}`);
      await Deno.writeTextFile(path, text.slice(0, size));
      await session(path);
      const report = await assertVerified([path]);
      equal(report.torn, ends.includes(size) ? 0 : 1, `${size}`);
      // A second crash in the middle of the marker's line.
      const cut = Math.max(size, (await Deno.readTextFile(path)).indexOf('"torn"') + 20);
      await Deno.truncate(path, cut);
      await session(path);
      equal((await assertVerified([path])).lost, 0);
    }
  });
});

Deno.test("AuditChain.open() closes a cut-off line at the end of a file that was rotated in the meantime", async () => {
  await inFolder(async (folder) => {
    const [path, old] = [`${folder}/audit.log`, `${folder}/audit.log.1`];
    await session(path);
    await Deno.truncate(path, (await Deno.stat(path)).size - 30);
    await Deno.rename(path, old);
    await session(path);
    equal(kinds(path)[0], "torn");
    equal((await assertVerified([old, path])).torn, 1);
  });
});

Deno.test("AuditChain.open() says how many lines are missing since a head that was kept elsewhere", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    await session(path);
    const { lines: seq, hash } = (await session(path)).head();
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.split("\n").slice(0, 3).join("\n") + "\n");
    await session(path, { known: { seq, hash } });
    const start = auditLinesIn(path)[3];
    deepEqual([start?.type, start?.seq, start?.missing, start?.prev], ["start", seq + 1, seq - 3, hash]);
    ok((await verifiedFiles([path])).brokenAt !== undefined);
    await Deno.remove(path);
    await session(path, { known: { seq, hash } });
    match((await verifiedFiles([path])).brokenAt?.reason ?? "", /8 lines before it are missing/);
    await Deno.writeTextFile(path, text);
    await session(path, { known: { seq, hash } });
    await assertVerified([path], { seq, hash });
  });
});
