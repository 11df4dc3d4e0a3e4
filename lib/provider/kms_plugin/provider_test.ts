import assert from "node:assert/strict";
import { newDek, probe, refuses, unwrap, wrap, wrapNow } from "../../../tests/conformance/stage.ts";
import { PluginDouble } from "../../../tests/support/plugin_double.ts";
import { waitFor } from "../../../tests/support/processes.ts";
import { KmsError } from "../../base/errors.ts";
import { enforceContract } from "../enforced_contract.ts";
import type { Provider } from "../provider.ts";
import { Waits } from "../../base/waits.ts";
import { openKmsPlugin } from "./provider.ts";
import { decodeWrapped } from "./wrapped.ts";

interface Opened extends AsyncDisposable {
  readonly plugin: PluginDouble;
  readonly provider: Provider;
}

async function opened(): Promise<Opened> {
  const plugin = await PluginDouble.start();
  const provider = await openKmsPlugin({ kind: "kms-plugin", name: "hsm", socket: plugin.socket });
  return {
    plugin,
    provider,
    async [Symbol.asyncDispose]() {
      await provider[Symbol.asyncDispose]();
      await plugin[Symbol.asyncDispose]();
    },
  };
}

Deno.test("openKmsPlugin() sends nothing; a probe is one Status, a wrap one Encrypt, an unwrap one Decrypt", async () => {
  await using world = await opened();
  const { plugin, provider } = world;
  assert.deepEqual(plugin.calls, []);
  const state = await probe(provider);
  const wrapped = await wrap(provider, newDek(), state);
  await unwrap(provider, wrapped);
  assert.deepEqual(plugin.calls.map(({ rpc, authority }) => [rpc, authority]), [
    ["Status", "localhost"],
    ["Encrypt", "localhost"],
    ["Decrypt", "localhost"],
  ]);
  for (const { timeout } of plugin.calls) {
    assert.match(timeout ?? "", /^\d+[munSM]$/, "the plugin is told the deadline");
  }
});

Deno.test("wrap() stores key_id, ciphertext and annotations, and unwrap() passes them back", async () => {
  await using world = await opened();
  const { plugin, provider } = world;
  plugin.keys.naming = (lineage, version) => `${"kéy ".repeat(200)}${lineage}-${version}`;
  plugin.keys.rotate();
  const dek = newDek();
  const wrapped = await wrapNow(provider, dek);
  assert.match(wrapped.version, /^sha256:[0-9a-f]{64}$/);
  const inside = decodeWrapped(wrapped.ciphertext);
  assert.equal(inside?.key_id, plugin.keys.current);
  assert.deepEqual(Object.keys(inside.annotations), ["nonce.double.test"]);
  assert.deepEqual(await unwrap(provider, wrapped), dek);
});

Deno.test("wrap() returns the true version of an answer that is newer than announced, and refuses an older one", async () => {
  await using world = await opened();
  const { plugin: { keys }, provider } = world;
  const [first, before] = [keys.current, await probe(provider)];
  keys.rotate();
  const newer = await wrap(provider, newDek(), before);
  assert.equal(newer.version, keys.current);
  const now = await probe(provider);
  keys.goBackTo(first);
  await refuses(provider, wrap(provider, newDek(), now), ["unreachable"], "older than what was announced");
  // The ring's announcement alone counts: a version is not refused for good.
  assert.equal((await wrap(provider, newDek(), await probe(provider))).version, first);
});

Deno.test("wrap() refuses a key_id that Status does not announce", async () => {
  await using world = await opened();
  const { plugin, provider } = world;
  const before = await probe(provider);
  plugin.before = (rpc) => rpc === "Encrypt" ? plugin.keys.rotate() : plugin.keys.goBackTo(before.version);
  await refuses(provider, wrap(provider, newDek(), before), ["unreachable"], "another key_id than announced");
});

