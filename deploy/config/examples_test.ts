import assert from "node:assert/strict";
import { environmentFrom } from "../../lib/config/environment.ts";
import { type FakeFiles, fakeFiles } from "../../tests/support/fake_files.ts";
import { loadConfig } from "../../lib/config/load.ts";

/** What each example needs to find on the machine that it is for. */
const needs: Readonly<Record<string, readonly string[]>> = {
  "aws.yaml": [],
  "azure.yaml": [],
  "gcp.yaml": [],
  "kms-plugin.yaml": [],
  "openbao.yaml": ["/etc/trousseau/openbao-ca.pem", "/etc/trousseau/node.pem", "/etc/trousseau/node.key"],
  "production.yaml": ["/etc/trousseau/role-id", "/etc/trousseau/secret-id", "/etc/trousseau/vault-ca.pem"],
  "quorum.yaml": [
    "/etc/trousseau/role-id",
    "/etc/trousseau/secret-id",
    "/etc/trousseau/vault-ca.pem",
    "/etc/trousseau/openbao-ca.pem",
    "/etc/trousseau/node.pem",
    "/etc/trousseau/node.key",
    "/etc/trousseau/azure.pem",
  ],
  "test.yaml": [],
  "vault-agent.yaml": [],
};

async function load(name: string, there: readonly string[]) {
  const text = await Deno.readTextFile(new URL(name, import.meta.url));
  const contents: FakeFiles["contents"] = { [name]: text, ...Object.fromEntries(there.map((path) => [path, "x"])) };
  return await loadConfig(name, environmentFrom(() => undefined), fakeFiles({ contents }));
}

Deno.test("deploy/config has these examples and no others", () => {
  const found = [...Deno.readDirSync(new URL(".", import.meta.url))].map(({ name }) => name);
  assert.deepEqual(found.filter((name) => !name.endsWith(".ts")).sort(), Object.keys(needs));
});

for (const [name, there] of Object.entries(needs)) {
  Deno.test(`${name} loads, and writes only where the compiled program may`, async () => {
    const { providers } = await load(name, there);
    assert.equal(providers.length, name === "quorum.yaml" ? 3 : 1);
  });

  Deno.test(`${name} needs each of its files`, async () => {
    for (const path of there) {
      await assert.rejects(load(name, there.filter((one) => one !== path)), { code: "config" }, path);
    }
  });
}

Deno.test("production.yaml says the defaults where it does not decide", async () => {
  const [production, plain] = await Promise.all(
    ["production.yaml", "openbao.yaml"].map((name) => load(name, needs[name] ?? [])),
  );
  assert.ok(production !== undefined && plain !== undefined);
  assert.deepEqual({ ...production, ...differences(plain) }, { ...plain, ...differences(plain) });
});

Deno.test("quorum.yaml wants two of three", async () => {
  const { wrap, providers } = await load("quorum.yaml", needs["quorum.yaml"] ?? []);
  assert.deepEqual([wrap, providers.map(({ name }) => name)], [2, ["vault", "openbao", "azure"]]);
});

/** What a production profile decides for itself. */
function differences({ file, kms, telemetry, providers, sops }: Awaited<ReturnType<typeof load>>) {
  // Where nothing is said, the keys of files stand for all providers, whose names differ.
  return { file, kms, telemetry, providers, sops: { ...sops, keys: sops.keys.map(({ name }) => name) } };
}
