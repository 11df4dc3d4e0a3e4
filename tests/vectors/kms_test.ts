/**
 * Frozen bytes of the KMS API, read and written by the code of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { concat, hex, sha256 } from "../../lib/base/bytes.ts";
import {
  beginsAsOurs,
  decodeEnvelope,
  decodeFrame,
  encodeEnvelope,
  encodeFrameHead,
  type Threshold,
} from "../../lib/envelope/format.ts";
import { bound, sealEnvelope, taggedDek, untaggedDek } from "../../lib/envelope/seal.ts";
import {
  decodeAnnotations,
  encodeAnnotations,
  isReferenceTo,
  referenceTo,
  type Wrap,
} from "../../lib/envelope/wrap.ts";
import type { KmsApi } from "../../lib/api/kms/messages.ts";
import { keyIdOf } from "../../lib/services/kms/key_ring/key_id.ts";
import { unwrapLocally, wrapLocally } from "../../lib/provider/local/cipher.ts";
import { encodeKeyFile } from "../../lib/provider/local/key_file.ts";
import { enforceContract } from "../../lib/provider/enforced_contract.ts";
import { openLocal } from "../../lib/provider/local/provider.ts";
import { withRandom } from "../support/fixed_random.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { startNode } from "../support/test_service.ts";
import { bytesOf, hexValues, localKeyOf } from "./hex.ts";
import v1beta1 from "./envelope_v1beta1.json" with { type: "json" };
import v2 from "./envelope_v2.json" with { type: "json" };

/** In v2 with annotations, in v1beta1 with a frame. */
type Vector = Omit<(typeof v2)[number], "annotationsHex"> & {
  readonly annotationsHex?: Readonly<Record<string, string | undefined>>;
  readonly frameHex?: string;
};

const vectors: readonly Vector[] = [...v2, ...v1beta1];

const apiOf = ({ api }: Vector): KmsApi => api === "v2" ? "v2" : "v1beta1";

function wrapsOf({ wraps }: Vector): Wrap[] {
  return wraps.map(({ name, version, ciphertextHex }) => ({ name, version, ciphertext: bytesOf(ciphertextHex) }));
}

/** The request of Decrypt that kube-apiserver makes of the stored bytes. */
function storedOf({ keyId, envelopeHex, annotationsHex, frameHex }: Vector) {
  return frameHex === undefined
    ? { keyId, ciphertext: bytesOf(envelopeHex), annotations: hexValues(annotationsHex ?? {}) }
    : { keyId: "", ciphertext: bytesOf(frameHex), annotations: {} };
}

/** Local providers whose files hold the keys of a vector. */
function openProviders({ wraps }: Vector, folder: string) {
  return Promise.all(wraps.map(async (wrap) => {
    const keyFile = `${folder}/${wrap.name}.keys`;
    await Deno.writeFile(keyFile, encodeKeyFile([localKeyOf(wrap)]), { mode: 0o600 });
    return await openLocal({ kind: "local", name: wrap.name, keyFile, create: false }, { notify: () => {} });
  }));
}

for (const vector of vectors) {
  const [api, wraps, reference] = [apiOf(vector), wrapsOf(vector), bytesOf(vector.referenceHex)];
  const threshold: Threshold = 1;
  const context = { purpose: api, threshold, keyId: vector.keyId, reference };

  Deno.test(`decrypt() opens the frozen bytes: ${vector.what}`, () =>
    inFolder(async (folder) => {
      const providers = await openProviders(vector, folder);
      await using node = await startNode(providers.map((one) => enforceContract(one, { notify: () => {} })), {
        keyEpoch: vector.keyEpoch,
      });
      const stored = storedOf(vector);
      assert.ok(beginsAsOurs(stored.ciphertext, api));
      const { plaintext } = await node.service.decrypt(stored, api, { signal: new AbortController().signal });
      assert.equal(hex(plaintext), vector.plaintextHex);
    }));

  Deno.test(`the parsers give the frozen fields: ${vector.what}`, () => {
    const { ciphertext, annotations } = storedOf(vector);
    const frame = vector.frameHex === undefined
      ? { keyId: vector.keyId, wraps: decodeAnnotations(annotations), envelope: decodeEnvelope(ciphertext) }
      : decodeFrame(ciphertext, "v1beta1");
    const { nonceHex, sealedHex } = vector;
    const envelope = { threshold: vector.threshold, reference, nonce: bytesOf(nonceHex), sealed: bytesOf(sealedHex) };
    assert.deepEqual(frame, { keyId: vector.keyId, wraps, envelope });
    for (const { ciphertextHex, ...wrap } of vector.wraps) {
      const tagged = unwrapLocally(localKeyOf(wrap), bytesOf(ciphertextHex));
      assert.ok(tagged);
      assert.equal(hex(untaggedDek(tagged, api) ?? tagged), vector.dekHex);
    }
  });

  Deno.test(`the encoders give the frozen bytes: ${vector.what}`, () => {
    const dek = bytesOf(vector.dekHex);
    assert.equal(hex(taggedDek(dek, api)), vector.taggedDekHex);
    for (const { nonceHex, ciphertextHex, ...wrap } of vector.wraps) {
      const wrapped = withRandom([bytesOf(nonceHex)], () => wrapLocally(localKeyOf(wrap), taggedDek(dek, api)));
      assert.equal(hex(wrapped), ciphertextHex);
    }
    assert.equal(hex(referenceTo(wraps.toReversed())), vector.referenceHex);
    assert.equal(hex(sha256(bytesOf(vector.canonicalWrapsHex))), vector.referenceHex);
    assert.ok(isReferenceTo(vector.referenceHex, wraps));
    assert.equal(hex(bound(context).additionalData ?? new Uint8Array(0)), vector.additionalDataHex);
    const seal = (sealed: Parameters<typeof sealEnvelope>[2]) =>
      withRandom([bytesOf(vector.nonceHex)], () => sealEnvelope(dek, bytesOf(vector.plaintextHex), sealed));
    for (const sealed of [context, bound(context)]) assert.equal(hex(seal(sealed)), vector.envelopeHex);
    assert.equal(hex(encodeEnvelope(decodeEnvelope(bytesOf(vector.envelopeHex)))), vector.envelopeHex);
    if (vector.frameHex === undefined) {
      assert.deepEqual(encodeAnnotations(wraps), hexValues(vector.annotationsHex ?? {}));
    } else {
      assert.equal(hex(concat(encodeFrameHead(vector.keyId, wraps, "v1beta1"), seal(context))), vector.frameHex);
    }
  });

  Deno.test(`keyIdOf() gives the frozen key ID: ${vector.what}`, () => {
    assert.equal(keyIdOf(vector.keyEpoch, vector.wraps), vector.keyId);
  });
}
