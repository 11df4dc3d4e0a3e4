/**
 * The order of `docs/kms/local.md` for a local key that several nodes share: a copy is rotated, and the file is replaced on
 * every node.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { waitFor } from "../support/processes.ts";
import { Node, type Plugin } from "./harness/plugin.ts";

const call = { signal: new AbortController().signal };

/** A node's local provider, which looks at its file each second. */
function config(node: Node, create: boolean) {
  const keyFile = join(node.folder, "local.keys");
  return { providers: [{ name: "local", kind: "local", keyFile, create }], probe: { interval: "1s" } };
}

async function keyId(plugin: Plugin): Promise<string> {
  return (await plugin.status()).key_id;
}

/** No key ID is announced within four seconds of a Status, so that one more of them is not asked for before. */
async function announced(plugin: Plugin, but: string): Promise<string> {
  const changed = async () => (await keyId(plugin)) !== but && await keyId(plugin);
  const { value } = await waitFor("a new key ID", changed, { timeoutMs: 90_000, everyMs: 5_000 });
  assert.ok(typeof value === "string");
  return value;
}

/** Replaces the live file in one step, as `mv` does. */
async function putInPlace(node: Node, content: string): Promise<void> {
  await node.write("local.keys.new", content);
  await Deno.rename(join(node.folder, "local.keys.new"), join(node.folder, "local.keys"));
}

Deno.test("a rotated copy of a shared local key has no effect until it is put in place, and no node needs a restart", async () => {
  await using one = await Node.make();
  await using two = await Node.make();
  await using first = await one.start(config(one, true));
  await two.write("local.keys", await Deno.readTextFile(join(one.folder, "local.keys")));
  await using second = await two.start(config(two, false));
  const before = await announced(first, "");
  assert.equal(await announced(second, ""), before, "one file, one key ID");

  const copy = await one.write("copy.keys", await Deno.readTextFile(join(one.folder, "local.keys")));
  const rotating = await one.write(
    "rotate.yaml",
    JSON.stringify({
      state: join(one.folder, "state"),
      providers: [{ name: "local", kind: "local", keyFile: copy }],
    }),
  );
  const { code, stderr } = await one.command("keys", "rotate", "--config", rotating);
  assert.equal(code, 0, stderr);
  const rotated = await Deno.readTextFile(copy);
  assert.notEqual(rotated, await Deno.readTextFile(join(one.folder, "local.keys")));

  await putInPlace(one, rotated);
  const after = await announced(first, before);
  assert.equal(await keyId(second), before, "the other node goes on under the old key");
  const plaintext = crypto.getRandomValues(new Uint8Array(32));
  const sealed = await first.client.v2.Encrypt({ plaintext, uid: "e" }, call);
  const request = {
    uid: "d",
    key_id: sealed.key_id,
    ciphertext: sealed.ciphertext,
    annotations: sealed.annotations,
  };
  await assert.rejects(second.client.v2.Decrypt(request, call), "a node without the file does not open it");

  await putInPlace(two, rotated);
  const opened = await waitFor("the Decrypt", () => second.client.v2.Decrypt(request, call), { timeoutMs: 5_000 });
  assert.deepEqual(new Uint8Array(opened.value.plaintext), plaintext);
  assert.equal(await announced(second, before), after, "one file, one key ID");
});
