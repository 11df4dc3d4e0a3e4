/**
 * Frozen bytes of SOPS' key service, read and written by the code of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { concat, hex, sha256, utf8, utf8Text } from "../../lib/base/bytes.ts";
import { decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrameHead } from "../../lib/envelope/format.ts";
import { bound, openSeed, sealEnvelope, taggedDek, untaggedDek } from "../../lib/envelope/seal.ts";
import { isReferenceTo, referenceTo } from "../../lib/envelope/wrap.ts";
import { unwrapLocally, wrapLocally } from "../../lib/provider/local/cipher.ts";
import { armoured, unarmoured } from "../../lib/services/sops/armour.ts";
import { keyNameOf, keyUri, vaultKeyOf } from "../../lib/services/sops/key_uri.ts";
import { withRandom } from "../support/fixed_random.ts";
import { bytesOf, localKeyOf } from "./hex.ts";
import vectors from "./sops.json" with { type: "json" };

for (const vector of vectors) {
  const { keyName } = vector;
  const reference = bytesOf(vector.referenceHex);
  const wraps = vector.wraps.map(({ name, version, ciphertextHex }) => {
    return { name, version, ciphertext: bytesOf(ciphertextHex) };
  });
  const context = { purpose: "sops", threshold: 1, keyId: keyName, reference } as const;

  Deno.test(`unarmoured() and decodeFrame() give the frozen fields, which open: SOPS, ${vector.what}`, () => {
    const frame = unarmoured(utf8(vector.armour));
    assert.equal(hex(frame), vector.frameHex);
    const { nonceHex, sealedHex } = vector;
    const envelope = { threshold: 1, reference, nonce: bytesOf(nonceHex), sealed: bytesOf(sealedHex) } as const;
    assert.deepEqual(decodeFrame(frame, "sops"), { keyId: keyName, wraps, envelope });
    assert.ok(isReferenceTo(vector.referenceHex, wraps));
    for (const { ciphertextHex, ...wrap } of vector.wraps) {
      const tagged = unwrapLocally(localKeyOf(wrap), bytesOf(ciphertextHex));
      const dek = tagged && untaggedDek(tagged, "sops");
      assert.ok(dek);
      assert.equal(hex(dek), vector.dekHex);
      assert.equal(hex(openSeed(dek, envelope, context) ?? new Uint8Array(0)), vector.plaintextHex);
    }
  });

  Deno.test(`armoured() and the encoders give the frozen bytes: SOPS, ${vector.what}`, () => {
    const dek = bytesOf(vector.dekHex);
    assert.equal(hex(taggedDek(dek, "sops")), vector.taggedDekHex);
    for (const { nonceHex, ciphertextHex, ...wrap } of vector.wraps) {
      const wrapped = withRandom([bytesOf(nonceHex)], () => wrapLocally(localKeyOf(wrap), taggedDek(dek, "sops")));
      assert.equal(hex(wrapped), ciphertextHex);
    }
    assert.equal(hex(referenceTo(wraps)), vector.referenceHex);
    assert.equal(hex(sha256(bytesOf(vector.canonicalWrapsHex))), vector.referenceHex);
    assert.equal(hex(bound(context).additionalData ?? new Uint8Array(0)), vector.additionalDataHex);
    const plaintext = bytesOf(vector.plaintextHex);
    const envelope = withRandom([bytesOf(vector.nonceHex)], () => sealEnvelope(dek, plaintext, context));
    assert.equal(hex(envelope), vector.envelopeHex);
    assert.equal(hex(encodeEnvelope(decodeEnvelope(envelope))), vector.envelopeHex);
    const frame = concat(encodeFrameHead(keyName, wraps, "sops"), envelope);
    assert.equal(hex(frame), vector.frameHex);
    assert.equal(utf8Text(armoured(frame)), vector.armour);
  });

  Deno.test(`keyUri() gives the frozen address, which names the key: SOPS, ${vector.what}`, () => {
    assert.equal(keyUri(keyName), vector.keyUri);
    const [, address = "", engine = "", name = ""] = /^(\w+:\/\/\w+)\/v1\/(\w+)\/keys\/(.+)$/.exec(vector.keyUri) ?? [];
    const key = { vault_address: address, engine_path: engine, key_name: name };
    assert.deepEqual(vaultKeyOf(keyName), key);
    assert.equal(keyNameOf("decrypt", { vault_key: key }, [keyName]), keyName);
  });
}
