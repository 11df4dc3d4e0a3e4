/**
 * Frozen wraps of providers and names of versions, read and written by the code of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { base64, hex } from "../../lib/base/bytes.ts";
import { keyIdOf, unseenVersion } from "../../lib/services/kms/key_ring/key_id.ts";
import { parseVersion as parseAwsVersion, versionName as awsVersionName } from "../../lib/provider/aws_kms/version.ts";
import { isKeyType, toWrap, unwrapped, wrapAlgorithm } from "../../lib/provider/azure_key_vault/algorithms.ts";
import { versionName as gcpVersionName, versionOf as gcpVersionOf } from "../../lib/provider/gcp_kms/names.ts";
import { versionOf as pluginVersionOf } from "../../lib/provider/kms_plugin/version.ts";
import { decodeWrapped, encodeWrapped } from "../../lib/provider/kms_plugin/wrapped.ts";
import { unwrapLocally, wrapLocally } from "../../lib/provider/local/cipher.ts";
import { parseCiphertext, parseVersion, versionName } from "../../lib/provider/vault_transit/ciphertext.ts";
import { withRandom } from "../support/fixed_random.ts";
import { GcpDouble } from "../support/gcp_double.ts";
import { openGcp } from "../support/gcp_settings.ts";
import { VaultDouble } from "../support/vault_double.ts";
import { openVault, patient } from "../support/vault_settings.ts";
import { bytesOf, hexValues } from "./hex.ts";
import names from "./names.json" with { type: "json" };
import wraps from "./wraps.json" with { type: "json" };

Deno.test("wrapLocally() and unwrapLocally() keep the frozen wraps", () => {
  for (const { keyId, keyHex, dekHex, nonceHex, wrappedHex } of wraps.local) {
    const key = { id: keyId, createdAt: 0, material: bytesOf(keyHex) };
    assert.equal(hex(unwrapLocally(key, bytesOf(wrappedHex)) ?? new Uint8Array(0)), dekHex);
    assert.equal(hex(withRandom([bytesOf(nonceHex)], () => wrapLocally(key, bytesOf(dekHex)))), wrappedHex);
  }
});

Deno.test("encodeWrapped() and decodeWrapped() keep the frozen answers of other plugins", () => {
  for (const { keyId, ciphertextHex, annotationsHex, version, wrappedHex } of wraps.kmsPlugin) {
    const answer = { key_id: keyId, ciphertext: bytesOf(ciphertextHex), annotations: hexValues(annotationsHex) };
    assert.equal(hex(encodeWrapped(answer) ?? new Uint8Array(0)), wrappedHex);
    assert.deepEqual(decodeWrapped(bytesOf(wrappedHex)), answer);
    assert.equal(pluginVersionOf(keyId), version);
  }
});

Deno.test("toWrap() and unwrapped() keep the frozen frames of Azure Key Vault", () => {
  for (const { algorithm, dekHex, randomHex, toWrapHex } of wraps.azureKeyVault) {
    const known = algorithm === "A256KW" ? algorithm : "RSA-OAEP-256";
    const draws = randomHex === "" ? [] : [bytesOf(randomHex)];
    assert.equal(hex(withRandom(draws, () => toWrap(known, bytesOf(dekHex)))), toWrapHex);
    assert.equal(hex(unwrapped(known, bytesOf(toWrapHex)) ?? new Uint8Array(0)), dekHex);
  }
});

Deno.test("wraps in Google Cloud KMS are bound to the frozen additional data, both ways", async () => {
  for (const { key, context, version, additionalAuthenticatedDataHex } of wraps.gcpKms) {
    await using double = await GcpDouble.start();
    await using provider = (await openGcp(double, { key, context })).provider;
    const wrapped = await provider.wrap(new Uint8Array(47).fill(7), { version }, patient);
    assert.equal(wrapped.version, version);
    await provider.unwrap(wrapped, patient);
    assert.deepEqual(double.operations, ["encrypt", "decrypt"]);
    const expected = btoa(String.fromCharCode(...bytesOf(additionalAuthenticatedDataHex)));
    for (const { body } of double.calls) assert.equal(body.additionalAuthenticatedData, expected);
  }
});

Deno.test("Vault's versions and wraps keep the frozen spelling", () => {
  for (const { number, createdAt, version, transitCiphertext, wrappedHex } of wraps.vaultTransit) {
    assert.equal(versionName({ number, createdAt }), version);
    assert.deepEqual(parseVersion(version), { number, createdAt });
    assert.deepEqual(parseCiphertext(bytesOf(wrappedHex)), { text: transitCiphertext, number });
  }
});

Deno.test("a wrap in Vault's transit engine is the text of its answer, both ways", async () => {
  const [frozen] = wraps.vaultTransit;
  assert.ok(frozen);
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address)).provider;
  const dek = new Uint8Array(47).fill(7);
  vault.intercept = ({ path }) =>
    path === "transit/encrypt/kubernetes"
      ? Response.json({ data: { batch_results: [{ ciphertext: frozen.transitCiphertext }] } })
      : path === "transit/decrypt/kubernetes"
      ? Response.json({ data: { batch_results: [{ plaintext: base64(dek) }] } })
      : undefined;
  const wrapped = await provider.wrap(dek, { version: frozen.version }, patient);
  assert.deepEqual([wrapped.version, hex(wrapped.ciphertext)], [frozen.version, frozen.wrappedHex]);
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
  const sent = vault.requests.map(({ body }) => body);
  assert.deepEqual(sent.at(-1), { batch_input: [{ ciphertext: frozen.transitCiphertext }] });
  assert.deepEqual(sent.at(-2), { batch_input: [{ plaintext: base64(dek), key_version: frozen.number }] });
});

Deno.test("names of versions and algorithms stay as they were frozen", () => {
  for (const { version, ...parts } of names.awsKms) {
    assert.equal(awsVersionName(parts), version);
    assert.deepEqual(parseAwsVersion(version), { material: undefined, createdAt: undefined, ...parts });
  }
  for (const { key, number, version } of names.gcpKms) {
    assert.equal(gcpVersionName(key, number), version);
    assert.equal(gcpVersionOf(key, version), number);
  }
  for (const { kty, algorithm } of names.azureKeyVault) {
    assert.ok(isKeyType(kty));
    assert.equal(wrapAlgorithm(kty), algorithm);
  }
  for (const { keyId, version } of names.kmsPlugin) assert.equal(pluginVersionOf(keyId), version);
});

Deno.test("keyIdOf() gives the frozen key IDs", () => {
  for (const { keyEpoch, members, keyId } of names.keyIds) assert.equal(keyIdOf(keyEpoch, members), keyId);
  // A provider that was never seen is a member with this version, in the state file too.
  assert.ok(names.keyIds.some(({ members }) => members.some(({ version }) => version === unseenVersion)));
});
