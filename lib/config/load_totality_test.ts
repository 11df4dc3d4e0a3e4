import assert from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../base/errors.ts";
import { complaints, fakePath, loadFake, vaultProvider } from "../../tests/support/fake_files.ts";

const key = fc.constantFrom(
  "socket",
  "path",
  "mode",
  "owner",
  "state",
  "kms",
  "wrap",
  "cache",
  "maxAge",
  "telemetry",
  "log",
  "listen",
  "audit",
  "providers",
  "kind",
  "name",
  "formerly",
  "keyFile",
  "create",
  "address",
  "addresses",
  "auth",
  "method",
  "token",
  "roleId",
  "secretId",
  "wrapped",
  "keepUnwrapped",
  "file",
  "variable",
  "tls",
  "caFile",
  "__proto__",
  "constructor",
  "toString",
  "",
); // deno-fmt-ignore-line

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom("local", "vault-transit", "approle", "10m", "0600", "all", "https://a", "off", "token", "a"),
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 6 }),
  ),
}));

async function isTotal(config: string | Uint8Array): Promise<void> {
  try {
    await loadFake(config);
  } catch (thrown) {
    assert.ok(thrown instanceof KmsError, `${thrown}`);
    assert.equal(thrown.code, "config");
    assert.ok(thrown.message.split("\n").every((line) => line.includes(fakePath)), thrown.message);
  }
}

Deno.test("loadConfig() accepts or refuses any tree of known and unknown keys, and throws nothing else", async () => {
  await fc.assert(fc.asyncProperty(value, (tree) => isTotal(JSON.stringify(tree))), { numRuns: 400 });
});

Deno.test("loadConfig() accepts or refuses any providers, and throws nothing else", async () => {
  const providers = fc.array(fc.dictionary(key, value, { maxKeys: 8 }), { maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(
      providers,
      fc.constantFrom("local", "vault-transit"),
      (list, kind) => isTotal(JSON.stringify({ providers: list.map((one) => ({ kind, ...one })) })),
    ),
    { numRuns: 400 },
  );
});

Deno.test("loadConfig() accepts or refuses any text and any bytes, and throws nothing else", async () => {
  const yamlish = fc.string({
    unit: fc.constantFrom(
      ..."abk:-,{}[]&*!|>'\"%@`#\n\t  \\?~0".split(""),
      "providers:\n",
      "- ",
      "  ",
      "<<",
      "\u{1f600}",
      "\0",
    ),
    maxLength: 80,
  });
  await fc.assert(fc.asyncProperty(yamlish, isTotal), { numRuns: 1000 });
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), isTotal), { numRuns: 300 });
});

Deno.test("loadConfig() accepts or refuses any cut of a good config, and throws nothing else", async () => {
  const whole = vaultProvider("    address: https://a\n    tls: { caFile: ca.pem }") +
    "wrap: 1\ncache: { maxAge: 5m }\n";
  assert.deepEqual(await complaints(whole), []);
  for (let length = 0; length < whole.length; length++) await isTotal(whole.slice(0, length));
});

Deno.test("loadConfig() refuses an anchor inside itself, and throws nothing else", async () => {
  for (
    const config of ["providers: &a [*a]\n", "&a { socket: *a, providers: [*a] }\n", "cache: &a { entries: *a }\n"]
  ) {
    assert.notDeepEqual(await complaints(config), []);
    await isTotal(config);
  }
});
