import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { KmsError } from "../base/errors.ts";
import type { Event } from "../telemetry/events.ts";
import { MemoryProvider, WrapOnlyProvider } from "../../tests/support/memory_provider.ts";
import { decorate } from "./decorated.ts";

Deno.test("decorate() emits an event for every try, and makes no call while the breaker is open", async () => {
  const events: Event[] = [];
  const away = () => Promise.reject(new KmsError("unreachable", "Away."));
  let disposed = 0;
  const provider = decorate({
    name: "vault-eu",
    kind: "test",
    canUnwrap: true,
    probe: away,
    wrap: away,
    unwrap: away,
    [Symbol.asyncDispose]: () => Promise.resolve(void disposed++),
  }, { notify: (event) => events.push(event) });
  const { signal } = new AbortController();
  const wrapped = { version: "v1", ciphertext: new Uint8Array(75) };

  await assert.rejects(provider.unwrap(wrapped, { signal }), { message: "Away." });
  assert.equal(events.length, 4, "one unwrap, tried four times");
  await assert.rejects(provider.probe({ signal }), { message: "Away." });
  assert.equal(events.length, 5, "one probe, made once");
  await assert.rejects(provider.unwrap(wrapped, { signal }), { code: "unreachable" });
  assert.equal(events.length, 5, "nothing: the breaker is open");
  await provider[Symbol.asyncDispose]();
  assert.equal(disposed, 1);
});

Deno.test("decorate() passes on whether the provider can unwrap", () => {
  for (const provider of [new MemoryProvider("a"), new WrapOnlyProvider("a")]) {
    assert.equal(decorate(provider, { notify: () => {} }).canUnwrap, provider.canUnwrap);
  }
});

Deno.test("decorate() decrypts foreign ciphertexts with the breaker, the tries and the limits of unwrap", async () => {
  const events: Event[] = [];
  const away = () => Promise.reject(new KmsError("unreachable", "Away."));
  const bare = {
    name: "vault-eu",
    kind: "test",
    canUnwrap: true,
    probe: () => Promise.resolve({ version: "1" }),
    wrap: away,
    unwrap: away,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const context = { notify: (event: Event) => void events.push(event) };
  const { signal } = new AbortController();
  let opened = new Uint8Array(32);
  const open = decorate({ ...bare, unwrapForeign: () => Promise.resolve(opened) }, context);
  assert.deepEqual(await open.unwrap({ ciphertext: opened }, { signal }), opened);
  opened = new Uint8Array(65);
  await assert.rejects(open.unwrap({ ciphertext: opened }, { signal }), {
    code: "integrity",
  });

  events.length = 0;
  const failing = decorate({ ...bare, unwrapForeign: away }, context);
  for (let call = 0; call < 3; call++) {
    await assert.rejects(failing.unwrap({ ciphertext: opened }, { signal }));
  }
  assert.equal(events.length, 12, "three calls, each tried four times");
  await assert.rejects(failing.unwrap({ version: "1", ciphertext: opened }, { signal }), { code: "unreachable" });
  assert.equal(events.length, 12);
  const verbs = new Set(events.flatMap((event) => event.type === "provider_call" ? [event.verb] : []));
  assert.deepEqual([...verbs], ["unwrap"]);
});

Deno.test("decorate() refuses a foreign ciphertext if the vendor has no unwrapForeign, and passes it to no other method", async () => {
  const never = () => Promise.reject(new Error("called"));
  const provider = decorate({
    name: "kms",
    kind: "test",
    canUnwrap: true,
    probe: never,
    wrap: never,
    unwrap: never,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }, { notify: () => {} });
  const { signal } = new AbortController();
  await assert.rejects(provider.unwrap({ ciphertext: new Uint8Array(75) }, { signal }), {
    code: "integrity",
    message: 'Cannot decrypt with provider "kms": it reads nothing that others wrote.',
  });
});

Deno.test("decorate() ends the unwrap of a foreign ciphertext when its signal is aborted, even if the vendor ignores it", async () => {
  const pending = () => new Promise<never>(() => {});
  const provider = decorate({
    name: "kms",
    kind: "test",
    canUnwrap: true,
    probe: pending,
    wrap: pending,
    unwrap: pending,
    unwrapForeign: pending,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }, { notify: () => {} });
  const caller = new AbortController();
  const call = provider.unwrap({ ciphertext: new Uint8Array(75) }, { signal: caller.signal });
  caller.abort();
  await assert.rejects(call, { code: "cancelled" });
});

Deno.test("decorate() measures calls and pauses by the clock of its context", async () => {
  const clock = new FakeClock();
  const events: Event[] = [];
  const provider = decorate({
    name: "kms",
    kind: "test",
    canUnwrap: true,
    probe: async () => {
      await clock.advance(1500);
      throw new KmsError("unreachable", "Away.");
    },
    wrap: () => Promise.reject(new Error("called")),
    unwrap: () => Promise.resolve(new Uint8Array(47)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }, { clock, notify: (event) => events.push(event) });
  const { signal } = new AbortController();
  const wrapped = { version: "v1", ciphertext: new Uint8Array(75) };

  await assert.rejects(provider.probe({ signal }), { message: "Away." });
  assert.deepEqual(events.map((event) => event.type === "provider_call" && event.seconds), [1.5]);
  await assert.rejects(provider.unwrap(wrapped, { signal }), { code: "unreachable" });
  await clock.advance(1000);
  assert.equal((await provider.unwrap(wrapped, { signal })).length, 47);
});
