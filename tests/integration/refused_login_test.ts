/**
 * A wrong credential on several nodes, each with a plugin, a key service and a `check`: Vault locks accounts for all nodes,
 * and must not reach that limit.
 */
import assert from "node:assert/strict";
import { roundTrip } from "../../lib/cli/trousseau/round_trip.ts";
import { openVaultTransit } from "../../lib/provider/vault_transit/provider.ts";
import type { VaultAuth, VaultTransitSettings } from "../../lib/provider/vault_transit/settings.ts";
import { openAzureKeyVault } from "../../lib/provider/azure_key_vault/provider.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import type { ProviderSettings } from "../../lib/provider/registry.ts";
import { azureSettings, secretAuth } from "../support/azure_settings.ts";
import { KeyVaultDouble } from "../support/key_vault_double.ts";
import { pause } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { refuse, VaultDouble } from "../support/vault_double.ts";
import { fileSecret, MemorySecret, patient, refusedWith, userpassAuth } from "../support/vault_settings.ts";

const approle = (secretId: string): VaultAuth => ({
  method: "approle",
  mount: "approle",
  roleId: new MemorySecret("role"),
  secretId: fileSecret(secretId),
  wrapped: false,
});

const settings = (vault: VaultDouble, auth: VaultAuth): VaultTransitSettings => ({
  kind: "vault-transit",
  name: "vault-eu",
  addresses: [vault.address],
  mount: "transit",
  key: "kubernetes",
  auth,
  tls: {},
});

/** A process of a node that makes calls for `ms` milliseconds. @returns its error messages. */
async function insist(open: () => Promise<Provider>, ms: number): Promise<Set<string>> {
  const said = new Set<string>();
  await using provider = await open();
  for (const end = Date.now() + ms; Date.now() < end; await pause(20)) {
    await provider.probe(patient).catch(({ code }) => said.add(code));
  }
  return said;
}

const logins = (vault: VaultDouble) =>
  vault.requests.filter(({ method, path }) => method === "POST" && path.includes("/login")).length;

/** Runs `work` with one node for each secret. Each node has its own state folder and secret file. */
function withNodes(secrets: readonly string[], work: (folders: readonly string[]) => Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const folders = secrets.map((_, at) => `${folder}/node-${at}`);
    for (const [at, secret] of secrets.entries()) {
      await Deno.mkdir(folders[at] ?? assert.fail());
      await Deno.writeTextFile(`${folders[at]}/secret-id`, `${secret}\n`);
    }
    await work(folders);
  });
}

const check = (folder: string, of: ProviderSettings) =>
  roundTrip({ name: of.name, settings: of }, {
    stateFolder: folder,
    signal: patient.signal,
    last: "unwrap",
    knownVersions: [],
    counts: (live) => live,
    versions: [],
    sentinels: [],
  });

Deno.test("three nodes with one wrong secret ID make three refused logins, over restarts, checks and several processes", () =>
  withNodes(["wrong", "wrong", "wrong"], async (folders) => {
    await using vault = new VaultDouble();
    for (let restarts = 0; restarts < 2; restarts++) {
      await Promise.all(folders.map(async (stateFolder) => {
        const of = settings(vault, approle(`${stateFolder}/secret-id`));
        const open = () => openVaultTransit(of, { notify: () => {}, stateFolder });
        const said = await Promise.all([insist(open, 2500), insist(open, 2500)]);
        for (const codes of said) assert.deepEqual([...codes], ["unauthenticated"]);
        const { steps } = await check(stateFolder, of);
        const message = steps.at(-1)?.message ?? "";
        assert.match(
          message,
          /it was refused (just now|1 minute ago) and is not repeated before \d\d:\d\d UTC: Vault answered/,
        );
        assert.match(
          message,
          /400 \(it refuses the role ID or the secret ID at auth\/approle\/login\); to try now, change it or remove \//,
        );
      }));
    }
    assert.deepEqual([logins(vault), vault.refusals.get("role")], [3, 3]);
  }));

