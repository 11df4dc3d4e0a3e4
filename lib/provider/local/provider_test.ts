import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type { Provider } from "../provider.ts";
import { openLocal } from "./provider.ts";
import { rotateLocalKey } from "./rotate.ts";

const dek = crypto.getRandomValues(new Uint8Array(47));
const { signal } = new AbortController();
const context = { notify: () => {} };

const open = (keyFile: string, create = false) => openLocal({ kind: "local", name: "local", keyFile, create }, context);

async function bench() {
  const folder = await Deno.makeTempDir();
  const keyFile = join(folder, "local.keys");
  return { folder, keyFile, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

async function wrapNow(provider: Provider) {
  return await provider.wrap(dek, await provider.probe({ signal }), { signal });
}

/** Removes all keys but the last from a file, as an operator with an editor would. */
async function keepLastKey(keyFile: string): Promise<void> {
  const file = JSON.parse(await Deno.readTextFile(keyFile));
  await Deno.writeTextFile(keyFile, JSON.stringify({ ...file, keys: file.keys.slice(-1) }));
}

Deno.test("openLocal() creates a missing file only if configured to", async () => {
  await using at = await bench();
  await assert.rejects(open(at.keyFile), { code: "config", message: /is not there; put it back .*create: true/ });
  assert.deepEqual([...Deno.readDirSync(at.folder)], []);
  await using made = await open(at.keyFile, true);
  const wrapped = await wrapNow(made);
  await using again = await open(at.keyFile, true);
  assert.deepEqual(await again.unwrap(wrapped, { signal }), dek, "a second start finds the same key");
});

Deno.test("openLocal() refuses a file open to others, a symlink and a malformed one with config, naming the remedy", async () => {
  await using at = await bench();
  await (await open(at.keyFile, true))[Symbol.asyncDispose]();
  await Deno.chmod(at.keyFile, 0o640);
  await assert.rejects(open(at.keyFile, true), { code: "config", message: /mode 0640.*chmod 600/ });
  await Deno.chmod(at.keyFile, 0o600);
  await Deno.symlink(at.keyFile, join(at.folder, "link"));
  await assert.rejects(open(join(at.folder, "link"), true), { code: "config", message: /symlink/ });
  await Deno.truncate(at.keyFile, 100);
  await assert.rejects(open(at.keyFile, true), { code: "config", message: /from a backup/ });
  assert.equal((await Deno.stat(at.keyFile)).size, 100, "it was not replaced");
});

Deno.test("openLocal() refuses a folder that everybody may write to, unless it is sticky", async () => {
  await using at = await bench();
  await (await open(at.keyFile, true))[Symbol.asyncDispose]();
  await Deno.chmod(dirname(at.keyFile), 0o777);
  await assert.rejects(open(at.keyFile), { code: "config", message: /chmod o-w/ });
  await Deno.chmod(dirname(at.keyFile), 0o1777);
  await (await open(at.keyFile))[Symbol.asyncDispose]();
});

Deno.test("probe() sees a rotation, and the order also increases after old keys were removed", async () => {
  await using at = await bench();
  await using provider = await open(at.keyFile, true);
  const orders: number[] = [];
  const versions = new Set<string>();
  for (const change of [undefined, rotateLocalKey, rotateLocalKey, keepLastKey, rotateLocalKey]) {
    await change?.(at.keyFile);
    const { version, order } = await provider.probe({ signal });
    versions.add(version);
    orders.push(order ?? NaN);
  }
  assert.equal(versions.size, 4);
  assert.ok(orders.every((order, index) => index === 0 || order >= (orders[index - 1] ?? NaN)), orders.join());
  assert.equal(orders[2], orders[3], "the key that stayed keeps its order");
});

Deno.test("wrap() is pinned to the requested version and refuses one that the file no longer lists", async () => {
  await using at = await bench();
  await using provider = await open(at.keyFile, true);
  const before = await provider.probe({ signal });
  await rotateLocalKey(at.keyFile);
  const wrapped = await provider.wrap(dek, before, { signal });
  assert.equal(wrapped.version, before.version);
  await keepLastKey(at.keyFile);
  await assert.rejects(provider.wrap(dek, before, { signal }), { code: "key_unknown" });
  await assert.rejects(provider.unwrap(wrapped, { signal }), { code: "key_unknown" });
});

Deno.test("unwrap() finds a key that another process has added in the meantime", async () => {
  await using at = await bench();
  await using reader = await open(at.keyFile, true);
  await rotateLocalKey(at.keyFile);
  await using writer = await open(at.keyFile);
  assert.deepEqual(await reader.unwrap(await wrapNow(writer), { signal }), dek);
});

Deno.test("unwrap() continues while the file is malformed or open to others; probe() and wrap() fail", async () => {
  await using at = await bench();
  await using provider = await open(at.keyFile, true);
  const state = await provider.probe({ signal });
  const wrapped = await wrapNow(provider);
  const whole = await Deno.readFile(at.keyFile);
  for (
    const [spoil, code] of [
      [() => Deno.writeFile(at.keyFile, whole.subarray(0, 50)), "provider_protocol"],
      [() => Deno.writeTextFile(at.keyFile, "garbage"), "provider_protocol"],
      [() => Deno.chmod(at.keyFile, 0o644), "key_unusable"],
    ] as const
  ) {
    await spoil();
    await assert.rejects(provider.probe({ signal }), { code });
    await assert.rejects(provider.wrap(dek, state, { signal }), { code });
    assert.deepEqual(await provider.unwrap(wrapped, { signal }), dek);
  }
  await Deno.chmod(at.keyFile, 0o600);
  await Deno.writeFile(at.keyFile, whole);
  assert.deepEqual(await provider.probe({ signal }), state, "and it is well again by itself");
});

Deno.test("a deleted file is key_unknown from the next probe on, until it is restored", async () => {
  await using at = await bench();
  await using provider = await open(at.keyFile, true);
  const state = await provider.probe({ signal });
  const wrapped = await wrapNow(provider);
  await Deno.rename(at.keyFile, join(at.folder, "backup"));
  await assert.rejects(provider.probe({ signal }), { code: "key_unknown" });
  await assert.rejects(provider.wrap(dek, state, { signal }), { code: "key_unknown" });
  await assert.rejects(provider.unwrap(wrapped, { signal }), { code: "key_unknown" });
  await Deno.rename(join(at.folder, "backup"), at.keyFile);
  assert.deepEqual(await provider.unwrap(wrapped, { signal }), dek);
  assert.deepEqual(await provider.probe({ signal }), state);
});

Deno.test("unwrap() answers key_unknown for foreign versions without repeating them, and integrity for foreign bytes", async () => {
  await using at = await bench();
  await using provider = await open(at.keyFile, true);
  const { version, ciphertext } = await wrapNow(provider);
  await assert.rejects(
    provider.unwrap({ version: "\x1b[31mhunter2", ciphertext }, { signal }),
    (error: Error) => "code" in error && error.code === "key_unknown" && !error.message.includes("hunter2"),
  );
  for (const length of [0, 1, 28, 29, 93, 4096]) {
    await assert.rejects(provider.unwrap({ version, ciphertext: new Uint8Array(length) }, { signal }), {
      code: "integrity",
    });
  }
});

Deno.test("wrap() refuses an empty data key and one of more than 64 bytes", async () => {
  await using at = await bench();
  await using provider = await open(at.keyFile, true);
  const state = await provider.probe({ signal });
  for (const length of [0, 65]) {
    await assert.rejects(provider.wrap(new Uint8Array(length), state, { signal }), { code: "request_invalid" });
  }
});

Deno.test("a disposed provider fails all calls and prints no key", async () => {
  await using at = await bench();
  const provider = await open(at.keyFile, true);
  const wrapped = await wrapNow(provider);
  const material = JSON.parse(await Deno.readTextFile(at.keyFile)).keys[0].key;
  const bytes = [...Uint8Array.fromBase64(material).subarray(0, 3)].join(", ");
  const printed = Deno.inspect(provider, { depth: 9, showHidden: true });
  assert.ok(!printed.includes(material) && !printed.includes(bytes));
  await provider[Symbol.asyncDispose]();
  await assert.rejects(provider.probe({ signal }), { code: "cancelled" });
  await assert.rejects(provider.unwrap(wrapped, { signal }), { code: "cancelled" });
});
