import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { assertVerified, auditKeys, auditLinesIn } from "../../../../tests/support/audit_files.ts";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { makeFifo } from "../../../../tests/support/fifo.ts";
import { waitFor } from "../../../../tests/support/processes.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import type { KeyringAuditEntry } from "../../../api/keyring/audit_format.ts";
import { AuditChain, type AuditChainOptions } from "./audit_chain.ts";
import { ChainFile, unavailable } from "./chain_file.ts";

const entry: KeyringAuditEntry = { requestId: "r1", identity: "person:anna", action: "read", result: "ok" };
const clock = new FakeClock();

function open(path: string, options: Partial<AuditChainOptions> = {}): Promise<AuditChain> {
  return AuditChain.open({
    path,
    serverId: "s1",
    signingKey: auditKeys.privateKey,
    clock,
    onFailure: "refuse",
    ...options,
  });
}

/** Waits until calls of the system that are under way have changed the state. */
async function becomes(chain: AuditChain, state: "ok" | "failed"): Promise<void> {
  await waitFor(`the state ${state}`, () => chain.health().state === state, { timeoutMs: 20_000, everyMs: 2 });
}

const refused = (why: RegExp) => ({ code: "audit_unavailable", message: why });

Deno.test("AuditChain.open() refuses what is no file of its own, with a sentence that says what to do", async () => {
  await inFolder(async (folder) => {
    const cases: readonly (readonly [string, (path: string) => Promise<unknown>, RegExp])[] = [
      ["folder", (path) => Deno.mkdir(path), /it is a folder; name a file in it/],
      ["fifo", makeFifo, /it is no regular file; name one\.$/],
      ["link", (path) => Deno.symlink(`${folder}/elsewhere`, path), /it is a symbolic link; name the file itself\.$/],
      ["none/audit.log", () => Promise.resolve(), /make its folder first\.$/],
      ["file/audit.log", () => Deno.writeTextFile(`${folder}/file`, ""), /a part of its path is a file/],
      ["others", async (path) => {
        await Deno.writeTextFile(path, "");
        await Deno.chmod(path, 0o622);
      }, /others may write it; take that right away by `chmod go-w`\.$/],
      ["text", (path) => Deno.writeTextFile(path, "no audit\n".repeat(100)), /move it away to begin another one\.$/],
      ["zeros", (path) => Deno.writeFile(path, new Uint8Array(300_000)), /move it away to begin another one\.$/],
    ];
    for (const [name, prepare, why] of cases) {
      await prepare(`${folder}/${name}`);
      await rejects(open(`${folder}/${name}`), refused(why), name);
      await rejects(open(`${folder}/${name}`, { onFailure: "continue" }), refused(why), name);
    }
  });
});

Deno.test("AuditChain refuses to write to a file that was removed, and goes on in a new one after SIGHUP", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    const notes: string[] = [];
    await using chain = await open(path, { notify: (state, sentence) => notes.push(`${state}: ${sentence}`) });
    await chain.record(entry);
    const text = await Deno.readTextFile(path);
    await Deno.remove(path);
    const why = /the file was removed; put a copy in its place if there is one, then send SIGHUP\.$/;
    await rejects(chain.record(entry), refused(why));
    await rejects(chain.record(entry), refused(why));
    match(chain.health().reason ?? "", why);
    throws(() => chain.requireWritable(), refused(why));
    await Deno.writeTextFile(path, text);
    await chain.reopen();
    await chain.record(entry);
    chain.requireWritable();
    deepEqual(chain.health(), { state: "ok", lost: 0 });
    deepEqual(notes.map((note) => note.split(":")[0]), ["failed", "recovered"]);
    await Deno.remove(path);
    await rejects(chain.record(entry), refused(why));
    await chain.reopen();
    await chain.record(entry);
    await assertVerified([path]);
  });
});

Deno.test("AuditChain refuses to write behind lines of another program", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    await using chain = await open(path);
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, "other\n", { append: true });
    const why = /another program has changed it; stop that program, move the file away, then send SIGHUP\.$/;
    await rejects(chain.record(entry), refused(why));
    await Deno.truncate(path, 5);
    await rejects(chain.record(entry), refused(why));
    await rejects(chain.reopen(), refused(/move it away/));
    await Deno.rename(path, `${folder}/odd`);
    await chain.reopen();
    await chain.record(entry);
    await Deno.writeTextFile(`${folder}/before`, text);
    await assertVerified([`${folder}/before`, path]);
  });
});

/** Makes appends end after some bytes, as a full disk does, until it is disposed of. */
function failingAppends(bytes: () => number, cut: boolean): Disposable {
  const { append, cut: realCut } = ChainFile.prototype;
  ChainFile.prototype.append = async function (all) {
    const { written } = await append.call(this, all.subarray(0, bytes()));
    return { written, failure: unavailable(this.path, "the disk is full; make room there") };
  };
  if (!cut) ChainFile.prototype.cut = () => Promise.resolve(false);
  return { [Symbol.dispose]: () => void Object.assign(ChainFile.prototype, { append, cut: realCut }) };
}

