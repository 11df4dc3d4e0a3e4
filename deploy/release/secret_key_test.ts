import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { base64, base64url, concat, fromBase64, fromBase64url, utf8 } from "../../lib/base/bytes.ts";
import { parseMinisignKey, verifyMinisign } from "../../lib/release/minisign.ts";
import { hasPassword, readSigningKey, scryptParameters, signMinisign } from "./secret_key.ts";

// Made by minisign 0.11: `minisign -G -W`, then `minisign -S -m SHA256SUMS -t trousseau`. The key signs tests alone.
const publicKey = `untrusted comment: minisign public key A20016CC032D06CD
RWTNBi0DzBYAos8naIQpo26/JASK47jVBPRNHdB3H9x4nyPxOekZ3LKs
`;
const secretKey =
  "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAzQYtA8wWAKJPaM5tLbbU9vRvpbI3e" +
  "vNV595kLPI4m3JksOPViY1Bis8naIQpo26/JASK47jVBPRNHdB3H9x4nyPxOekZ3LKsAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const content = utf8("hello\n");
const signature = `untrusted comment: signature from minisign secret key
RUTNBi0DzBYAoowr8TiMQUN8V5Zi8BYibMiMZJM+53UPqqbV/FXAIGY0w+Oqsiq5rXvWHA9IQzVsboI59pRnImeOVu8Yn/qitgU=
trusted comment: trousseau
IgL+OXCDd8WC/VmxMPnXS7LExJZdrwRo9+G/pCVbRk2SN/88GDFBGA7f1hzFccM0Yrl4UdnGi8q3yw90iLDUCg==
`;

Deno.test("signMinisign() gives the bytes of minisign, but for the untrusted comment", () => {
  assert.equal(hasPassword(secretKey), false);
  const own = signMinisign(content, readSigningKey(secretKey), "trousseau");
  assert.deepEqual(own.split("\n").slice(1), signature.split("\n").slice(1));
});

Deno.test("verifyMinisign() accepts minisign's own signature, with the file of the key or its line alone", () => {
  for (const key of [publicKey, publicKey.split("\n")[1] ?? ""]) {
    assert.equal(verifyMinisign(content, signature, parseMinisignKey(key)), "trousseau");
  }
});

Deno.test("verifyMinisign() refuses another content, comment, key, and any changed character", () => {
  const key = parseMinisignKey(publicKey);
  assert.throws(() => verifyMinisign(utf8("hello"), signature, key), /The signature does not hold/);
  const comment = signature.replace("comment: trousseau", "comment: other");
  assert.throws(() => verifyMinisign(content, comment, key), /trusted comment does not hold/);
  const other = fromBase64(publicKey.split("\n")[1] ?? "") ?? new Uint8Array();
  other[5] = (other[5] ?? 0) ^ 1;
  assert.throws(
    () => verifyMinisign(content, signature, parseMinisignKey(base64(other))),
    /is of the key A20016CC032D06CD/,
  );
  const signed = signature.indexOf("\n") + 1;
  for (let at = signed; at < signature.length; at++) {
    const forged = `${signature.slice(0, at)}${signature[at] === "A" ? "B" : "A"}${signature.slice(at + 1)}`;
    assert.throws(() => verifyMinisign(content, forged, key), { name: "ReleaseError" }, `character ${at}`);
  }
});

Deno.test("verifyMinisign() refuses a signature that is not prehashed, cut off, or continued", () => {
  const key = parseMinisignKey(publicKey);
  const [untrusted, first = "", ...rest] = signature.split("\n");
  const legacy = fromBase64(first) ?? new Uint8Array();
  legacy.set(utf8("Ed"));
  assert.throws(
    () => verifyMinisign(content, [untrusted, base64(legacy), ...rest].join("\n"), key),
    /not of the prehashed/,
  );
  for (const text of ["", signature.slice(0, 100), `${signature}more`]) {
    assert.throws(() => verifyMinisign(content, text, key), /it is not one of minisign/);
  }
});

Deno.test("parseMinisignKey() refuses a secret key and other texts", () => {
  for (const text of ["", "no key", secretKey, "RWTN"]) {
    assert.throws(() => parseMinisignKey(text), /Cannot read the public key/);
  }
});

// minisign asks for 1 GiB, too much for a quick test. This key has the least limits that libsodium takes.
const [operations, memory] = [32_768, 16_777_216];

async function lockedKey(password: string): Promise<string> {
  const { scryptSync } = await import("node:crypto");
  const plain = fromBase64(secretKey) ?? new Uint8Array();
  const salt = new Uint8Array(32).fill(7);
  const limits = new Uint8Array(new BigUint64Array([BigInt(operations), BigInt(memory)]).buffer);
  const { cost, parallelism } = scryptParameters(operations, memory);
  const stream = scryptSync(password, salt, 104, { N: cost, r: 8, p: parallelism });
  const secret = plain.subarray(54).map((byte, at) => byte ^ (stream[at] ?? 0));
  return `untrusted comment: locked\n${base64(concat(utf8("EdScB2"), salt, limits, secret))}\n`;
}

Deno.test("readSigningKey() opens a key with its password, and refuses another one", async () => {
  const locked = await lockedKey("correct");
  assert.equal(hasPassword(locked), true);
  const jwk = createPublicKey(readSigningKey(locked, "correct").key).export({ format: "jwk" });
  assert.equal(jwk.x, base64url((fromBase64(publicKey.split("\n")[1] ?? "") ?? new Uint8Array()).subarray(10)));
  assert.equal(fromBase64url(jwk.x ?? "")?.length, 32);
  for (const password of ["wrong", undefined]) {
    assert.throws(() => readSigningKey(locked, password), /the password is wrong/);
  }
});

Deno.test("scryptParameters() are those of libsodium for minisign's limits, and have an end", () => {
  assert.deepEqual(scryptParameters(0x2000000, 0x40000000), { cost: 2 ** 20, parallelism: 1 });
  assert.deepEqual(scryptParameters(operations, memory), { cost: 1024, parallelism: 1 });
  assert.throws(() => scryptParameters(2 ** 50, 2 ** 50), /more than 2 GiB/);
});

Deno.test("readSigningKey() refuses a public key and a key that is cut off", () => {
  for (const text of ["", publicKey, secretKey.slice(0, 100)]) {
    assert.throws(() => readSigningKey(text), /Cannot read the secret key/);
  }
});
