import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { concat } from "../../base/bytes.ts";
import { decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrameHead } from "../../envelope/format.ts";
import { decodeAnnotations, encodeAnnotations, referenceTo } from "../../envelope/wrap.ts";
import { newDek, sealEnvelope, taggedDek } from "../../envelope/seal.ts";
import { effectiveCode, KmsError } from "../../base/errors.ts";
import { MemoryProvider, memoryProviders } from "../../../tests/support/memory_provider.ts";
import { type SopsNode, startSopsNode } from "../../../tests/support/sops_node.ts";
import { startNode } from "../../../tests/support/test_service.ts";

const dataKey = new Uint8Array(randomBytes(32));
const call = { signal: new AbortController().signal };

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "ok";
  } catch (thrown) {
    return thrown instanceof KmsError ? effectiveCode(thrown) : String(thrown);
  }
}

async function sealed({ service }: SopsNode, name = "default"): Promise<Uint8Array> {
  return (await service.encrypt(name, dataKey, call)).frame;
}

async function opened({ service }: SopsNode, frame: Uint8Array, name = "default"): Promise<Uint8Array> {
  return (await service.decrypt(name, frame, call)).plaintext;
}

Deno.test("decrypt() opens data of encrypt(), here and on another machine, with any single provider", async () => {
  const providers = memoryProviders("a", "b");
  await using node = await startSopsNode(providers);
  const frame = await sealed(node);
  assert.deepEqual(decodeFrame(frame, "sops").wraps.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(await opened(node, frame), dataKey);
  for (const alone of providers) {
    await using other = await startSopsNode([alone], { decryptOnly: true });
    assert.deepEqual(await opened(other, frame), dataKey);
  }
});

Deno.test("encrypt() makes a new data key for each file, and stores none", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using node = await startSopsNode([a]);
  const [one, two] = [await sealed(node), await sealed(node)];
  const references = [one, two].map((frame) => decodeFrame(frame, "sops").envelope.reference);
  assert.notDeepEqual(references[0], references[1]);
  const before = a.calls.unwrap;
  await opened(node, one);
  assert.equal(a.calls.unwrap, before + 1, "a KMS opens it, as it would years later");
  await opened(node, one);
  assert.equal(a.calls.unwrap, before + 1, "and then memory does");
});

Deno.test("decrypt() refuses every flipped byte and every cut", async () => {
  await using node = await startSopsNode(memoryProviders("a", "b"));
  const frame = await sealed(node);
  for (let i = 0; i < frame.length; i++) {
    const flipped = frame.map((byte, at) => at === i ? byte ^ 1 : byte);
    assert.equal(await codeOf(() => opened(node, flipped)), "integrity", `byte ${i}`);
    assert.equal(await codeOf(() => opened(node, frame.slice(0, i))), "integrity", `cut at ${i}`);
  }
  assert.equal(await codeOf(() => opened(node, concat(frame, Uint8Array.of(0)))), "integrity");
  assert.deepEqual(await opened(node, frame), dataKey);
});

Deno.test("decrypt() is total: random bytes get a code and never an answer", async () => {
  await using node = await startSopsNode(memoryProviders("a"));
  const begun = fc.uint8Array({ maxLength: 300 }).map((rest) => concat(Uint8Array.of(0xf5), rest));
  await fc.assert(
    fc.asyncProperty(fc.oneof(begun, fc.uint8Array({ maxLength: 300 })), async (bytes) => {
      const code = await codeOf(() => opened(node, bytes));
      assert.ok(["integrity", "key_unknown"].includes(code), code);
    }),
    { numRuns: 300 },
  );
});

Deno.test("decrypt() refuses a file for a key of another name, even if the name in it was changed", async () => {
  const providers = memoryProviders("a");
  const keys = ["default", "other"].map((name) => ({ name, providers: ["a"], wrap: 1 }));
  await using node = await startSopsNode(providers, { keys });
  const frame = await sealed(node, "default");
  assert.equal(await codeOf(() => opened(node, frame, "other")), "integrity");
  const { wraps, envelope } = decodeFrame(frame, "sops");
  const renamed = concat(encodeFrameHead("other", wraps, "sops"), encodeEnvelope(envelope));
  assert.equal(await codeOf(() => opened(node, renamed, "other")), "integrity");
  assert.deepEqual(await opened(node, frame, "default"), dataKey);
});

