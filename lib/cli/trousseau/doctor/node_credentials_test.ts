import { deepEqual, equal } from "node:assert/strict";
import { base64url, utf8 } from "../../../base/bytes.ts";
import { Authority } from "../../../../tests/support/certificates.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { MemorySecret } from "../../../../tests/support/vault_settings.ts";
import type { ProviderConfig } from "../../../config/config.ts";
import { credentialFindings } from "./node_credentials.ts";

/** A Vault with some login. */
function vaultWith(auth: unknown, certificateFile?: string): ProviderConfig {
  const tls = certificateFile === undefined ? {} : { certificateFile, keyFile: "/none" };
  const settings = { kind: "vault-transit", name: "v", addresses: [], mount: "transit", key: "k", auth, tls };
  return { name: "v", formerly: [], settings: settings as Extract<ProviderConfig["settings"], { mount: string }> };
}

Deno.test("credentialFindings() tells certificates that last, that end soon and that have ended", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.pem`;
    await Deno.writeTextFile(path, new Authority().issue({ commonName: "node", names: ["node"] }).certificate);
    const providers = [vaultWith({ method: "cert" }, path), vaultWith({ method: "cert" }, path)];
    const [lasts, ...more] = await credentialFindings(providers, Date.now());
    deepEqual([lasts?.id, more], ["certificate-lasts", []]);
    const until = Date.parse(/\d{4}-\S+Z/.exec(lasts?.sentence ?? "")?.[0] ?? "");
    const at = async (now: number) => (await credentialFindings(providers, now)).map(({ id }) => id);
    deepEqual(await at(until - 1000), ["certificate-ends"]);
    deepEqual(await at(until + 1000), ["certificate-ended"]);
    await Deno.writeTextFile(path, "no certificate");
    deepEqual(await at(Date.now()), []);
    await Deno.remove(path);
    deepEqual(await at(Date.now()), []);
  }));

Deno.test("credentialFindings() reads the end of a token, and repeats nothing of it", async () => {
  const jwt = (claims: unknown) => `e30.${base64url(utf8(JSON.stringify(claims)))}.canary`;
  const idsOf = async (value: string | undefined) => {
    const found = await credentialFindings(
      [vaultWith({ method: "jwt", role: "r", jwt: new MemorySecret(value) })],
      1e12,
    );
    equal(JSON.stringify(found).includes("canary"), false);
    return found.map(({ id }) => id);
  };
  deepEqual(await idsOf(jwt({ iat: 1e9 - 100, exp: 1e9 + 900 })), ["token-lasts"]);
  deepEqual(await idsOf(jwt({ iat: 1e9 - 950, exp: 1e9 + 50 })), ["token-ends"]);
  deepEqual(await idsOf(jwt({ exp: 1e9 - 1 })), ["token-ended"]);
  for (const other of ["hvs.token", "a.b.c", jwt(null), jwt({ exp: "x" }), jwt([]), undefined]) {
    deepEqual(await idsOf(other), []);
  }
});
