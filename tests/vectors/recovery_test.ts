/**
 * Frozen recovery keys and wraps, read and written by the code of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { hex } from "../../lib/base/bytes.ts";
import { Secret } from "../../lib/base/secret.ts";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import {
  parsePrivateKey,
  parsePublicKey,
  privateKeyText,
  publicKeyText,
  recipientFingerprint,
} from "../../lib/provider/recovery/key_text.ts";
import { openRecovery, recoveryVersion } from "../../lib/provider/recovery/provider.ts";
import { decodeRecoveryWrap, encodeRecoveryWrap, recipientId } from "../../lib/provider/recovery/wrap_format.ts";
import { fixedRandom } from "../support/fixed_random.ts";
import { bytesOf } from "./hex.ts";
import vectors from "./recovery.json" with { type: "json" };

const call = { signal: new AbortController().signal };
const hpke = new Hpke();

/** The provider with the recipients of a vector; it unwraps if a private key is given. */
async function open(recipients: readonly { readonly privateKeyHex: string }[], privateKeyHex?: string) {
  const pairs = await Promise.all(recipients.map((one) => hpke.keyPairOf(bytesOf(one.privateKeyHex))));
  const text = privateKeyHex === undefined ? undefined : privateKeyText(bytesOf(privateKeyHex));
  const source = { description: "file key", read: () => Promise.resolve(new Secret(text ?? "")) };
  return await openRecovery({
    kind: "recovery",
    name: "safe",
    recipients: pairs.map(({ publicKey }) => publicKey),
    ...(text === undefined ? {} : { privateKey: source }),
  }, { notify: () => {} });
}

Deno.test("recovery keys keep the frozen texts, public keys, IDs and fingerprints", async () => {
  for (const key of vectors.keys) {
    const { privateKey, publicKey } = await hpke.keyPairOf(bytesOf(key.privateKeyHex));
    assert.equal(hex(publicKey), key.publicKeyHex);
    assert.equal(privateKeyText(privateKey), key.privateKeyText);
    assert.equal(publicKeyText(publicKey), key.publicKeyText);
    assert.deepEqual(parsePrivateKey(key.privateKeyText), privateKey);
    assert.deepEqual(parsePublicKey(key.publicKeyText), publicKey);
    assert.equal(hex(recipientId(publicKey)), key.idHex);
    assert.equal(recipientFingerprint(publicKey), key.fingerprint);
  }
});

Deno.test("the provider opens the frozen wraps with the private key of each recipient", async () => {
  for (const { recipients, wrappedHex, version, dekHex } of vectors.wraps) {
    for (const { privateKeyHex } of recipients) {
      await using provider = await open(recipients, privateKeyHex);
      const dek = await provider.unwrap({ version, ciphertext: bytesOf(wrappedHex) }, call);
      assert.equal(hex(dek), dekHex);
    }
  }
});

Deno.test("the provider makes the frozen wrap of the frozen random bytes", async () => {
  const made = vectors.wraps.filter(({ drawsHex }) => drawsHex !== undefined);
  assert.ok(made.length > 0);
  for (const { recipients, drawsHex = [], dekHex, version, wrappedHex } of made) {
    await using provider = await open(recipients);
    using _fixed = fixedRandom(drawsHex.map(bytesOf));
    const wrapped = await provider.wrap(bytesOf(dekHex), await provider.probe(call), call);
    assert.deepEqual([wrapped.version, hex(wrapped.ciphertext)], [version, wrappedHex]);
  }
});

Deno.test("encodeRecoveryWrap(), decodeRecoveryWrap() and recoveryVersion() keep the frozen layout", () => {
  assert.deepEqual(vectors.wraps.map(({ recipients }) => recipients.length), [1, 2, 3]);
  for (const { recipients, wrappedHex, version } of vectors.wraps) {
    const parts = recipients.map(({ idHex, encapsulatedHex, ciphertextHex }) => {
      return { id: bytesOf(idHex), encapsulated: bytesOf(encapsulatedHex), ciphertext: bytesOf(ciphertextHex) };
    });
    assert.equal(hex(encodeRecoveryWrap(parts)), wrappedHex);
    assert.deepEqual(decodeRecoveryWrap(bytesOf(wrappedHex)), parts);
    assert.equal(recoveryVersion(parts.map(({ id }) => id)), version);
  }
});