Deno.test("data sealed for kube-apiserver is not opened for files, and data of files is not opened for kube-apiserver", async () => {
  const providers = memoryProviders("a", "b");
  await using plugin = await startNode(providers);
  await plugin.clock.advance(100);
  await using node = await startSopsNode(providers);
  const seed = new Uint8Array(randomBytes(32));

  const v2 = plugin.service.encrypt(seed, "v2");
  const v1beta1 = plugin.service.encrypt(seed, "v1beta1");
  const stolen = {
    "a v1beta1 frame as it is": v1beta1.ciphertext,
    "a v1beta1 frame with the first byte of ours": v1beta1.ciphertext.map((byte, i) => i === 0 ? 0xf5 : byte),
    "the parts of a v1beta1 frame": reframed(decodeFrame(v1beta1.ciphertext, "v1beta1"), "default"),
    "the parts of a v2 envelope": reframed(
      { wraps: decodeAnnotations(v2.annotations), envelope: decodeEnvelope(v2.ciphertext) },
      "default",
    ),
  };
  for (const [what, frame] of Object.entries(stolen)) {
    assert.equal(await codeOf(() => opened(node, frame)), "integrity", what);
  }
  // Even if a key has the name of the cluster's key ID, the tag of the data key separates the two.
  const { keyId } = v2;
  await using named = await startSopsNode(providers, { keys: [{ name: keyId, providers: ["a"], wrap: 1 }] });
  const asNamed = reframed(
    { wraps: decodeAnnotations(v2.annotations), envelope: decodeEnvelope(v2.ciphertext) },
    keyId,
  );
  assert.equal(await codeOf(() => opened(named, asNamed, keyId)), "integrity");

  const file = decodeFrame(await sealed(node), "sops");
  const asSealed = {
    keyId: "default",
    ciphertext: encodeEnvelope(file.envelope),
    annotations: encodeAnnotations(file.wraps),
  };
  const asFrame = concat(encodeFrameHead("default", file.wraps, "v1beta1"), encodeEnvelope(file.envelope));
  const decrypt = (ciphertext: Uint8Array, api: "v2" | "v1beta1") => () =>
    plugin.service.decrypt({ ...asSealed, ciphertext, ...(api === "v1beta1" ? { annotations: {} } : {}) }, api, call);
  assert.equal(await codeOf(decrypt(asSealed.ciphertext, "v2")), "integrity");
  assert.equal(await codeOf(decrypt(asFrame, "v1beta1")), "integrity");
  assert.deepEqual((await plugin.service.decrypt(v2, "v2", call)).plaintext, seed);
});

function reframed({ wraps, envelope }: Pick<ReturnType<typeof decodeFrame>, "wraps" | "envelope">, name: string) {
  return concat(encodeFrameHead(name, wraps, "sops"), encodeEnvelope(envelope));
}

Deno.test("a data key wrapped for kube-apiserver opens no file, even one sealed with it, and vice versa", async () => {
  const a = new MemoryProvider("a");
  await using node = await startSopsNode([a]);
  await using plugin = await startNode([a]);
  await plugin.clock.advance(100);
  const dek = newDek();
  const wrapped = async (purpose: "v2" | "sops") => [
    { name: "a", ...await a.wrap(taggedDek(dek, purpose), { version: "v1" }, call) },
  ];
  const openedFile = async (purpose: "v2" | "sops") => {
    const wraps = await wrapped(purpose);
    const context = { purpose: "sops", threshold: 1, keyId: "default", reference: referenceTo(wraps) } as const;
    return await codeOf(() =>
      opened(node, reframed({ wraps, envelope: decodeEnvelope(sealEnvelope(dek, dataKey, context)) }, "default"))
    );
  };
  assert.deepEqual([await openedFile("sops"), await openedFile("v2")], ["ok", "integrity"]);
  assert.equal(node.service.peek().providers[0]?.health, "well", "the provider is not blamed for it");

  const openedSeed = async (purpose: "v2" | "sops") => {
    const wraps = await wrapped(purpose);
    const context = { purpose: "v2", threshold: 1, keyId: "t1-0", reference: referenceTo(wraps) } as const;
    const ciphertext = sealEnvelope(dek, dataKey, context);
    const sealed = { keyId: "t1-0", ciphertext, annotations: encodeAnnotations(wraps) };
    return await codeOf(() => plugin.service.decrypt(sealed, "v2", call));
  };
  assert.deepEqual([await openedSeed("v2"), await openedSeed("sops")], ["ok", "integrity"]);
});

