/**
 * A real Vault with a rate limit, which answers 429 without Retry-After: calls wait for their turn.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startVault } from "../support/vault.ts";
import { printFigure } from "./harness/figures.ts";
import { Node } from "./harness/plugin.ts";
import { encryptFiles, Repository, startKeyService } from "./harness/sops.ts";

const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);

Deno.test("sops decrypts 8 files at once with a Vault that accepts 2 requests per second", async () => {
  await using vault = await startVault();
  await using node = await Node.make();
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "transit/keys/kubernetes", {});
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  const { auth } = (await vault.api("POST", "auth/token/create", { policies: ["trousseau"], no_parent: true })).body;
  const token = { file: await node.write("token", auth.client_token) };
  const provider = {
    name: "vault",
    kind: "vault-transit",
    address: vault.address,
    key: "kubernetes",
    auth: { method: "token", token },
  };
  await using repository = await Repository.make(node);
  const names = Array.from({ length: 8 }, (_, at) => `${at + 1}.yaml`);
  await encryptFiles(repository, node, provider, names);

  await using _second = await startKeyService(node, { providers: [provider] });
  await vault.api("POST", "sys/quotas/rate-limit/few", { rate: 2, interval: "1s", path: "transit" });
  const started = performance.now();
  const results = await Promise.all(names.map((name) => repository.sops("decrypt", name)));
  printFigure("8 decrypts at 2 requests in a second", `${((performance.now() - started) / 1000).toFixed(1)} s`);
  for (const [at, { code, stdout, stderr }] of results.entries()) {
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `password: hunter-${names[at]}\n`);
  }
});
