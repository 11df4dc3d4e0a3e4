import assert from "node:assert/strict";
import { KmsError } from "../base/errors.ts";
import type { Event } from "../telemetry/events.ts";
import { MemoryProvider, WrapOnlyProvider } from "../../tests/support/memory_provider.ts";
import { decorate } from "./decorated.ts";

Deno.test("decorate() tells of every try, and makes none while the breaker is open", async () => {
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

Deno.test("decorate() gives unwrapForeign the breaker, the tries and the limits of unwrap, where there is one", async () => {
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
  assert.equal(decorate(bare, context).unwrapForeign, undefined);

  let opened = new Uint8Array(32);
  const open = decorate({ ...bare, unwrapForeign: () => Promise.resolve(opened) }, context);
  assert.deepEqual(await open.unwrapForeign?.({ ciphertext: opened }, { signal }), opened);
  opened = new Uint8Array(65);
  await assert.rejects(async () => await open.unwrapForeign?.({ ciphertext: opened }, { signal }), {
    code: "integrity",
  });

  events.length = 0;
  const failing = decorate({ ...bare, unwrapForeign: away }, context);
  for (let call = 0; call < 3; call++) {
    await assert.rejects(async () => await failing.unwrapForeign?.({ ciphertext: opened }, { signal }));
  }
  assert.deepEqual([events.length, failing.open], [12, true]);
  await assert.rejects(failing.unwrap({ version: "1", ciphertext: opened }, { signal }), { code: "unreachable" });
  assert.equal(events.length, 12);
  const verbs = new Set(events.flatMap((event) => event.type === "provider_call" ? [event.verb] : []));
  assert.deepEqual([...verbs], ["unwrap"]);
});