Deno.test("encrypt() requires the quorum of its key, wraps with all available providers, and reports the others", async () => {
  const providers = memoryProviders("a", "b", "c");
  const [, , c] = providers;
  await using node = await startSopsNode(providers, {
    keys: [
      { name: "two", providers: ["a", "b", "c"], wrap: 2 },
      { name: "all", providers: ["a", "b", "c"], wrap: "all" },
      { name: "one", providers: ["b"], wrap: 1 },
    ],
  });
  c?.faults.set("all", "unreachable");
  const names = (frame: Uint8Array) => decodeFrame(frame, "sops").wraps.map(({ name }) => name);
  assert.deepEqual(names(await sealed(node, "two")), ["a", "b"]);
  const told = node.events.filter((event) => event.type === "ready_dek").at(-1);
  assert.deepEqual(told && [told.result, told.missing], ["ok", ["c"]]);
  assert.deepEqual(names(await sealed(node, "one")), ["b"]);
  await assert.rejects(sealed(node, "all"), {
    code: "quorum_not_reached",
    message: /2 of 3 needed providers did\. .*"c"/,
  });
});

Deno.test("encrypt() waits ten seconds at most for a provider that hangs", async () => {
  const providers = memoryProviders("a", "b", "c");
  for (const verb of ["probe", "wrap"] as const) {
    providers[2]?.faults.clear();
    await using node = await startSopsNode(providers);
    providers[2]?.faults.set(verb, "hang");
    const pending = sealed(node);
    await node.clock.advance(9_900);
    const early = await Promise.race([pending, node.clock.settle().then(() => undefined)]);
    assert.equal(early, undefined);
    await node.clock.advance(200);
    assert.deepEqual(decodeFrame(await pending, "sops").wraps.map(({ name }) => name), ["a", "b"], verb);
  }
});

Deno.test("encrypt() ends when its caller cancels", async () => {
  const providers = memoryProviders("a");
  await using node = await startSopsNode(providers);
  providers[0]?.faults.set("wrap", "hang");
  const leaving = new AbortController();
  const pending = codeOf(() => node.service.encrypt("default", dataKey, leaving));
  await node.clock.settle();
  leaving.abort();
  assert.equal(await pending, "cancelled");
});

Deno.test("encrypt() rejects a wrap that does not unwrap to the same bytes", async () => {
  const providers = memoryProviders("a", "b");
  await using node = await startSopsNode(providers, {
    wrap: 1,
    keys: [{ name: "default", providers: ["a", "b"], wrap: 1 }],
  });
  providers[0]?.faults.set("unwrap", "wrong");
  assert.deepEqual(decodeFrame(await sealed(node), "sops").wraps.map(({ name }) => name), ["b"]);
});

Deno.test("decrypt() works with one of two providers unavailable, and with a retired or renamed one", async () => {
  const providers = memoryProviders("a", "b");
  const [a, b = new MemoryProvider("b")] = providers;
  await using node = await startSopsNode(providers);
  const frame = await sealed(node);
  a?.faults.set("all", "unreachable");
  assert.deepEqual(await opened(node, frame), dataKey);

  const fresh = new MemoryProvider("c");
  await using later = await startSopsNode([fresh], { retired: [b] });
  assert.deepEqual(await opened(later, frame), dataKey);
  await using without = await startSopsNode([fresh]);
  await assert.rejects(opened(without, frame), { code: "key_unknown", message: /no provider is configured.*"a", "b"/ });
});

