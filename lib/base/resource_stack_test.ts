import assert from "node:assert/strict";
import { ResourceStack } from "./resource_stack.ts";

function resource(name: string, closed: string[], fails = false): AsyncDisposable {
  return {
    [Symbol.asyncDispose]() {
      closed.push(name);
      return fails ? Promise.reject(new Error(name)) : Promise.resolve();
    },
  };
}

Deno.test("ResourceStack closes the last opened first, and once", async () => {
  const closed: string[] = [];
  const opened = new ResourceStack();
  opened.use(resource("a", closed));
  opened.use(resource("b", closed));
  await opened[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
  assert.deepEqual(closed, ["b", "a"]);
});

Deno.test("ResourceStack closes the rest although one fails, and says so", async () => {
  const closed: string[] = [];
  const opened = new ResourceStack();
  opened.use(resource("a", closed));
  opened.use(resource("b", closed, true));
  await assert.rejects(opened[Symbol.asyncDispose](), /b/);
  assert.deepEqual(closed, ["b", "a"]);
});

Deno.test("handOver() leaves nothing to be closed behind", async () => {
  const closed: string[] = [];
  const opened = new ResourceStack();
  opened.use(resource("a", closed));
  const other = opened.move();
  await opened[Symbol.asyncDispose]();
  assert.deepEqual(closed, []);
  await other[Symbol.asyncDispose]();
  assert.deepEqual(closed, ["a"]);
});
