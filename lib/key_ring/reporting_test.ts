import { deepEqual, equal, match, rejects } from "node:assert/strict";
import type { ErrorCode } from "../errors.ts";
import type { Provider } from "../provider/provider.ts";
import { MemoryProvider } from "../../tests/support/memory_provider.ts";
import { HealthBoard } from "./health.ts";
import { reporting } from "./reporting.ts";

const call = { signal: new AbortController().signal };

async function setUp() {
  const provider = new MemoryProvider("a");
  const wrapped = await provider.wrap(new Uint8Array(32), { version: "v1" }, call);
  const foreign = { ciphertext: await provider.encryptForeign(new Uint8Array(32)) };
  const board = new HealthBoard([provider], () => 7, () => {});
  const poked: string[] = [];
  const reported = reporting(provider, board, (name) => void poked.push(name));
  return { provider, board, poked, reported, calls: verbs(reported, wrapped, foreign) };
}

function verbs(
  { unwrap, unwrapForeign }: ReturnType<typeof reporting>,
  wrapped: Parameters<Provider["unwrap"]>[0],
  foreign: { readonly ciphertext: Uint8Array },
) {
  return [() => unwrap(wrapped, call), async () => await unwrapForeign?.(foreign, call)];
}

Deno.test("reporting() gives what the provider gives, and notes when", async () => {
  const { board, poked, reported, calls } = await setUp();
  equal(reported.name, "a");
  for (const ask of calls) deepEqual(await ask(), new Uint8Array(32));
  deepEqual([board.of("a").lastGoodAt, board.of("a").state, poked], [7, "unknown", []]);
});

Deno.test("reporting() throws what the provider throws, notes it, and has a provider probed that is not well", async () => {
  const { provider, board, poked, calls } = await setUp();
  const failsWith = async (code: ErrorCode) => {
    provider.faults.set("unwrap", code);
    for (const ask of calls) await rejects(ask, { name: "KmsError", code });
    provider.faults.clear();
  };
  board.succeeded("a", "probe");
  await failsWith("key_unknown");
  deepEqual([board.of("a").state, poked], ["well", []]);
  await failsWith("unreachable");
  deepEqual([board.of("a").state, poked], ["sick", ["a", "a"]]);
});

Deno.test("reporting() notes a failure that is no KmsError as an internal one, and throws it as it is", async () => {
  const { board } = await setUp();
  const thrown = new TypeError("undefined is no function");
  const broken: Provider = {
    name: "a",
    kind: "memory",
    probe: () => Promise.reject(thrown),
    wrap: () => Promise.reject(thrown),
    unwrap: () => Promise.reject(thrown),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const reported = reporting(broken, board, () => {});
  await rejects(reported.unwrap({ version: "1", ciphertext: new Uint8Array(1) }, call), (other) => other === thrown);
  match(board.of("a").message, /^Trousseau failed in a way that it does not know/);
  equal("unwrapForeign" in reported, false);
});