Deno.test("decrypt() opens by the old name of a renamed provider, and after many rotations of its key", async () => {
  const old = new MemoryProvider("old");
  await using before = await startSopsNode([old]);
  const frame = await sealed(before);
  for (let i = 0; i < 20; i++) old.rotate();
  const renamed = {
    name: "new",
    kind: "memory",
    canUnwrap: true,
    probe: old.probe.bind(old),
    wrap: old.wrap.bind(old),
    unwrap: old.unwrap.bind(old),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  await using after = await startSopsNode([renamed], { formerly: { new: ["old"] } });
  assert.deepEqual(await opened(after, frame), dataKey);
  const again = decodeFrame(await sealed(after), "sops").wraps;
  assert.deepEqual(again.map(({ name, version }) => [name, version]), [["new", "v21"]], "the newest version wraps");
});

Deno.test("decrypt() serves cached data keys while no KMS is available, and calls a KMS again afterwards", async () => {
  const providers = memoryProviders("a", "b");
  await using node = await startSopsNode(providers);
  const frame = await sealed(node);
  await opened(node, frame);
  for (const one of providers) one.faults.set("all", "unreachable");
  await node.clock.advance(3_600_000);
  assert.deepEqual(await opened(node, frame), dataKey);
  for (const one of providers) one.faults.set("all", "key_unusable");
  await node.clock.advance(60_000);
  assert.equal(await codeOf(() => opened(node, frame)), "key_unusable");
});

Deno.test("peek() reports an outage and its end without a call, and an idle service makes no calls", async () => {
  const providers = memoryProviders("a", "b");
  const [a = new MemoryProvider("a")] = providers;
  await using node = await startSopsNode(providers);
  assert.deepEqual([node.service.peek().quorum.state, node.service.peek().canEncrypt], ["held", true]);
  const idle = a.calls.probe;
  await node.clock.advance(3_600_000);
  assert.equal(a.calls.probe, idle);

  a.faults.set("all", "unreachable");
  assert.equal(await codeOf(() => sealed(node)), "unreachable");
  const { quorum, canEncrypt, providers: [first] } = node.service.peek();
  assert.deepEqual([quorum.state, canEncrypt, first?.health], ["lost", false, "sick"]);
  a.faults.clear();
  await node.clock.advance(90_000);
  assert.equal(node.service.peek().quorum.state, "held");
});

Deno.test("peek() has no key ID and no ready data key, and lists no wrapping provider as retired", async () => {
  await using node = await startSopsNode(memoryProviders("a", "b"), { retired: memoryProviders("old") });
  await sealed(node);
  const status = node.service.peek();
  assert.deepEqual(
    Object.keys(status).sort(),
    [
      "canEncrypt",
      "decrypts",
      "graceOnOutageMs",
      "needed",
      "providers",
      "quorum",
      "recoveryKeyLoaded",
      "retired",
      "wrapOnly",
    ],
  );
  const shown = (list: typeof status.providers) => list.map(({ name, health }) => `${name} ${health}`);
  assert.deepEqual([shown(status.providers), shown(status.retired)], [["a well", "b well"], ["old unknown"]]);
});

Deno.test("peek() reports a refusal to wrap until a wrap succeeds, even if unwraps succeed", async () => {
  const providers = memoryProviders("a");
  await using node = await startSopsNode(providers);
  const frame = await sealed(node);
  providers[0]?.faults.set("wrap", "permission_denied");
  assert.equal(await codeOf(() => sealed(node)), "permission_denied");
  await opened(node, frame);
  const { quorum } = node.service.peek();
  assert.ok(quorum.state === "lost" && quorum.refused);
  providers[0]?.faults.clear();
  await sealed(node);
  assert.equal(node.service.peek().quorum.state, "held");
});

Deno.test("a service that only decrypts refuses to encrypt, and calls providers only to unwrap", async () => {
  const providers = memoryProviders("a");
  await using full = await startSopsNode(providers);
  const frame = await sealed(full);
  const [a = new MemoryProvider("a")] = providers;
  for (const verb of ["probe", "wrap"] as const) a.faults.set(verb, "permission_denied");
  const before = { ...a.calls };
  await using node = await startSopsNode(providers, { decryptOnly: true });
  await assert.rejects(sealed(node), { code: "permission_denied", message: /only decrypts \(sops\.decryptOnly\)/ });
  assert.deepEqual(await opened(node, frame), dataKey);
  await node.clock.advance(600_000);
  assert.deepEqual(a.calls, { ...before, unwrap: before.unwrap + 1 });
  const { quorum, canEncrypt, providers: [first] } = node.service.peek();
  assert.deepEqual([quorum.state, canEncrypt, first?.health], ["held", false, "well"]);
});

Deno.test("peek() reports refused Decrypts, and stays ready after Decrypts of foreign files", async () => {
  await using elsewhere = await startSopsNode(memoryProviders("theirs"));
  await using node = await startSopsNode(memoryProviders("a"));
  for (let i = 0; i < 5; i++) {
    const frame = await sealed(elsewhere);
    assert.equal(await codeOf(() => opened(node, frame)), "key_unknown");
  }
  node.service.refused(new Uint8Array(7), new KmsError("request_invalid", "No frame."));
  const { failing, refused } = node.service.peek().decrypts;
  const counts = refused.map(({ code, envelopes }) => [code, envelopes]);
  assert.deepEqual([failing, counts], [false, [["key_unknown", 5], ["request_invalid", 1]]]);
  const last = node.service.peek().decrypts.lastOpenedAt;
  await opened(node, await sealed(node));
  assert.deepEqual([last, node.service.peek().decrypts.lastOpenedAt], [undefined, node.clock.now()]);
});
