import assert from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../base/errors.ts";
import { type Audit, auditLine, openAudit } from "./audit.ts";
import type { AuditEvent } from "./events.ts";
import { eventArbitraries } from "../../tests/support/event_arbitraries.ts";
import type { LineTarget } from "./line_target.ts";
import { auditTo } from "./audit.ts";
import { makeFifo } from "../../tests/support/fifo.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

const at = Date.UTC(2030, 0, 2, 3, 4, 5, 678);
const decrypt: AuditEvent = {
  type: "rpc",
  api: "v2",
  operation: "decrypt",
  result: "ok",
  seconds: 0.0004125,
  uid: "u-1",
  keyId: "t1-0",
  providers: [{ name: "vault-eu", version: "3" }],
  cache: "hit",
};

const now = () => at;
const onReport = () => {};

function lines(path: string): readonly Record<string, unknown>[] {
  return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

const written = async (done: () => boolean) => {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
};

Deno.test("auditLine() has the caller, the operation, the keys and the result", () => {
  assert.deepEqual(JSON.parse(auditLine(decrypt, 7, at)), {
    type: "audit",
    time: "2030-01-02T03:04:05.678Z",
    seq: 7,
    operation: "decrypt",
    api: "v2",
    uid: "u-1",
    keyId: "t1-0",
    providers: [{ name: "vault-eu", version: "3" }],
    result: "ok",
    cache: "hit",
    durationMs: 0.413,
  });
  const foreign = JSON.parse(auditLine({ ...decrypt, foreign: "vault-kubernetes-kms" }, 7, at));
  assert.equal(foreign.format, "vault-kubernetes-kms");
  const refused: AuditEvent = { ...decrypt, result: "integrity", message: "Cannot open it.", cause: "canary" };
  const line = JSON.parse(auditLine(refused, 8, at));
  assert.deepEqual([line.result, line.message, line.cause], ["integrity", "Cannot open it.", undefined]);
});

Deno.test("auditLine() leaves out members that a service's event does not have", () => {
  const event: AuditEvent = { type: "rpc", api: "keyring", operation: "get", result: "ok", seconds: 0.001, uid: "u-2" };
  assert.deepEqual(JSON.parse(auditLine(event, 9, at)), {
    type: "audit",
    time: "2030-01-02T03:04:05.678Z",
    seq: 9,
    operation: "get",
    api: "keyring",
    uid: "u-2",
    result: "ok",
    durationMs: 1,
  });
});

Deno.test("auditLine() is one line of JSON for any call", () => {
  fc.assert(fc.property(eventArbitraries.rpc, (event) => {
    const line = auditLine(event, 1, at);
    assert.match(line, /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*\n$/u);
    const read = JSON.parse(line);
    assert.deepEqual([read.uid, read.keyId, read.result], [event.uid, event.keyId, event.result]);
    assert.deepEqual(read.providers, event.providers?.map(({ name, version }) => ({ name, version })));
  }));
});

Deno.test("auditTo() writes the lines of auditLine(), whichever calls came before", async () => {
  const rpc = eventArbitraries.rpc.filter(({ operation }) => operation !== "status");
  // Events with the same objects, as calls under one data key have them.
  const calls = fc.uniqueArray(rpc, { minLength: 1, maxLength: 3 }).chain((few) =>
    fc.array(fc.tuple(fc.constantFrom(...few), fc.constantFrom(at, at + 1)))
  );
  await fc.assert(fc.asyncProperty(calls, async (calls) => {
    const pieces: Uint8Array[] = [];
    const target: LineTarget = {
      prepare: () => Promise.resolve(false),
      write: (bytes) => Promise.resolve(pieces.push(bytes.slice()) && bytes.length),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const audit = auditTo(target, { now, onReport });
    for (const [event, when] of calls) audit.record({ ...event, uid: `${event.uid}"` }, when);
    await audit[Symbol.asyncDispose]();
    const text = pieces.map((piece) => new TextDecoder().decode(piece)).join("");
    assert.equal(
      text,
      calls.map(([event, when], n) => auditLine({ ...event, uid: `${event.uid}"` }, n + 1, when)).join(""),
    );
  }));
});

Deno.test("openAudit() writes every Encrypt and Decrypt, and no Status", () =>
  inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    await using audit = await openAudit({ to: path, now, onReport });
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    for (const operation of ["status", "encrypt", "decrypt"] as const) audit.record({ ...decrypt, operation }, 0);
    audit.record({ ...decrypt, operation: "encrypt", result: "request_invalid" }, 0);
    await written(() => lines(path).length === 3);
    assert.deepEqual(lines(path).map(({ operation, result, seq }) => [operation, result, seq]), [
      ["encrypt", "ok", 1],
      ["decrypt", "ok", 2],
      ["encrypt", "request_invalid", 3],
    ]);
  }));

