import { deepEqual, equal, notDeepEqual, rejects } from "node:assert/strict";
import { KmsError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Provider } from "../provider.ts";
import { Hpke, type RecoveryKeyPair } from "./hpke.ts";
import { privateKeyText } from "./key_text.ts";
import { openRecovery, recoveryVersion } from "./provider.ts";
import { recipientId } from "./wrap_format.ts";

const call = { signal: new AbortController().signal };
const context = { notify: () => {} };
const pairs = await Promise.all([1, 2, 3].map(() => new Hpke().newKeyPair()));

function sourceOf(text: string) {
  return { description: "file /safe/key", read: () => Promise.resolve(new Secret(text)) };
}

function open(recipients: readonly RecoveryKeyPair[], holder?: RecoveryKeyPair): Promise<Provider> {
  return openRecovery({
    kind: "recovery",
    name: "safe",
    recipients: recipients.map(({ publicKey }) => publicKey),
    ...(holder === undefined ? {} : { privateKey: sourceOf(privateKeyText(holder.privateKey)) }),
  }, context);
}

const dek = crypto.getRandomValues(new Uint8Array(47));

Deno.test("wrap() wraps to each recipient, and the private key of any of them unwraps", async () => {
  await using safe = await open(pairs);
  const wrapped = await safe.wrap(dek, await safe.probe(call), call);
  equal(wrapped.ciphertext.length, 3575);
  notDeepEqual((await safe.wrap(dek, await safe.probe(call), call)).ciphertext, wrapped.ciphertext);
  for (const pair of pairs) {
    await using opened = await open(pairs, pair);
    equal(opened.canUnwrap, true);
    deepEqual(await opened.unwrap(wrapped, call), dek);
  }
});

Deno.test("unwrap() opens what was wrapped to other recipients too, if the private key is one of theirs", async () => {
  await using before = await open(pairs.slice(0, 2));
  const wrapped = await before.wrap(dek, await before.probe(call), call);
  await using after = await open(pairs.slice(1), pairs[1]);
  deepEqual(await after.unwrap(wrapped, call), dek);
  await using other = await open(pairs.slice(2), pairs[2]);
  await rejects(other.unwrap(wrapped, call), { code: "key_unknown" });
});

Deno.test("unwrap() without a private key is key_unusable, and the provider says that it cannot unwrap", async () => {
  await using safe = await open(pairs);
  equal(safe.canUnwrap, false);
  const wrapped = await safe.wrap(dek, await safe.probe(call), call);
  await rejects(safe.unwrap(wrapped, call), { code: "key_unusable" });
});

Deno.test("unwrap() refuses every changed byte as integrity", async () => {
  await using opened = await open(pairs.slice(0, 1), pairs[0]);
  const { version, ciphertext } = await opened.wrap(dek, await opened.probe(call), call);
  // A decapsulation takes milliseconds: every byte of the frame and of the sealed data key, and some in between.
  const places = [...ciphertext.keys()].filter((at) => at < 12 || at > 1128 || at % 97 === 0);
  for (const at of places) {
    const changed = ciphertext.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    await rejects(
      opened.unwrap({ version, ciphertext: changed }, call),
      (thrown) => thrown instanceof KmsError && (thrown.code === "integrity" || thrown.code === "key_unknown"),
      `byte ${at}`,
    );
  }
});

Deno.test("openRecovery() refuses a private key that is none, and one of another recipient", async () => {
  const settings = {
    kind: "recovery",
    name: "safe",
    recipients: pairs.slice(0, 1).map(({ publicKey }) => publicKey),
  } as const;
  await rejects(openRecovery({ ...settings, privateKey: sourceOf("TROUSSEAU-RECOVERY-KEY-1QQQ") }, context), {
    code: "config",
    message: /file \/safe\/key is not one that trousseau recovery new prints/,
  });
  await rejects(open(pairs.slice(0, 1), pairs[1]), { code: "config", message: /belongs to none of its recipients/ });
});

Deno.test("openRecovery() refuses bytes that are no public key, of either half", async () => {
  const { publicKey } = await new Hpke().newKeyPair();
  const without = (from: number, to: number, byte: number) => publicKey.slice().fill(byte, from, to);
  for (const recipient of [without(0, 1184, 0xff), without(1184, 1216, 0)]) {
    await rejects(openRecovery({ kind: "recovery", name: "safe", recipients: [publicKey, recipient] }, context), {
      code: "config",
      message: /^Cannot open provider "safe": its recipient ([0-9a-f]{4}-){7}[0-9a-f]{4} is no public key/,
    });
  }
});

Deno.test("wrap() wraps to the recipients in their order, under a version that does not depend on it", async () => {
  await using safe = await open(pairs);
  await using reversed = await open(pairs.toReversed());
  const [one, other] = [
    await safe.wrap(dek, await safe.probe(call), call),
    await reversed.wrap(dek, await reversed.probe(call), call),
  ];
  equal(one.version, other.version);
  for (const pair of pairs) {
    await using opened = await open(pairs, pair);
    deepEqual([await opened.unwrap(one, call), await opened.unwrap(other, call)], [dek, dek]);
  }
});

Deno.test("recoveryVersion() depends on the recipients and not on their order", () => {
  const keys = pairs.map(({ publicKey }) => recipientId(publicKey));
  equal(recoveryVersion(keys), recoveryVersion(keys.toReversed()));
  notDeepEqual(recoveryVersion(keys), recoveryVersion(keys.slice(1)));
});

Deno.test("a closed provider, an aborted call, a wrong size and another version fail", async () => {
  const safe = await open(pairs.slice(0, 1));
  await rejects(safe.wrap(new Uint8Array(65), await safe.probe(call), call), { code: "request_invalid" });
  await rejects(safe.wrap(dek, { version: "recovery-0" }, call), { code: "key_unknown" });
  await rejects(safe.probe({ signal: AbortSignal.abort() }), { code: "cancelled" });
  await safe[Symbol.asyncDispose]();
  await rejects(safe.probe(call), { code: "cancelled" });
});