Deno.test("wrap() refuses an answer that is too large to be stored, in a sentence", async () => {
  await using world = await opened();
  const { plugin, provider } = world;
  const state = await probe(provider);
  const annotations = (count: number, size: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}.test`, new Uint8Array(size)]));
  for (
    const [given, why] of [[annotations(2, 2000), /takes 4\d\d\d bytes/], [annotations(300, 1), /too many/]] as const
  ) {
    const sound = plugin.keys.encrypt.bind(plugin.keys);
    plugin.keys.encrypt = (plaintext) => ({ ...sound(plaintext), annotations: given });
    const { message } = await refuses(provider, wrap(provider, newDek(), state), ["provider_protocol"], "too large");
    assert.match(message, why);
    plugin.keys.encrypt = sound;
  }
});

Deno.test("wrap() and probe() refuse an answer that kube-apiserver would refuse", async () => {
  await using world = await opened();
  const { plugin: { keys }, provider } = world;
  const state = await probe(provider);
  const sound = keys.encrypt.bind(keys);
  for (
    const part of [{ ciphertext: new Uint8Array(1025) }, { key_id: "" }, { annotations: { No: new Uint8Array(1) } }]
  ) {
    keys.encrypt = (plaintext) => ({ ...sound(plaintext), ...part });
    await refuses(provider, wrap(provider, newDek(), state), ["provider_protocol"], JSON.stringify(part));
  }
  for (const keyId of ["", "x".repeat(1025)]) {
    keys.status = () => keyId;
    await refuses(provider, probe(provider), ["provider_protocol"], "key_id");
  }
});

Deno.test("unwrap() distinguishes bytes that a plugin without codes cannot decrypt from a plugin that decrypts nothing", async () => {
  await using world = await opened();
  const { plugin, provider } = world;
  plugin.knowsCodes = false;
  const foreign = await wrapNow(provider, newDek());
  plugin.keys.remove();
  plugin.keys.create();
  await refuses(provider, unwrap(provider, foreign), ["integrity"], "bytes of a key that is gone");
  plugin.keys.disable();
  await refuses(provider, unwrap(provider, foreign), ["unreachable"], "a plugin that opens nothing");
  await refuses(provider, probe(provider), ["unreachable"], "probe");
});

Deno.test("unwrap() of changed bytes sends no request", async () => {
  await using world = await opened();
  const { plugin, provider } = world;
  const wrapped = await wrapNow(provider, newDek());
  const asked = plugin.calls.length;
  const other = await wrapNow(provider, newDek());
  const changed = [
    { ...wrapped, ciphertext: wrapped.ciphertext.subarray(1) },
    { ...wrapped, version: "key-9" },
    { ...wrapped, ciphertext: Uint8Array.of(...wrapped.ciphertext, ...other.ciphertext) },
    { ...wrapped, ciphertext: new Uint8Array(5000) },
  ];
  for (const one of changed) await refuses(provider, unwrap(provider, one), ["integrity"], "changed");
  assert.equal(plugin.calls.length, asked + 2, "only the second wrap was asked for");
});

Deno.test("probe() reports an unhealthy plugin, and does not repeat its message", async () => {
  await using world = await opened();
  const { plugin, provider } = world;
  plugin.fault = { kind: "unwell", healthz: "login with hunter2 failed" };
  plugin.keys.remove();
  const { message } = await refuses(provider, probe(provider), ["unreachable"], "unwell");
  assert.match(message, /it says that it is not well; "trousseau probe --socket"/);
});

Deno.test("calls reach a restarted plugin again", async () => {
  await using world = await opened();
  const { plugin, provider } = world;
  const dek = newDek();
  const wrapped = await wrapNow(provider, dek);
  await plugin.stop();
  // Enough failures for grpc-js to back off for half a minute, which the client must prevent.
  let last = "";
  for (let failed = 0; failed < 8; failed++) {
    last = (await refuses(provider, probe(provider), ["unreachable"], "gone")).message;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.match(last, /there is no such socket: |nobody listens on the socket: /);
  await plugin.listen();
  const tries = { count: 0 };
  await waitFor("the plugin", () => (tries.count++, probe(provider)), { timeoutMs: 30_000, everyMs: 250 });
  assert.ok(tries.count <= 8, `${tries.count} tries`);
  assert.deepEqual(await unwrap(provider, wrapped), dek);
});

Deno.test({
  name: "openKmsPlugin() reports missing permissions of Deno",
  permissions: { read: true, net: true, write: false, env: "inherit" },
  async fn() {
    const open = async () => await openKmsPlugin({ kind: "kms-plugin", name: "hsm", socket: "/elsewhere/kms.sock" });
    await assert.rejects(open, { code: "config", message: /put the socket there\.$/ });
  },
});

Deno.test("the error for a plugin that does not respond names its socket and the seconds", async () => {
  await using plugin = await PluginDouble.start();
  plugin.fault = { kind: "hang" };
  const context = { notify: () => {}, waits: new Waits() };
  const settings = { kind: "kms-plugin", name: "hsm", socket: plugin.socket } as const;
  await using provider = enforceContract(await openKmsPlugin(settings, context), context);
  await assert.rejects(provider.probe({ signal: AbortSignal.timeout(400) }), (thrown) => {
    assert.ok(thrown instanceof KmsError && thrown.code === "deadline_exceeded");
    const [sentence] = thrown.message.split(" within ");
    assert.equal(sentence, `Cannot probe provider "hsm": the plugin at unix://${plugin.socket} did not answer`);
    return true;
  });
});