Deno.test("openAudit() loses nothing in a burst, closed at once", () =>
  inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    const audit = await openAudit({ to: path, now, onReport });
    for (let n = 0; n < 20_000; n++) audit.record({ ...decrypt, uid: `u-${n}` }, 0);
    await audit[Symbol.asyncDispose]();
    assert.equal(audit.lost, 0);
    const read = lines(path);
    assert.equal(read.length, 20_000);
    for (const [n, line] of read.entries()) assert.deepEqual([line.uid, line.seq], [`u-${n}`, n + 1]);
  }));

Deno.test("openAudit() appends to an existing file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    for (let start = 0; start < 2; start++) {
      await using audit = await openAudit({ to: path, now, onReport });
      audit.record(decrypt, 0);
    }
    assert.deepEqual(lines(path).map(({ seq }) => seq), [1, 1]);
  }));

Deno.test("openAudit() continues in a new file when the old one was renamed or removed", () =>
  inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    await using audit = await openAudit({ to: path, now, onReport });
    audit.record({ ...decrypt, uid: "first" }, 0);
    await written(() => lines(path).length === 1);
    await Deno.rename(path, `${path}.1`);
    audit.record({ ...decrypt, uid: "second" }, 0);
    await written(() => exists(path) && lines(path).length === 1);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    await Deno.remove(path);
    audit.record({ ...decrypt, uid: "third" }, 0);
    await written(() => exists(path) && lines(path).length === 1);
    assert.deepEqual(lines(`${path}.1`).map(({ uid }) => uid), ["first"]);
    assert.deepEqual(lines(path).map(({ uid }) => uid), ["third"]);
    assert.equal(audit.lost, 0);
  }));

Deno.test("openAudit() continues a stream over rotations without losing or repeating a line", () =>
  inFolder(async (folder) => {
    const path = `${folder}/audit.log`;
    const audit = await openAudit({ to: path, now, onReport });
    for (let n = 0; n < 400; n++) {
      audit.record({ ...decrypt, uid: `u-${n}` }, 0);
      if (n % 100 === 99) {
        await written(() => exists(path) && lines(path).some(({ uid }) => uid === `u-${n}`));
        await Deno.rename(path, `${path}.${n}`);
      }
    }
    await audit[Symbol.asyncDispose]();
    const all = [99, 199, 299, 399].flatMap((n) => lines(`${path}.${n}`).map(({ seq }) => seq));
    assert.deepEqual(all, Array.from({ length: 400 }, (_, n) => n + 1));
  }));

Deno.test("openAudit() reports in one sentence why a path cannot be used", () =>
  inFolder(async (folder) => {
    const cases = [[`${folder}/none/audit.log`, /its folder does not exist/], [folder, /it is a folder/]] as const;
    for (const [to, reason] of cases) {
      await assert.rejects(openAudit({ to, now, onReport }), (thrown) => {
        assert.ok(thrown instanceof KmsError);
        assert.equal(thrown.code, "config");
        assert.match(thrown.message, reason);
        assert.ok(thrown.message.startsWith(`Cannot write the audit stream to "${to}"`));
        return true;
      });
    }
  }));

Deno.test("Audit.problem() reports a failing stream, and lost lines permanently", async () => {
  let failing = true;
  let text = "";
  const target: LineTarget = {
    prepare: () => failing ? Promise.reject(new Deno.errors.NotFound()) : Promise.resolve(false),
    write: (bytes) => {
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const audit: Audit = auditTo(target, { now, onReport, flushMs: 1, retryMs: 1, maxBuffered: 300 });
  assert.equal(audit.problem(), "");
  audit.record(decrypt, 0);
  await written(() => audit.problem() !== "");
  assert.equal(
    audit.problem(),
    "The audit stream cannot be written: there is no such file or folder; its lines are kept while there is room.",
  );
  audit.record(decrypt, 0);
  assert.equal(audit.lost, 1);
  failing = false;
  await written(() => audit.problem() === "1 audit lines were lost since the start.");
  await audit[Symbol.asyncDispose]();
  const [first, second] = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(first.seq, 1);
  assert.deepEqual(second, { type: "audit_gap", time: "2030-01-02T03:04:05.678Z", lost: 1 });
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("openAudit() refuses a FIFO, whose opening would wait for a reader, and a device", () =>
  inFolder(async (folder) => {
    await makeFifo(`${folder}/audit.log`);
    for (const to of [`${folder}/audit.log`, "/dev/null"]) {
      await assert.rejects(openAudit({ to, now, onReport }), {
        code: "config",
        message: /: it is no regular file; name one, or stdout\.$/,
      });
    }
  }));
