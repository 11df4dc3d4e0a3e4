import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, sign, verify } from "node:crypto";
import { type GeneratorInput, generatorSchema } from "../../../api/keyring/generators.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { exactText, fromBase64, fromBase64url, utf8 } from "../../../base/bytes.ts";
import { generate } from "./generate.ts";

async function make(input: GeneratorInput, name = "value") {
  const { fields, bits } = await generate(generatorSchema.parse(input), name);
  return { fields, bits, texts: fields.map(({ value }) => exactText(value) ?? "") };
}

Deno.test("generate() makes one text field of a password, a passphrase and a UUID, with its bits", async () => {
  const cases = [
    [{ kind: "password", length: 20, classes: { digits: 0 } }, /^\d{20}$/, 20 * Math.log2(10)],
    [{ kind: "passphrase", words: 4 }, /^[a-z]+(-[a-z]+){3,7}$/, 4 * Math.log2(7776)],
    [{ kind: "uuid" }, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, 122],
  ] as const;
  for (const [input, pattern, bits] of cases) {
    const made = await make(input, "db.password");
    deepEqual(made.fields.map(({ name, kind }) => [name, kind]), [["db.password", "text"]]);
    match(made.texts[0] ?? "", pattern);
    ok(Math.abs(made.bits - bits) < 1e-9);
    notEqual((await make(input)).texts[0], made.texts[0]);
  }
});

Deno.test("generate() makes bytes of the asked size in each encoding", async () => {
  for (const size of [8, 31, 32, 4096]) {
    const raw = await make({ kind: "bytes", size, encoding: "raw" });
    deepEqual([raw.fields[0]?.kind, raw.fields[0]?.value.length, raw.bits], ["bytes", size, 8 * size]);
    const decoders = { hex: (text: string) => text.match(/^([0-9a-f]{2})+$/) && { length: text.length / 2 } } as const;
    const encoded = {
      hex: decoders.hex((await make({ kind: "bytes", size, encoding: "hex" })).texts[0] ?? ""),
      base64: fromBase64((await make({ kind: "bytes", size, encoding: "base64" })).texts[0] ?? ""),
      base64url: fromBase64url((await make({ kind: "bytes", size, encoding: "base64url" })).texts[0] ?? ""),
    };
    deepEqual(Object.values(encoded).map((bytes) => bytes?.length), [size, size, size]);
  }
});

Deno.test("generate() makes PEM key pairs whose halves belong together", async () => {
  for (const input of [{ kind: "ed25519" }, { kind: "rsa", bits: 2048 }] as const) {
    const { fields, texts: [privateKey = "", publicKey = ""], bits } = await make(input, "signer");
    deepEqual(fields.map(({ name, kind }) => [name, kind]), [["signer", "text"], ["signer_public", "text"]]);
    match(privateKey, /^-----BEGIN PRIVATE KEY-----\n/);
    match(publicKey, /^-----BEGIN PUBLIC KEY-----\n/);
    const algorithm = input.kind === "rsa" ? "sha256" : null;
    const signature = sign(algorithm, utf8("text"), createPrivateKey(privateKey));
    ok(verify(algorithm, utf8("text"), createPublicKey(publicKey), signature));
    equal(bits, input.kind === "rsa" ? 112 : 128);
  }
  const { texts: [privateKey = "", publicKey = ""], bits } = await make({ kind: "x25519" });
  const peer = generateKeyPairSync("x25519");
  const ours = diffieHellman({ privateKey: createPrivateKey(privateKey), publicKey: peer.publicKey });
  deepEqual(ours, diffieHellman({ privateKey: peer.privateKey, publicKey: createPublicKey(publicKey) }));
  equal(bits, 128);
});

Deno.test("generate() makes RSA keys of the asked size with the exponent 65537", async () => {
  const { texts: [privateKey = ""], bits } = await make({ kind: "rsa", bits: 3072 });
  deepEqual(createPrivateKey(privateKey).asymmetricKeyDetails, { modulusLength: 3072, publicExponent: 65537n });
  equal(bits, 128);
});

Deno.test("generate() makes OpenSSH key pairs with their comment", async () => {
  const { texts: [privateKey = "", publicKey = ""] } = await make({
    kind: "ed25519",
    format: "openssh",
    comment: "deploy@ci",
  });
  match(privateKey, /^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
  match(publicKey, /^ssh-ed25519 [A-Za-z0-9+/]{68} deploy@ci\n$/);
});

Deno.test("generate() refuses a name that is no field name, also that of the public key", async () => {
  const refused = (thrown: unknown) => thrown instanceof KeyringError && thrown.code === "request_invalid";
  for (const name of ["", "-a", "a b", "ü", "x".repeat(129)]) await rejects(make({ kind: "uuid" }, name), refused);
  const longest = "x".repeat(121);
  equal((await make({ kind: "x25519" }, longest)).fields[1]?.name, `${longest}_public`);
  await rejects(make({ kind: "x25519" }, `${longest}x`), refused);
});

Deno.test("docs/keyring/generators.md names the entropy of common specifications", async () => {
  const page = await Deno.readTextFile(new URL("../../../../docs/keyring/generators.md", import.meta.url));
  const specifications: readonly (readonly [string, GeneratorInput])[] = [
    ["`password` with the defaults", { kind: "password" }],
    ["`password` of 12 characters", { kind: "password", length: 12 }],
    ["`password` of 6 digits", { kind: "password", length: 6, classes: { digits: 0 } }],
    ["`passphrase` of 6 words", { kind: "passphrase" }],
    ["`passphrase` of 10 words", { kind: "passphrase", words: 10 }],
    ["`uuid`", { kind: "uuid" }],
    ["`bytes` of 32", { kind: "bytes" }],
    ["`ed25519`, `x25519`", { kind: "x25519" }],
  ];
  for (const [name, input] of specifications) {
    const row = page.split("\n").find((line) => line.startsWith(`| ${name} `) && /\| [\d.]+ +\|$/.test(line));
    equal(row?.split("|")[2]?.trim(), `${Math.round((await make(input)).bits * 10) / 10}`, name);
  }
});
