import assert from "node:assert/strict";
import type { Event } from "../telemetry/events.ts";
import type { HttpCall } from "../net/https/endpoint.ts";
import { limitConcurrency, type RemoteKey } from "./concurrency_limit.ts";

const names = { name: "a", kind: "double" };
const { signal } = new AbortController();

/** A key that answers when the test releases it. */
class HeldKey implements RemoteKey {
  readonly calls: HttpCall[] = [];
  readonly release = Promise.withResolvers<void>();
  disposed = 0;

  probe(call: HttpCall) {
    this.calls.push(call);
    return Promise.resolve({ version: "1" });
  }

  async wrap(dek: Uint8Array, { version }: { version: string }, call: HttpCall) {
    this.calls.push(call);
    await this.release.promise;
    return { version, ciphertext: dek };
  }

  async unwrap({ ciphertext }: { ciphertext: Uint8Array }, call: HttpCall) {
    this.calls.push(call);
    await this.release.promise;
    return ciphertext;
  }

  [Symbol.asyncDispose]() {
    this.disposed++;
    return Promise.resolve();
  }
}

Deno.test("limitConcurrency() has at most 16 requests of a verb in flight, each with its action, and queues the rest", async () => {
  const key = new HeldKey();
  const events: Event[] = [];
  const provider = limitConcurrency(names, key, (event) => events.push(event));
  const dek = Uint8Array.of(7);
  const wraps = Array.from({ length: 20 }, () => provider.wrap(dek, { version: "1" }, { signal }));
  const unwraps = Array.from({ length: 20 }, () => provider.unwrap({ version: "1", ciphertext: dek }, { signal }));
  await provider.probe({ signal });
  assert.equal(key.calls.length, 33);
  key.release.resolve();
  assert.deepEqual(await Promise.all(wraps), wraps.map(() => ({ version: "1", ciphertext: dek })));
  assert.deepEqual(await Promise.all(unwraps), unwraps.map(() => dek));
  const actions = Map.groupBy(key.calls, ({ action }) => action);
  assert.deepEqual([...actions].map(([action, calls]) => [action, calls.length]), [
    ['wrap with provider "a"', 20],
    ['unwrap with provider "a"', 20],
    ['probe with provider "a"', 1],
  ]);
  assert.equal(events.filter(({ type }) => type === "batch").length, 40);
  await provider[Symbol.asyncDispose]();
  assert.equal(key.disposed, 1);
});

Deno.test("limitConcurrency() decrypts foreign bytes only if the key does, and through the same queue", async () => {
  const key = new HeldKey();
  assert.equal(limitConcurrency(names, key, () => {}).unwrapForeign, undefined);
  const calls: HttpCall[] = [];
  const able = Object.assign(new HeldKey(), {
    unwrapForeign({ ciphertext }: { ciphertext: Uint8Array }, call: HttpCall) {
      calls.push(call);
      return Promise.resolve(ciphertext);
    },
  });
  const opened = await limitConcurrency(names, able, () => {}).unwrapForeign?.({ ciphertext: Uint8Array.of(1) }, {
    signal,
  });
  assert.deepEqual(opened, Uint8Array.of(1));
  assert.deepEqual(calls.map(({ action }) => action), ['unwrap with provider "a"']);
});
