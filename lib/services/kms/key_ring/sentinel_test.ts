import { deepEqual, equal, notDeepEqual, rejects } from "node:assert/strict";
import { decodeEnvelope } from "../../../envelope/format.ts";
import { newDek } from "../../../envelope/seal.ts";
import type { Unwrapper } from "../../../envelope/unwrap.ts";
import { KmsError } from "../../../base/errors.ts";
import { idOf, isLoss, makeSentinel, openSentinel, type Sentinel } from "./sentinel.ts";

const text = new TextEncoder();
const call = { signal: new AbortController().signal };
const keyId = "t1-00112233445566778899aabbccddeeff";
const wrap = { name: "vault", version: "1@1700000000", ciphertext: text.encode("vault:v1:wrapped") };

/** A provider that gives back this data key for the wrap of the sentinel. */
function unwrapper(dek: Uint8Array | undefined, name = "vault"): Unwrapper {
  return { name, unwrap: () => Promise.resolve(dek?.slice()) };
}

/** A field behind its length in four bytes. */
function field(bytes: Uint8Array): Uint8Array {
  return new Uint8Array([0, 0, bytes.length >> 8, bytes.length & 255, ...bytes]);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** A sentinel, made by hand from what `seal.ts` and `wrap.ts` say of the bytes. */
async function byHand(dek: Uint8Array<ArrayBuffer>, random: Uint8Array<ArrayBuffer>): Promise<Sentinel> {
  const fields = [text.encode(wrap.name), text.encode(wrap.version), wrap.ciphertext].map(field);
  const wraps = [...text.encode("trousseau/1 wraps"), 0, 0, 0, 1, ...fields.flatMap((one) => [...one])];
  const reference = await sha256(new Uint8Array(wraps));
  const purpose = [...text.encode("trousseau/1"), ...field(text.encode("sentinel"))];
  const additionalData = new Uint8Array([...purpose, 1, ...field(text.encode(keyId)), ...reference]);
  const key = await crypto.subtle.importKey("raw", dek, "AES-GCM", false, ["encrypt"]);
  const iv = new Uint8Array(12).fill(5);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, key, random);
  return {
    provider: wrap.name,
    kind: "vault-transit",
    version: wrap.version,
    keyId,
    madeAt: 0,
    wrapped: wrap.ciphertext,
    envelope: new Uint8Array([0xe1, 1, ...reference, ...iv, ...new Uint8Array(sealed)]),
    sha256: (await sha256(random)).toHex(),
    test: undefined,
    lost: false,
  };
}

Deno.test("openSentinel() opens the stored bytes in their exact format", async () => {
  const [dek, random] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const sentinel = await byHand(dek, random);
  await openSentinel(sentinel, unwrapper(dek), call);
  const changes: Partial<Sentinel>[] = [
    { keyId: `${keyId}0` },
    { version: "2@1700000000" },
    { provider: "other" },
    { wrapped: text.encode("vault:v1:another") },
    { sha256: "0".repeat(64) },
    { envelope: sentinel.envelope.with(-1, (sentinel.envelope.at(-1) ?? 0) ^ 1) },
  ];
  for (const change of changes) {
    await rejects(openSentinel({ ...sentinel, ...change }, unwrapper(dek), call), { code: "integrity" });
  }
});

Deno.test("makeSentinel() makes a sentinel that opens, of new random bytes, and that counts as tested", async () => {
  const dek = newDek();
  const [one, two] = [1, 2].map((now) => makeSentinel(dek, wrap, "vault-transit", keyId, now + 0.4));
  if (one === undefined || two === undefined) throw new Error("unreachable");
  for (const sentinel of [one, two]) await openSentinel(sentinel, unwrapper(dek), call);
  notDeepEqual(one.envelope, two.envelope);
  notDeepEqual(one.sha256, two.sha256);
  equal(decodeEnvelope(one.envelope).sealed.length, 48);
  deepEqual([one.madeAt, one.test], [1, { at: 1, code: "ok", message: "" }]);
});

Deno.test("openSentinel() throws integrity for another data key or none, and passes on a provider's error", async () => {
  const sentinel = makeSentinel(newDek(), wrap, "vault-transit", keyId, 0);
  for (const dek of [newDek(), undefined]) {
    await rejects(openSentinel(sentinel, unwrapper(dek, "renamed"), call), {
      code: "integrity",
      message: /provider "renamed": its KMS gave back another data key/,
    });
  }
  const away = new KmsError("unreachable", "Away.");
  const unreachable = { name: "vault", unwrap: () => Promise.reject(away) };
  await rejects(openSentinel(sentinel, unreachable, call), away);
  deepEqual(
    (["integrity", "key_unknown", "key_unusable", "permission_denied"] as const).map(isLoss),
    Array(4).fill(true),
  );
  const noLoss = ["unreachable", "deadline_exceeded", "throttled", "unauthenticated", "provider_protocol"] as const;
  deepEqual(noLoss.map(isLoss), Array(5).fill(false));
});

Deno.test("idOf() differs for different versions, for any characters in names", () => {
  const ids = [["a", "k", "v"], ["a", "k,v", ""], ['a"', "k", "v"]].map(([provider = "", kind = "", version = ""]) =>
    idOf({ provider, kind, version })
  );
  equal(new Set(ids).size, 3);
});
