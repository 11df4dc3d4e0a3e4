import assert from "node:assert/strict";
import { type Override, PluginDouble, type RpcPath } from "../../tests/support/plugin_double.ts";
import { tryPlugin } from "./run.ts";
import { byHand, criterionNames, endsAtChange, signal } from "../../tests/support/conformance_run.ts";

Deno.test("tryPlugin() finds no fault in a sound plugin, and lists the untried criteria", async () => {
  await using plugin = await PluginDouble.start();
  const started: string[] = [];
  const findings = await tryPlugin(plugin.socket, signal, (criterion) => started.push(criterion));
  assert.deepEqual(started, criterionNames);
  const others = findings.filter(({ result }) => result !== "holds");
  assert.deepEqual(others.map(({ criterion, result }) => [criterion, result]), byHand.map((name) => [name, "untried"]));
});

Deno.test("tryPlugin() marks the criteria of an API that is not served as untried", async () => {
  await using plugin = await PluginDouble.start();
  plugin.servesV1beta1 = false;
  const old = (await tryPlugin(plugin.socket, signal)).filter(({ api }) => api === "v1beta1");
  assert.ok(old.length > 5);
  for (const { result, detail } of old) {
    assert.deepEqual([result, detail], ["untried", "it does not serve KMS v1beta1"]);
  }
});

Deno.test("tryPlugin() throws if no process listens, or if the server is not a KMS plugin", async () => {
  await using plugin = await PluginDouble.start();
  await assert.rejects(tryPlugin(`${plugin.socket}.other`, signal), { code: "unreachable" });
  plugin.fault = { kind: "status", code: 12 };
  await assert.rejects(tryPlugin(plugin.socket, signal), { code: "provider_protocol", message: /neither KMS v2 nor/ });
});

Deno.test("tryPlugin() ends in time with a plugin that hangs, and when its signal is aborted", async () => {
  await using plugin = await PluginDouble.start();
  plugin.faultOf = { Encrypt: { kind: "hang" }, Decrypt: { kind: "hang" } };
  const findings = await tryPlugin(plugin.socket, signal, () => {}, { each: 50, all: 500 });
  assert.ok(findings.some(({ detail }) => detail === "it was not through in its time"));
  assert.ok(findings.some(({ detail }) => detail === "the time was up"));
  assert.ok(!findings.some(({ criterion, result }) => criterion.includes("comes back") && result === "holds"));
  await assert.rejects(tryPlugin(plugin.socket, AbortSignal.abort()), { code: "cancelled" });
});

Deno.test("tryPlugin() names the request that ended a plugin, and continues after its restart", async () => {
  for (const comesBack of [false, true]) {
    await using plugin = await PluginDouble.start();
    endsAtChange(plugin, "v2", "ciphertext");
    const findings = await tryPlugin(plugin.socket, signal, (criterion) => {
      if (comesBack && criterion === "a changed ciphertext is refused") void plugin.listen();
    });
    const found = new Map(findings.map(({ criterion, result, detail }) => [criterion, { result, detail }]));
    assert.equal(found.get("a changed ciphertext never opens to other bytes")?.result, "holds");
    assert.equal(found.get("a changed ciphertext is refused")?.result, comesBack ? "holds" : "untried");
    const { result, detail } = found.get("no changed request ends the plugin") ?? {};
    assert.equal(result, "fails");
    assert.match(detail ?? "", /^nobody answered \d+ of \d+, first: ciphertext byte \d+ \^ 1$/);
    assert.deepEqual(
      found.get("all is well after all that"),
      comesBack ? { result: "holds", detail: "32 bytes" } : { result: "untried", detail: "nobody is there any more" },
    );
  }
});

/** A valid request: as long as the sealed value, with all of its parts. */
Deno.test("tryPlugin() sends nothing that is empty, truncated, longer than sealed, or has another number of parts", async () => {
  for (const bare of [false, true]) {
    await using plugin = await PluginDouble.start();
    const sealed = { keyIds: new Set<number>(), ciphertexts: new Set<number>(), ciphers: new Set<number>() };
    const annotations = new Set<string>();
    const shape = (given: Record<string, Uint8Array>) =>
      Object.entries(given).map(([key, { length }]) => `${key} ${length}`).join();
    plugin.overrides["v2 Encrypt"] = ({ plaintext }, sound) => {
      assert.ok([32, 47, 64, 128].includes(plaintext.length), `${plaintext.length} bytes to be sealed`);
      const answer = bare
        ? { ciphertext: plugin.keys.seal(plaintext), key_id: plugin.keys.current, annotations: {} }
        : sound();
      sealed.keyIds.add(answer.key_id.length);
      sealed.ciphertexts.add(answer.ciphertext.length);
      annotations.add(shape(answer.annotations));
      return answer;
    };
    plugin.overrides["v2 Decrypt"] = (request, sound) => {
      assert.ok(sealed.keyIds.has(request.key_id.length), `key_id ${request.key_id}`);
      assert.ok(sealed.ciphertexts.has(request.ciphertext.length), `${request.ciphertext.length} bytes to be opened`);
      assert.ok(annotations.has(shape(request.annotations)), shape(request.annotations));
      return bare ? { plaintext: plugin.keys.open(request.ciphertext) } : sound();
    };
    plugin.overrides["v1beta1 Encrypt"] = ({ plain }, sound) => {
      assert.ok([4, 32].includes(plain.length), `${plain.length} bytes to be sealed over v1beta1`);
      const answer = sound();
      sealed.ciphers.add(answer.cipher.length);
      return answer;
    };
    plugin.overrides["v1beta1 Decrypt"] = ({ cipher }, sound) => {
      assert.ok(sealed.ciphers.has(cipher.length), `${cipher.length} bytes to be opened over v1beta1`);
      return sound();
    };
    const failures: unknown[] = [];
    const note = (override: Override): Override => (request, sound, about) => {
      try {
        return override(request, sound, about);
      } catch (thrown) {
        if (thrown instanceof assert.AssertionError) failures.push(thrown.message);
        throw thrown;
      }
    };
    for (const [rpc, override] of Object.entries(plugin.overrides)) plugin.overrides[rpc as RpcPath] = note(override);
    const findings = await tryPlugin(plugin.socket, signal);
    assert.deepEqual(failures, []);
    assert.ok(findings.filter(({ result }) => result === "holds").length > 20);
  }
});
