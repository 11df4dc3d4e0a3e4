import assert from "node:assert/strict";
import { KmsError } from "../errors.ts";
import type { Event } from "../events.ts";
import { decorate } from "./decorated.ts";

Deno.test("decorate() tells of every try, and makes none while the breaker is open", async () => {
  const events: Event[] = [];
  const away = () => Promise.reject(new KmsError("unreachable", "Away."));
  let disposed = 0;
  const provider = decorate({
    name: "vault-eu",
    kind: "test",
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
