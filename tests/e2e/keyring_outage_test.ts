/**
 * A keyring whose KMS is away: at the start it answers health and 503 to all else, during service it serves on under
 * grace, and it needs no restart when the KMS is back.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { pause, waitFor } from "../support/processes.ts";
import { Wire } from "./harness/wire.ts";
import { startVault, type Vault } from "../support/vault.ts";
import { keyringPrograms, KeyringSite, type KeyringSiteOptions } from "./harness/keyring.ts";

const programs = await keyringPrograms();
const value = { fields: { p: { kind: "text", value: "value of the test" } } };

/** The configuration with a transit key of a real Vault. */
async function transitOf(
  vault: Vault,
  folder: string,
  address = vault.address,
  grace = "1h",
): Promise<KeyringSiteOptions> {
  await vault.api("POST", "sys/mounts/transit", { type: "transit" }).catch(() => {});
  await vault.api("POST", "transit/keys/keyring", {}).catch(() => {});
  const file = join(folder, "token");
  await Deno.writeTextFile(file, vault.token, { mode: 0o600 });
  const auth = { method: "token", token: { file } };
  const provider = { name: "vault", kind: "vault-transit", address, key: "keyring", auth };
  // A key is asked for again after a second.
  return { providers: [provider], more: { cache: { maxAge: "1s", graceOnOutage: grace } } };
}

/** A way to take Vault away, and to bring it back. */
interface Outage extends AsyncDisposable {
  readonly address: string;
  leave(): Promise<void>;
  comeBack(): Promise<void>;
}

const outages: Readonly<Record<string, (vault: Vault) => Outage>> = {
  "is sealed": (vault) => ({
    address: vault.address,
    leave: () => vault.seal(),
    comeBack: () => vault.unseal(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
  "refuses connections": (vault) => {
    const wire = Wire.to(vault.address);
    return {
      address: wire.address,
      leave: () => Promise.resolve(wire.cut()),
      comeBack: () => Promise.resolve(wire.mend()),
      [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
    };
  },
};

interface Part {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
}

async function partsOf(site: KeyringSite): Promise<readonly Part[]> {
  const { status, body } = await site.call("GET", "/api/v1/health");
  equal(status, 200);
  return body.parts;
}

async function stateOf(site: KeyringSite, name: string): Promise<string | undefined> {
  return (await partsOf(site)).find((part) => part.name === name)?.state;
}

for (const [how, outageOf] of Object.entries(outages)) {
  Deno.test(`a KMS that ${how} at the start: health and 503, and answers when it is back`, async () => {
    await awayAtStart(outageOf);
  });
}

async function awayAtStart(outageOf: (vault: Vault) => Outage): Promise<void> {
  await using vault = await startVault();
  await using outage = outageOf(vault);
  await using site = await KeyringSite.make(programs);
  await site.configure(await transitOf(vault, site.folder, outage.address));
  await site.start();
  equal((await site.call("POST", "/api/v1/secrets/db/john", value)).status, 201);
  equal(await site.stop(), 0);

  await outage.leave();
  const server = await site.begin();
  await waitFor("the reason", async () => await stateOf(site, "kms:vault") !== "ok", { timeoutMs: 60_000 });
  equal((await site.call("GET", "/livez")).text, "ok\n");
  const ready = await site.call("GET", "/readyz");
  equal(ready.status, 503);
  match(ready.text, /^- store failed$/m);
  const failed = (await partsOf(site)).find(({ name }) => name === "store");
  equal(failed?.state, "failed");
  match(failed?.reason ?? "", /^[A-Z][^\n]*\.$/);
  const vaultHealth = await site.call("GET", "/v1/sys/health");
  deepEqual([vaultHealth.status, vaultHealth.body.sealed], [503, true]);
  const requests = [
    ["GET", "/api/v1/secrets/db/john"],
    ["GET", "/api/v1/list/"],
    ["GET", "/api/v1/whoami"],
    ["GET", "/api/v1/policy"],
    ["GET", "/v1/secret/data/db/john"],
    ["DELETE", "/api/v1/secrets/db/john"],
  ] as const;
  for (const [method, path] of requests) {
    const answer = await site.call(method, path);
    equal(answer.status, 503, `${method} ${path}: ${answer.text}`);
  }
  equal((await site.call("POST", "/api/v1/secrets/db/new", value)).status, 503);
  equal((await site.clectl(["get", "db/john", "-f", "p", "-o", "raw", "--show"])).code, 69);
  equal((await site.clectl(["health"])).code, 69);

  await outage.comeBack();
  await site.ready();
  equal(server.status, undefined, "the same process");
  const read = await site.call("GET", "/api/v1/secrets/db/john");
  equal(read.body.fields.p.value, "value of the test", read.text);
  equal((await site.call("GET", "/api/v1/secrets/db/new")).status, 404, "the write that was refused");
  await waitFor("the state of Vault", async () => await stateOf(site, "kms:vault") === "ok", { timeoutMs: 120_000 });
}

Deno.test("in an outage of its KMS a keyring serves reads and writes under grace, says so, and is not restarted", async () => {
  await using vault = await startVault();
  await using site = await KeyringSite.make(programs);
  await site.configure(await transitOf(vault, site.folder));
  const server = await site.start();
  equal((await site.call("POST", "/api/v1/secrets/db/john", value)).status, 201);
  await vault.seal();
  const begun = Date.now();
  for (let count = 0; Date.now() - begun < 6_000; count++) {
    const read = await site.call("GET", "/api/v1/secrets/db/john");
    equal(read.body?.fields?.p.value, "value of the test", read.text);
    const written = await site.call("POST", `/api/v1/secrets/out/${count}`, value);
    equal(written.status, 201, written.text);
    await pause(200);
  }
  await waitFor("the state of Vault", async () => await stateOf(site, "kms:vault") !== "ok", { timeoutMs: 60_000 });
  equal((await site.call("GET", "/readyz")).status, 200);
  const { code, stdout } = await site.clectl(["health"]);
  ok(code !== 0, stdout);
  match(stdout, /kms:vault +(degraded|failed) +\S/);
  await vault.unseal();
  await waitFor("Vault again", async () => await stateOf(site, "kms:vault") === "ok", { timeoutMs: 120_000 });
  equal(server.status, undefined, "the same process");
});

Deno.test("after the grace of an outage a keyring answers 503 with the reason, and serves again without a restart", async () => {
  await using vault = await startVault();
  await using site = await KeyringSite.make(programs);
  await site.configure(await transitOf(vault, site.folder, vault.address, "3s"));
  await site.start();
  equal((await site.call("POST", "/api/v1/secrets/db/john", value)).status, 201);
  await vault.seal();
  const read = async () => await site.call("GET", "/api/v1/secrets/db/john");
  await waitFor("the end of the grace", async () => (await read()).status === 503, { timeoutMs: 60_000 });
  const refused = await read();
  equal(refused.body.type, "urn:trousseau:problem:kms_unavailable", refused.text);
  match(refused.body.detail, /^[A-Z][^\n]*\.$/);
  equal((await site.call("POST", "/api/v1/secrets/db/new", value)).status, 503);
  await vault.unseal();
  await waitFor("the answers", async () => (await read()).status === 200, { timeoutMs: 120_000 });
  equal((await site.call("GET", "/api/v1/secrets/db/new")).status, 404, "the write that was refused");
});