for (const cut of [true, false]) {
  Deno.test(`AuditChain goes on behind the last whole line of a cut-off write, ${cut ? "which it removes" : "which it cannot remove"}`, async () => {
    await inFolder(async (folder) => {
      const path = `${folder}/audit.log`;
      await using chain = await open(path);
      await chain.record(entry);
      const line = (await Deno.readTextFile(path)).split("\n")[2]?.length ?? 0;
      const results: PromiseSettledResult<void>[] = [];
      for (const bytes of [0, 1, line, line + 1, line + 2, 2 * line + 1]) {
        using _ = failingAppends(() => bytes, cut);
        results.push(...await Promise.allSettled([1, 2, 3].map(() => chain.record(entry))));
        for (const again of [5, 40]) {
          using _ = failingAppends(() => again, cut);
          results.push(...await Promise.allSettled([chain.record(entry)]));
        }
        results.push(...await Promise.allSettled([chain.record(entry)]));
      }
      const written = auditLinesOf(path).filter(({ type }) => type === "entry").length;
      equal(written, 1 + results.filter(({ status }) => status === "fulfilled").length);
      await chain[Symbol.asyncDispose]();
      const { torn } = await assertVerified([path], { seq: chain.head().lines, hash: chain.head().hash });
      equal(torn > 0, !cut);
    });
  });
}

/** The lines that parse: a fragment may be a whole line without its line feed, which its marker declares to be none. */
function auditLinesOf(path: string): readonly Record<string, unknown>[] {
  const lines = Deno.readTextFileSync(path).trimEnd().split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
  return lines.filter(({ seq }, at) => lines[at + 1]?.seq !== seq);
}

Deno.test("AuditChain with onFailure continue answers, counts and reports the lines that it could not write", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    await using chain = await open(path, { onFailure: "continue" });
    {
      using _ = failingAppends(() => 0, true);
      for (let request = 0; request < 5; request++) await chain.record(entry);
      deepEqual([chain.health().state, chain.health().lost], ["failed", 5]);
    }
    await chain.record(entry);
    deepEqual(chain.health(), { state: "ok", lost: 5 });
    deepEqual(auditLinesIn(path).slice(2).map(({ type, count }) => [type, count]), [["lost", 5], ["entry", undefined]]);
    await chain[Symbol.asyncDispose]();
    equal((await assertVerified([path])).lost, 5);
  });
});

Deno.test("AuditChain finds out by itself that writing works again", async () => {
  await inFolder(async (folder) => {
    await using chain = await open(`${folder}/audit.log`);
    {
      using _ = failingAppends(() => 3, true);
      await rejects(chain.record(entry), refused(/the disk is full; make room there\.$/));
      await clock.advance(2000);
      equal(chain.health().state, "failed");
    }
    await clock.advance(2000);
    await becomes(chain, "ok");
  });
});

Deno.test("AuditChain refuses while the disk does not take what was written, and is well once it does", async () => {
  await inFolder(async (folder) => {
    await using chain = await open(`${folder}/audit.log`);
    const { sync } = ChainFile.prototype;
    ChainFile.prototype.sync = function () {
      return Promise.reject(unavailable(this.path, "the disk reports an input/output error; look at the kernel log"));
    };
    try {
      await clock.advance(1000);
      await becomes(chain, "failed");
      await rejects(chain.record(entry), refused(/input\/output error/));
    } finally {
      ChainFile.prototype.sync = sync;
    }
    await clock.advance(1000);
    await becomes(chain, "ok");
    await chain.record(entry);
    equal(chain.health().state, "ok");
  });
});

Deno.test("AuditChain refuses more than 10,000 lines that wait for a disk", async () => {
  await inFolder(async (folder) => {
    await using chain = await open(`${folder}/audit.log`);
    const { append } = ChainFile.prototype;
    const disk = Promise.withResolvers<void>();
    ChainFile.prototype.append = async function (bytes) {
      await disk.promise;
      return await append.call(this, bytes);
    };
    try {
      const waiting = Array.from({ length: 10_000 }, () => chain.record(entry));
      await rejects(chain.record(entry), refused(/the disk is slower than the requests; look at its load\.$/));
      disk.resolve();
      await Promise.all(waiting);
    } finally {
      ChainFile.prototype.append = append;
    }
    await chain.record(entry);
    equal(chain.health().lost, 0);
  });
});

Deno.test("AuditChain keeps every line below the limit of the verification, whatever its texts", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    await using chain = await open(path);
    const long = "\u0001".repeat(5000);
    await chain.record({
      ...entry,
      requestId: long,
      identity: long,
      action: long,
      path: long,
      address: long,
      note: long,
    });
    chain.deny(long, { action: long, result: "unauthenticated" });
    await chain[Symbol.asyncDispose]();
    equal((await assertVerified([path])).lines, 5);
  });
});
