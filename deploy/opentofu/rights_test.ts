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

const named: Readonly<Record<(typeof modules)[number], readonly string[]>> = {
  vault: ["var.mount", "var.key", "var.role", "var.login_mount", "var.role"],
  aws: ['"alias/${var.name}"', '"trousseau-${var.name}"'],
  azure: ["var.name", "var.role"],
  google: ["var.key_ring", "var.key", "var.role"],
};

for (const name of modules) {
  Deno.test(`the module for ${name} takes each name in the KMS from a variable for each cluster`, () => {
    const text = texts[name] ?? "";
    const values = [...text.matchAll(/^ {2}(?:name|path|role_name|role_id) += (.+)$/gm)].map(([, value]) => value);
    deepEqual(values, named[name]);
    for (const [, variable] of named[name].join().matchAll(/var\.(\w+)/g)) {
      match(text, new RegExp(`variable "${variable}" \\{[^}]+description = "[^"]+: one for each cluster`));
    }
  });

  Deno.test(`the module for ${name} keeps its key, and makes no secret`, () => {
    match(texts[name] ?? "", /prevent_destroy = true/);
    ok(!/secret_id"|random_password|approle_auth_backend_role_secret_id/.test(texts[name] ?? ""));
  });
}
