import { deepEqual, match, ok } from "node:assert/strict";
import { parse } from "yaml";

const read = (path: string) => Deno.readTextFile(new URL(path, import.meta.url));
const modules = ["vault", "aws", "azure", "google"] as const;
const texts = Object.fromEntries(await Promise.all(modules.map(async (name) => [name, await read(`${name}/main.tf`)])));

/** The texts between quotes that a pattern finds. */
const quoted = (name: (typeof modules)[number], pattern: RegExp) =>
  [...(texts[name] ?? "").matchAll(pattern)].map(([text]) => text.slice(1, -1)).toSorted();

/** Each path of a Vault policy with its capabilities. */
function rightsIn(policy: string): readonly string[] {
  return [...policy.matchAll(/path "([^"]+)" \{\s+capabilities = (\[[^\]]+\])/g)].map(([, path, list]) =>
    `${path} ${list}`
  ).toSorted();
}

Deno.test("the module for Vault grants the rights of vault.hcl", async () => {
  const ours = (texts["vault"] ?? "").replaceAll("${var.mount}", "transit").replaceAll("${var.key}", "kubernetes");
  const wanted = rightsIn(await read("../policies/vault.hcl"));
  ok(wanted.length === 6);
  deepEqual(rightsIn(ours), wanted);
});

Deno.test("the module for AWS grants the rights of aws-kms.json", async () => {
  const { Statement: [{ Action }] } = JSON.parse(await read("../policies/aws-kms.json"));
  deepEqual(quoted("aws", /"kms:[^"]+"/g), Action.toSorted());
});

Deno.test("the module for Azure grants the rights of azure-key-vault.json", async () => {
  const { Actions, DataActions } = JSON.parse(await read("../policies/azure-key-vault.json"));
  deepEqual(Actions, []);
  deepEqual(quoted("azure", /"Microsoft\.[^"]+"/g), DataActions.toSorted());
});

Deno.test("the module for Google grants the rights of gcp-kms.yaml", async () => {
  const { includedPermissions } = parse(await read("../policies/gcp-kms.yaml"));
  deepEqual(quoted("google", /"cloudkms\.[^"]+"/g), includedPermissions.toSorted());
});

for (const name of modules) {
  Deno.test(`the module for ${name} keeps its key, and makes no secret`, () => {
    match(texts[name] ?? "", /prevent_destroy = true/);
    ok(!/secret_id"|random_password|approle_auth_backend_role_secret_id/.test(texts[name] ?? ""));
  });
}
