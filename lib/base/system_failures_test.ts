import { strict as assert } from "node:assert";
import { errnoOf, systemFailure, systemFailures } from "./system_failures.ts";
import { failingErrnos, systemError } from "../../tests/support/failing_system.ts";

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  return await work().then(() => assert.fail("it did not fail"), (thrown) => thrown);
}

Deno.test("systemFailure() gives the errno of a real call its sentence", async () => {
  const thrown = await thrownBy(() => Deno.readTextFile(`${import.meta.filename}/below`));
  assert.equal(errnoOf(thrown), "ENOTDIR");
  assert.equal(systemFailure(thrown), "a part of its path is a file, not a folder");
});

Deno.test("systemFailure() a full device is said to be a full disk", () => {
  assert.equal(errnoOf(systemError("ENOSPC")), "ENOSPC");
  assert.equal(systemFailure(systemError("ENOSPC")), "the disk is full");
});

Deno.test("systemFailure() every errno of the table has its own sentence", () => {
  const sentences = Object.keys(systemFailures).map((code) => systemFailure(Object.assign(new Error("x"), { code })));
  assert.equal(new Set(sentences).size, sentences.length);
});

Deno.test("systemFailure() an errno without a row is named, and a stranger by its class alone", () => {
  assert.equal(
    systemFailure(Object.assign(new Error("/secret/path"), { code: "EOVERFLOW" })),
    "the system answers EOVERFLOW",
  );
  assert.equal(systemFailure(new TypeError("/secret/path")), "the system gives no reason (TypeError)");
  assert.equal(systemFailure("text"), "the system gives no reason (unknown)");
});

Deno.test("errnoOf() names the errnos that neither Deno nor Node names", () => {
  for (const errno of failingErrnos) assert.equal(errnoOf(systemError(errno)), errno);
  // The error of node:fs for 122, an errno that it has no name for.
  const unknown = Object.assign(new Error("UNKNOWN: unknown error, open '/x'"), { code: "UNKNOWN", errno: -122 });
  assert.equal(errnoOf(unknown), "EDQUOT");
  assert.equal(systemFailure(new Error("Host is down (os error 112)")), "the system answers error number 112");
});

Deno.test("errnoOf() takes no number from a path in the message", () => {
  assert.equal(errnoOf(new Error("failed at '/x: Stale file handle (os error 116)'")), undefined);
  assert.equal(errnoOf("Stale file handle (os error 116)"), undefined);
});

Deno.test("systemFailure() says what the kernel says of real files", async () => {
  const busy = () => Deno.open(Deno.execPath(), { write: true });
  const cases: Readonly<Record<string, () => Promise<unknown>>> = {
    "it is being executed": busy,
    "its path is too long": () => Deno.open("x".repeat(300)),
    "it is a folder": () => Deno.open("/tmp", { write: true }),
    "there is no such file or folder": () => Deno.open("/nowhere"),
    "a part of its path is a file, not a folder": () => Deno.open("/etc/hostname/x"),
  };
  for (const [said, work] of Object.entries(cases)) assert.equal(systemFailure(await thrownBy(work)), said);
});
