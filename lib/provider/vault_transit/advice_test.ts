import { deepEqual, equal, match } from "node:assert/strict";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { Secret, type SecretSource } from "../../base/secret.ts";
import { vaultTransitAdvice } from "./advice.ts";
import type { VaultAuth, VaultTransitSettings } from "./settings.ts";

function source(description: string): SecretSource {
  return { description, read: () => Promise.resolve(new Secret("x")) };
}

function settings(auth: VaultTransitSettings["auth"], more: Partial<VaultTransitSettings> = {}): VaultTransitSettings {
  const addresses = ["https://vault-1.example:8200", "https://vault-2.example:8200"];
  return { kind: "vault-transit", name: "v", addresses, mount: "transit", key: "k", auth, tls: {}, ...more };
}

const token: VaultAuth = { method: "token", token: source("file /t") };
const mounted = source("file /var/run/secrets/kubernetes.io/serviceaccount/token");

Deno.test("vaultTransitAdvice() warns of logins that require an API server", () => {
  const kubernetes = settings({ method: "kubernetes", mount: "kubernetes", role: "r", jwt: source("file /jwt") });
  match(vaultTransitAdvice(kubernetes).warnings.join(), /neither starts without the other/);
  const jwt = (from: SecretSource) => settings({ method: "jwt", mount: "jwt", role: "r", jwt: from });
  match(vaultTransitAdvice(jwt(mounted)).warnings.join(), /Its JWT comes from an API server/);
  deepEqual(vaultTransitAdvice(jwt(source("file /jwt"))).warnings, []);
  deepEqual(vaultTransitAdvice(settings(token)).warnings, []);
});

Deno.test("vaultTransitAdvice() warns of a role ID that is the only secret", () => {
  const approle = { method: "approle", mount: "approle", roleId: source("file /role") } as const;
  match(vaultTransitAdvice(settings(approle)).warnings.join(), /secret_id_bound_cidrs/);
  deepEqual(vaultTransitAdvice(settings({ ...approle, secretId: source("file /s") })).warnings, []);
});

Deno.test("vaultTransitAdvice() warns of an agent to which every user of the machine can connect", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/agent.sock`;
    using _listener = Deno.listen({ transport: "unix", path });
    const warnings = (address: string) =>
      vaultTransitAdvice(settings({ method: "agent" }, { addresses: [address] })).warnings;
    for (const mode of [0o600, 0o660, 0o775]) {
      await Deno.chmod(path, mode);
      deepEqual(warnings(`unix://${path}`), []);
    }
    await Deno.chmod(path, 0o666);
    match(
      warnings(`unix://${path}`).join(),
      /Every user of this machine may connect to .*agent\.sock.* all three are set/,
    );
    match(warnings("http://127.0.0.1:8100").join(), /Every process of this machine can reach the agent at http/);
    deepEqual(warnings(`unix://${folder}/none.sock`), []);
  });
});

Deno.test("vaultTransitAdvice() writes the rotation as one shell command", () => {
  const command = (more: Partial<VaultTransitSettings>) => {
    const { rotation } = vaultTransitAdvice(settings(token, more));
    return rotation.by === "command" ? rotation.command : "";
  };
  equal(command({}), "vault write -f -address=https://vault-1.example:8200 transit/keys/k/rotate");
  equal(
    command({ addresses: ["https://example.com/team/vault"] }),
    "vault write -f -address=https://example.com/team/vault transit/keys/k/rotate",
  );
  equal(
    command({ namespace: "a b'c", mount: "m/n" }),
    `vault write -f -address=https://vault-1.example:8200 '-namespace=a b'\\''c' m/n/keys/k/rotate`,
  );
});
