/**
 * Each call of the engine fails once in each operation: the operation is refused or done, and the store stays whole.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TestSecrets, textField } from "../../../../tests/support/keyring_secrets.ts";
import { secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { verifyStore } from "./verify.ts";

const { signal } = new AbortController();
const call = { signal };
const one = secretPath("db/prod/one");
const value = (text: string) => ({ fields: [textField("value", text)] });

/** The operations, each with what tells whether it was done. */
const operations = {
  create: [({ secrets }) => secrets.create(secretPath("db/new/two"), value("2"), call), "db/new/two"],
  update: [({ secrets }) => secrets.update(one, value("2"), call), ""],
  patch: [({ secrets }) => secrets.patch(one, { labels: { a: "b" } }, call), ""],
  move: [({ secrets }) => secrets.move(one, secretPath("moved/one"), call), "moved/one"],
  delete: [({ secrets }) => secrets.delete(one, {}, call), ""],
  destroy: [({ secrets }) => secrets.destroy(one, { versions: [1] }, call), ""],
  read: [({ secrets }) => secrets.read(one, { signal }), ""],
  list: [({ secrets }) => secrets.list("" as Parameters<typeof secrets.list>[0], { limit: 9, signal }), ""],
} as const satisfies Record<string, readonly [(stage: TestSecrets) => Promise<unknown>, string]>;

/** What the store holds, as a text. */
async function state({ secrets }: TestSecrets, path: string): Promise<string> {
  const shown = async (at: string) => {
    const info = await secrets.info(secretPath(at), signal).catch(({ code }) => ({ code }));
    return "id" in info ? { ...info, updatedAt: 0 } : info;
  };
  return JSON.stringify([await shown(one), path === "" ? "" : await shown(path)]);
}

for (const [name, [operation, path]] of Object.entries(operations)) {
  Deno.test(`${name}() is refused or done, and never half, where any call of the engine fails`, async () => {
    let faults = 0;
    for (let at = 1;; at++) {
      await using stage = new TestSecrets();
      await stage.make(one, "1");
      await using cold = stage.again();
      await cold.store.ready(signal);
      const before = await state(stage, path);
      let calls = 0;
      stage.engine.before = () => {
        if (++calls === at) throw new KeyringError("store_unavailable", "The disk is full.");
      };
      const result = await operation(cold).then(() => "ok", ({ code }) => code);
      stage.engine.before = () => {};
      if (calls < at) {
        assert.equal(result, "ok");
        break;
      }
      faults++;
      const after = await state(stage, path);
      assert.ok(
        result === "store_unavailable" || after !== before || name === "read" || name === "list",
        `${at} ${result}`,
      );
      await stage.secrets.resume(signal);
      assert.deepEqual((await verifyStore(stage.store, { signal })).problems, [], `${at}`);
      // The server that met the fault serves on.
      assert.equal(await state(cold, path), await state(stage, path));
    }
    assert.ok(faults >= 2, `${faults} faults`);
  });
}

Deno.test("a write whose answer was lost is told as store_unavailable, and is there once", async () => {
  await using stage = new TestSecrets();
  await stage.make(one, "1");
  const { commit } = stage.engine;
  stage.engine.commit = async (...parts) => {
    stage.engine.commit = commit;
    await commit.apply(stage.engine, parts);
    throw new KeyringError("store_unavailable", "The connection was lost.");
  };
  await assert.rejects(stage.secrets.update(one, value("2"), { signal, cas: 1 }), { code: "store_unavailable" });
  await assert.rejects(stage.secrets.update(one, value("2"), { signal, cas: 1 }), { code: "version_mismatch" });
  assert.equal(await stage.text(one), "2");
});
