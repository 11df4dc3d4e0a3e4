import { deepEqual, equal, match, rejects } from "node:assert/strict";
import type { ErrorCode } from "../base/errors.ts";
import type { CheckedProvider } from "../provider/provider.ts";
import { MemoryProvider } from "../../tests/support/memory_provider.ts";
import { HealthBoard } from "./health.ts";
import { reportsHealth } from "./reporting.ts";

const call = { signal: new AbortController().signal };

async function setUp() {
  const provider = new MemoryProvider("a");
  const wrapped = await provider.wrap(new Uint8Array(32), { version: "v1" }, call);
  const foreign = { ciphertext: await provider.encryptForeign(new Uint8Array(32)) };
  const board = new HealthBoard([{ name: "a", kind: "memory", probed: true }], () => 7, () => {});
  const poked: string[] = [];
  const reported = reportsHealth(
    provider,
    board,
    (name, { ciphertext }) => void poked.push(`${name} ${ciphertext.length}`),
  );
  const lengths = [wrapped, foreign].map(({ ciphertext }) => `a ${ciphertext.length}`);
  return { provider, board, poked, lengths, reported, calls: verbs(reported, wrapped, foreign) };
}

function verbs(
  { unwrap }: ReturnType<typeof reportsHealth>,
  ...ciphertexts: readonly Parameters<CheckedProvider["unwrap"]>[0][]
) {
  return ciphertexts.map((ciphertext) => () => unwrap(ciphertext, call));
}

Deno.test("reportsHealth() gives what the provider gives, and notes when", async () => {
  const { board, poked, reported, calls } = await setUp();
  equal(reported.name, "a");
  for (const ask of calls) deepEqual(await ask(), new Uint8Array(32));
  deepEqual([board.of("a").lastGoodAt, board.of("a").state, poked], [7, "unknown", []]);
});

Deno.test("reportsHealth() throws what the provider throws, notes it, and says which one is not well", async () => {
  const { provider, board, poked, lengths, calls } = await setUp();
  const failsWith = async (code: ErrorCode) => {
    provider.faults.set("unwrap", code);
    for (const ask of calls) await rejects(ask, { name: "KmsError", code });
    provider.faults.clear();
  };
  board.succeeded("a", "probe");
  await failsWith("key_unknown");
  deepEqual([board.of("a").state, poked], ["well", []]);
  await failsWith("unreachable");
  deepEqual([board.of("a").state, poked], ["sick", lengths]);
});

Deno.test("reportsHealth() notes a failure that is no KmsError as an internal one, and throws it as it is", async () => {
  const { board } = await setUp();
  const thrown = new TypeError("undefined is no function");
  const broken: CheckedProvider = {
    name: "a",
    kind: "memory",
    canUnwrap: true,
    probe: () => Promise.reject(thrown),
    wrap: () => Promise.reject(thrown),
    unwrap: () => Promise.reject(thrown),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const reported = reportsHealth(broken, board, () => {});
  await rejects(reported.unwrap({ version: "1", ciphertext: new Uint8Array(1) }, call), (other) => other === thrown);
  match(board.of("a").message, /^Trousseau failed in a way that it does not know/);
});