Deno.test("a changed secret ID is tried within two seconds, and a node with the valid one is not held by a stale one", () =>
  withNodes(["wrong", "right"], async ([stale = "", good = ""]) => {
    await using vault = new VaultDouble();
    const open = (stateFolder: string) =>
      openVaultTransit(settings(vault, approle(`${stateFolder}/secret-id`)), { notify: () => {}, stateFolder });
    await insist(() => open(stale), 2500);
    await using other = await open(good);
    await other.probe(patient);
    await using provider = await open(stale);
    await assert.rejects(provider.probe(patient), refusedWith("unauthenticated"));
    await Deno.writeTextFile(`${stale}/secret-id`, "right\n");
    const began = Date.now();
    for (;;) {
      const done = await provider.probe(patient).then(() => true, () => false);
      if (done) break;
      assert(Date.now() - began < 8000, "the changed secret ID was not tried");
      await pause(20);
    }
    assert.equal(logins(vault), 3);
  }));

Deno.test("a locked role is recognized by 403, and tried again before a wrong secret ID would be", () =>
  withNodes(["right"], async ([folder = ""]) => {
    await using vault = new VaultDouble();
    vault.refusals.set("role", 5);
    const of = settings(vault, approle(`${folder}/secret-id`));
    const { steps } = await check(folder, of);
    assert.match(steps.at(-1)?.message ?? "", /403 \(.*has locked it \(sys\/locked-users\)/);
    const { refusals: [{ at, until }] } = JSON.parse(await Deno.readTextFile(`${folder}/refused-logins.json`));
    assert(until - at >= 240_000 && until - at <= 360_000);
    const held = await check(folder, of);
    assert.equal(logins(vault), 1);
    // The messages must be short enough for kube-apiserver's log and for the conformance of every provider.
    for (const { message } of [...steps, ...held.steps]) assert(message.length <= 308, `${message.length}: ${message}`);
  }));

Deno.test("logins that servers do not count are tried again as before: a JWT, a certificate, an outage, a throttled login", () =>
  inFolder(async (stateFolder) => {
    await using vault = new VaultDouble();
    const jwt: VaultAuth = { method: "jwt", mount: "jwt", role: "kms", jwt: new MemorySecret("wrong") };
    await insist(() => openVaultTransit(settings(vault, jwt), { notify: () => {}, stateFolder }), 2500);
    assert(logins(vault) >= 2);
    for (const status of [503, 429]) {
      vault.intercept = ({ path }) => path.includes("/login") ? refuse(status, "later") : undefined;
      const before = logins(vault);
      const open = () => openVaultTransit(settings(vault, userpassAuth()), { notify: () => {}, stateFolder });
      await insist(open, 1000);
      assert(logins(vault) - before >= 2);
    }
    vault.intercept = undefined;
    await assert.rejects(Deno.stat(`${stateFolder}/refused-logins.json`), Deno.errors.NotFound);
  }));

Deno.test("a refused client secret of Entra ID is held too, without requests to Entra ID or Key Vault meanwhile", () =>
  inFolder(async (stateFolder) => {
    await using double = await KeyVaultDouble.start();
    const of = azureSettings(double, { auth: secretAuth(double, "wrong") });
    const open = () => openAzureKeyVault(of, { notify: () => {}, stateFolder });
    await insist(open, 2500);
    const asked = [double.entra.logins, double.requests.length];
    assert.equal(asked[0], 1);
    await insist(open, 1500);
    const { steps } = await check(stateFolder, of);
    assert.match(
      steps.at(-1)?.message ?? "",
      /was refused .* UTC: Entra ID answered 401 \(it refuses the client secret\); to try/,
    );
    assert.deepEqual([double.entra.logins, double.requests.length], asked);
    await using right = await openAzureKeyVault(azureSettings(double), { notify: () => {}, stateFolder });
    await right.probe(patient);
  }));
