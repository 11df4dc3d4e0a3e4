/**
 * The plugin in front of a real Vault that it reaches through an agent's Unix socket, and below a path. The agent and
 * the reverse proxy are doubles.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { waitFor } from "../support/processes.ts";
import { startVault, type Vault } from "../support/vault.ts";
import { VaultAgentDouble } from "../support/vault_agent_double.ts";
import { Node } from "./harness/plugin.ts";

const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);

/** A Vault with the key and the policy, and a token of that policy. */
async function prepared(policy: string): Promise<Vault & { readonly limited: string }> {
  const vault = await startVault();
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "transit/keys/kubernetes", {});
  await vault.api("POST", "sys/policies/acl/trousseau", { policy });
  const options = { policies: ["trousseau"], no_default_policy: true, ttl: "1h" };
  const { body } = await vault.api("POST", "auth/token/create", options);
  return { ...vault, limited: body.auth.client_token };
}

/** The findings of `check --json` about one provider. */
async function check(node: Node, provider: object) {
  const config = node.config({ providers: [{ name: "vault", kind: "vault-transit", key: "kubernetes", ...provider }] });
  const file = await node.write("check.yaml", JSON.stringify(config));
  const { code, stdout, stderr } = await node.command("check", "--json", "--config", file);
  assert.ok(stdout.startsWith("{"), stdout + stderr);
  const found: {
    providers: { steps: { result: string; message: string }[] }[];
    warnings: { message: string }[];
  } = JSON.parse(stdout);
  const steps = found.providers[0]?.steps ?? [];
  return {
    code,
    results: steps.map(({ result }) => result),
    why: steps.find(({ result }) => result !== "ok")?.message ?? "",
    warnings: found.warnings.map(({ message }) => message).join("\n"),
  };
}

const allGood = ["ok", "ok", "ok", "ok"];

Deno.test("check and serve use the socket of an agent without a login of their own", async () => {
  await using vault = await prepared(await Deno.readTextFile(policyFile));
  await using node = await Node.make();
  const socket = join(node.folder, "agent.sock");
  const provider = { address: `unix://${socket}`, auth: { method: "agent" } };
  const none = await check(node, provider);
  assert.match(none.why, /agent\.sock is not there; start the agent, or mount the folder of its socket\.$/);
  await using agent = new VaultAgentDouble({ vault: vault.address, token: vault.limited, socket });
  await Deno.chmod(socket, 0o660);
  const good = await check(node, provider);
  assert.deepEqual([good.code, good.results], [0, allGood], good.why);
  assert.doesNotMatch(good.warnings, /agent\.sock/);
  await Deno.chmod(socket, 0o666);
  assert.match((await check(node, provider)).warnings, /Every user of this machine may connect to .*agent\.sock/);
  assert.ok(agent.requests.length > 3 && agent.requests.every(({ token }) => token === null));

  const config = { providers: [{ name: "vault", kind: "vault-transit", key: "kubernetes", ...provider }] };
  await using plugin = await node.start(config);
  const healthy = async () => (await plugin.status()).healthz === "ok";
  await waitFor("the plugin to be well", healthy, { timeoutMs: 30_000, everyMs: 100, alive: [plugin.process] });

  agent.token = undefined;
  const tokenless = await check(node, provider);
  assert.deepEqual(tokenless.results, ["ok", "permission_denied"]);
  assert.match(
    tokenless.why,
    /the agent adds no token, or its policies do not allow read on transit\/keys\/kubernetes/,
  );
  const token = { method: "token", token: { file: await node.write("token", vault.limited) } };
  assert.deepEqual((await check(node, { ...provider, auth: token })).results, allGood);
});

Deno.test("check requests below the path of an address, and names a wrong path, scheme and policy", async () => {
  const policy = (await Deno.readTextFile(policyFile)).replace(/path "transit\/rewrap\/kubernetes" \{[^}]*\}/, "");
  await using vault = await prepared(policy);
  await using node = await Node.make();
  await using front = new VaultAgentDouble({ vault: vault.address, prefix: "/team/vault" });
  const root = { method: "token", token: { file: await node.write("root", vault.token) } };
  for (const address of [front.address, `${front.address}/`]) {
    const good = await check(node, { address, auth: root });
    assert.deepEqual(good.results, allGood, good.why);
  }
  const { origin } = new URL(front.address);
  assert.match(
    (await check(node, { address: origin, auth: root })).why,
    /404 \(not from Vault's API, .* path in address/,
  );
  const limited = { method: "token", token: { file: await node.write("limited", vault.limited) } };
  const lacking = await check(node, { address: front.address, auth: limited });
  const sentence =
    /403 \(the token's policies do not allow update on transit\/rewrap\/kubernetes: look at mount, key or/;
  assert.match(lacking.why, sentence);
  const tls = await check(node, {
    address: front.address.replace("http:", "https:"),
    auth: root,
    tls: { caFile: vault.caFile },
  });
  assert.match(tls.why, /speaks no TLS on this port; write http:\/\/ if it is on this machine/);
});

Deno.test("check names https:// for a plain request to the TLS port of a Vault", async () => {
  await using vault = await startVault({ tls: true });
  await using node = await Node.make();
  const auth = { method: "token", token: { file: await node.write("root", vault.token) } };
  const plain = await check(node, { address: vault.address.replace("https:", "http:"), auth });
  assert.match(plain.why, /Vault at http:\/\/127\.0\.0\.1:\d+ speaks TLS on this port; write https:\/\/\.$/);
});
