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

Deno.test("ResourceStack closes resources in reverse order, and once", async () => {
  const closed: string[] = [];
  const opened = new ResourceStack();
  opened.use(resource("a", closed));
  opened.use(resource("b", closed));
  await opened[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
  assert.deepEqual(closed, ["b", "a"]);
});

Deno.test("ResourceStack closes all resources although one fails, and throws that failure", async () => {
  const closed: string[] = [];
  const opened = new ResourceStack();
  opened.use(resource("a", closed));
  opened.use(resource("b", closed, true));
  await assert.rejects(opened[Symbol.asyncDispose](), /b/);
  assert.deepEqual(closed, ["b", "a"]);
});

Deno.test("move() leaves nothing to close", async () => {
  const closed: string[] = [];
  const opened = new ResourceStack();
  opened.use(resource("a", closed));
  const other = opened.move();
  await opened[Symbol.asyncDispose]();
  assert.deepEqual(closed, []);
  await other[Symbol.asyncDispose]();
  assert.deepEqual(closed, ["a"]);
});
