import assert from "node:assert/strict";
import { deadline } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import { enforceContract } from "../provider/enforced_contract.ts";
import type { Provider } from "../provider/provider.ts";
import { Waits } from "../base/waits.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { memoryProviders } from "../../tests/support/memory_provider.ts";
import { DekResolver } from "./dek_resolver.ts";
import { Latencies } from "./latency.ts";
import { dekUnwrapper, type Holder } from "./unwrap.ts";
import { UnwrapCache } from "./unwrap_cache.ts";

/** A provider whose server never answers an unwrap. */
function silent(inner: Provider): Provider {
  const waits = new Waits();
  const hanging: Provider = {
    ...inner,
    name: inner.name,
    kind: inner.kind,
    canUnwrap: inner.canUnwrap,
    unwrap: () => {
      waits.begin(`Vault at https://${inner.name}.test`).connected();
      return new Promise(() => {});
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return enforceContract(hanging, { notify: () => {}, waits });
}

function holders(...names: string[]): Holder[] {
  return memoryProviders(...names).map((provider) => ({
    provider: dekUnwrapper(silent(provider), "v2"),
    wrap: { name: provider.name, version: "1", ciphertext: new Uint8Array(48) },
    sick: false,
  }));
}

async function errorOf(asked: readonly Holder[]): Promise<KmsError> {
  const clock = new FakeClock();
  using source = new DekResolver({
    cache: new UnwrapCache({ entries: 10, maxAgeMs: 1000, graceOnOutageMs: 0, lifetimeMs: 1000 }, clock, () => {}),
    clock,
    strategy: "fastest",
    latencies: new Latencies(),
    lastGoodAt: () => undefined,
    onMismatch: () => {},
  });
  using bound = deadline(300, new AbortController().signal);
  const call = { signal: bound.signal };
  try {
    await source.open({ reference: "00", holders: () => asked, open: () => undefined, call });
  } catch (thrown) {
    assert.ok(thrown instanceof KmsError, String(thrown));
    return thrown;
  }
  throw new Error("It opened.");
}

Deno.test("open() says which server was silent for how long when an RPC's deadline passes", async () => {
  const { code, message } = await errorOf(holders("a"));
  assert.equal(code, "deadline_exceeded");
  assert.match(
    message,
    /^Cannot unwrap with provider "a": Vault at https:\/\/a\.test did not answer within 0\.\d s\.$/,
  );
});

Deno.test("open() says it of every provider that was asked", async () => {
  const { code, message } = await errorOf(holders("a", "b"));
  assert.equal(code, "deadline_exceeded");
  assert.match(
    message,
    /^Cannot unwrap a data key within the deadline\. .*https:\/\/a\.test did not answer within 0\.\d s\./,
  );
});
