/**
 * Credential files that other users can write are refused at the start; later the plugin keeps its present credential. The
 * error for a file that this user cannot read names the file's owner.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileSource } from "../../lib/config/secrets.ts";
import { TlsWatch } from "../../lib/net/https/tls_watch.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { writeLocalConfig } from "../support/local_plugin.ts";
import { Authority } from "../support/certificates.ts";
import { serviceUser, Users } from "../support/other_user.ts";
import { waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { VaultDouble } from "../support/vault_double.ts";
import { openVault, refusedWith } from "../support/vault_settings.ts";

const patient = { signal: AbortSignal.timeout(60_000) };
const soon = { timeoutMs: 30_000, everyMs: 20 };

function warnings(events: readonly Event[]): readonly string[] {
  return events.flatMap((event) => event.type === "lifecycle" && event.action === "warning" ? [event.message] : []);
}

Deno.test("a provider keeps its token when others may write the token's file, and warns once", () =>
  inFolder(async (folder) => {
    await using vault = new VaultDouble();
    const path = `${folder}/token`;
    await Deno.writeTextFile(path, "root\n", { mode: 0o600 });
    const { provider, events } = await openVault(vault.address, { auth: { method: "token", token: fileSource(path) } });
    await using _provider = provider;
    await provider.probe(patient);
    await Deno.writeTextFile(path, "planted");
    await Deno.chmod(path, 0o666);
    await waitFor("the warning", async () => {
      await provider.probe(patient);
      return warnings(events).length > 0;
    }, soon);
    assert.match(warnings(events).join(), /goes on with the credential that it holds\. .*every user may write it/);
    assert.ok(vault.requests.every(({ token }) => token !== "planted"), "what was put there is never sent");
  }));

Deno.test("a login with a secret that others may write fails before anything is sent", () =>
  inFolder(async (folder) => {
    await using vault = new VaultDouble();
    const path = `${folder}/password`;
    await Deno.writeTextFile(path, "right", { mode: 0o600 });
    await Deno.chmod(path, 0o606);
    const auth = { method: "userpass", mount: "userpass", username: "trousseau", password: fileSource(path) } as const;
    const { provider } = await openVault(vault.address, { auth });
    await using _provider = provider;
    const sentence = /password cannot be read: every user may write it \(mode 0606\); run chmod o-w /;
    await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", sentence));
    assert.deepEqual(vault.requests, []);
  }));

Deno.test("TLS files that others may write are refused at the start; later the files read before stay in use", () =>
  inFolder(async (folder) => {
    const authority = new Authority();
    const pair = authority.issue({ commonName: "client" });
    const files = { caFile: `${folder}/ca.pem`, certificateFile: `${folder}/tls.pem`, keyFile: `${folder}/tls.key` };
    await Deno.writeTextFile(files.caFile, authority.certificate);
    await Deno.writeTextFile(files.certificateFile, pair.certificate);
    await Deno.writeTextFile(files.keyFile, pair.key, { mode: 0o600 });
    const open = (notify: (event: Event) => void = () => {}) => TlsWatch.open(files, "vault", [], notify);
    for (const path of Object.values(files)) {
      await Deno.chmod(path, 0o666);
      const sentence = new RegExp(`^Cannot open provider "vault": ${path} cannot be read: every user may write it`);
      await assert.rejects(open(), refusedWith("config", sentence));
      await Deno.chmod(path, 0o600);
    }
    const events: Event[] = [];
    const watch = await open((event) => events.push(event));
    const { material } = watch;
    await Deno.chmod(files.keyFile, 0o666);
    await watch.lookNow();
    assert.equal(watch.material, material);
    assert.match(warnings(events).join(), /tls\.key cannot be read: every user may write it/);
  }));

Deno.test("serve as its own user refuses a secret that others may write, and names the owner of one that it may not read", () =>
  inFolder(async (folder) => {
    const users = await Users.stage();
    try {
      await using vault = new VaultDouble();
      const path = `${folder}/token`;
      await Deno.writeTextFile(path, "root");
      await Deno.chmod(path, 0o666);
      const auth = { method: "token", token: { file: path } };
      const providers = [{ name: "vault", kind: "vault-transit", address: vault.address, key: "kubernetes", auth }];
      const { config } = await writeLocalConfig(folder, { providers });
      for (const file of [config, folder]) Deno.chownSync(file, serviceUser, serviceUser);
      await using open = users.start(serviceUser, folder, "serve", "--config", config);
      await waitFor("the refusal", () => open.status !== undefined, soon);
      assert.equal(open.status?.code, 78);
      assert.match(open.output, /auth\.token\.file: the file is not read: every user may write it \(mode 0666\)/);
      await Deno.chmod(path, 0o600);
      await using check = users.start(serviceUser, folder, "check", "--config", config);
      await waitFor("the check", () => check.status !== undefined, soon);
      assert.match(check.output, new RegExp(`token cannot be read: this user may not read it; it is owned by uid 0`));
      assert.match(check.output, new RegExp(`\\(expected ${serviceUser}, mode 0600\\): chown ${serviceUser} ${path}`));
      assert.deepEqual(vault.requests, []);
    } finally {
      await Deno.remove(users.folder, { recursive: true });
    }
  }));
