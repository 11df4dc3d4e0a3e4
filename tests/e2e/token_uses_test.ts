/**
 * Tokens that are good for few requests (`token_num_uses` of a role): no call fails for want of a token, and Vault's
 * audit log shows no more logins than necessary.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startVault } from "../support/vault.ts";
import { printFigure } from "./harness/figures.ts";
import { Node } from "./harness/plugin.ts";
import { encryptFiles, Repository, startKeyService } from "./harness/sops.ts";

const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);
const uses = 10;

/** The requests to a Vault so far: logins, requests with their tokens, and the number of those that it refused. */
interface RequestCounts {
  readonly logins: number;
  readonly calls: number;
  readonly refused: number;
}

async function requestCountsIn(audit: string): Promise<RequestCounts> {
  const lines = (await Deno.readTextFile(audit)).trim().split("\n").map((line) => JSON.parse(line));
  const to = (type: string, prefix: string) =>
    lines.filter((line) => line.type === type && String(line.request.path).startsWith(prefix));
  const refused = to("response", "transit/").filter(({ error }) => error !== undefined).length;
  const calls = to("request", "transit/").length + to("request", "auth/token/").length;
  return { logins: to("request", "auth/approle/login").length, calls, refused };
}

Deno.test("sops decrypts 40 files of 40 behind an AppRole with token_num_uses=10, with a login for ten calls", async () => {
  await using vault = await startVault();
  await using node = await Node.make();
  const audit = join(vault.folder, "audit.log");
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "transit/keys/kubernetes", {});
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  await vault.api("POST", "sys/auth/approle", { type: "approle" });
  const role = "auth/approle/role/trousseau";
  const few = { token_policies: "trousseau", token_no_default_policy: true, token_num_uses: uses };
  await vault.api("POST", role, few);
  const auth = {
    method: "approle",
    roleId: (await vault.api("GET", `${role}/role-id`)).body.data.role_id,
    secretId: {
      file: await node.write("secret-id", (await vault.api("POST", `${role}/secret-id`, {})).body.data.secret_id),
    },
  };
  await vault.api("POST", "sys/audit/file", { type: "file", options: { file_path: audit } });
  const provider = { name: "vault", kind: "vault-transit", address: vault.address, key: "kubernetes", auth };

  await using repository = await Repository.make(node);
  const names = Array.from({ length: 40 }, (_, at) => `${at + 1}.yaml`);
  await encryptFiles(repository, node, provider, names);

  const before = await requestCountsIn(audit);
  assert.equal(before.refused, 0);
  assert.ok(before.logins <= Math.ceil(before.calls / uses) + 1, JSON.stringify(before));
  await using _second = await startKeyService(node, { providers: [provider] });
  let ok = 0;
  for (const name of names) {
    const { code, stdout } = await repository.sops("decrypt", name);
    if (code === 0 && stdout === `password: hunter-${name}\n`) ok++;
  }
  const after = await requestCountsIn(audit);
  const [logins, calls] = [after.logins - before.logins, after.calls - before.calls];
  printFigure(`tokens of ${uses} uses`, `${ok} of 40 decrypts, ${logins} logins for ${calls} calls`);
  assert.equal(ok, 40);
  assert.equal(after.refused, 0);
  assert.ok(logins <= 5, `${logins} logins`);
  assert.ok(logins <= Math.ceil(calls / uses) + 1, `${logins} logins for ${calls} calls`);
});
