import { strict as assert } from "node:assert";
import { errnoOf, systemFailure, systemFailures } from "./system_failures.ts";
import { failingErrnos, systemError } from "../../tests/support/failing_system.ts";

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  return await work().then(() => assert.fail("it did not fail"), (thrown) => thrown);
}

Deno.test("systemFailure() has the phrase for the errno of a real call", async () => {
  const thrown = await thrownBy(() => Deno.readTextFile(`${import.meta.filename}/below`));
  assert.equal(errnoOf(thrown), "ENOTDIR");
  assert.equal(systemFailure(thrown), "a part of its path is a file, not a folder");
});

Deno.test("systemFailure() describes a full device as a full disk", () => {
  assert.equal(errnoOf(systemError("ENOSPC")), "ENOSPC");
  assert.equal(systemFailure(systemError("ENOSPC")), "the disk is full");
});

Deno.test("systemFailure() has a different phrase for each errno of the table", () => {
  const sentences = Object.keys(systemFailures).map((code) => systemFailure(Object.assign(new Error("x"), { code })));
  assert.equal(new Set(sentences).size, sentences.length);
});

Deno.test("systemFailure() names an errno without a row, and other errors by their class only", () => {
  assert.equal(
    systemFailure(Object.assign(new Error("/secret/path"), { code: "EOVERFLOW" })),
    "the system answers EOVERFLOW",
  );
  assert.equal(systemFailure(new TypeError("/secret/path")), "the system gives no reason (TypeError)");
  assert.equal(systemFailure("text"), "the system gives no reason (unknown)");
});

Deno.test("errnoOf() finds the errnos that neither Deno nor Node names", () => {
  for (const errno of failingErrnos) assert.equal(errnoOf(systemError(errno)), errno);
  // The error of node:fs for errno 122, for which it has no name.
  const unknown = Object.assign(new Error("UNKNOWN: unknown error, open '/x'"), { code: "UNKNOWN", errno: -122 });
  assert.equal(errnoOf(unknown), "EDQUOT");
  assert.equal(systemFailure(new Error("Host is down (os error 112)")), "the system answers error number 112");
});

Deno.test("errnoOf() ignores numbers in a path of the message", () => {
  assert.equal(errnoOf(new Error("failed at '/x: Stale file handle (os error 116)'")), undefined);
  assert.equal(errnoOf("Stale file handle (os error 116)"), undefined);
});

Deno.test("systemFailure() matches the kernel's errors for real files", async () => {
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
