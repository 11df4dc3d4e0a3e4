import { strict as assert } from "node:assert";
import { errnoOf, systemFailure, systemFailures } from "./system_failures.ts";

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  return await work().then(() => assert.fail("it did not fail"), (thrown) => thrown);
}

Deno.test("systemFailure() gives the errno of a real call its sentence", async () => {
  const thrown = await thrownBy(() => Deno.readTextFile(`${import.meta.filename}/below`));
  assert.equal(errnoOf(thrown), "ENOTDIR");
  assert.equal(systemFailure(thrown), "a part of its path is a file, not a folder");
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
