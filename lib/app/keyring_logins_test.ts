import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { JsonServer } from "../../tests/support/json_server.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { systemClock } from "../base/clock.ts";
import { environmentFrom } from "../config/environment.ts";
import { realFiles } from "../config/files.ts";
import { loadConfig } from "../config/load.ts";
import { openLogins } from "./keyring_parts.ts";

const { signal } = new AbortController();

/** The issuers of a configuration, as they are written. */
async function loginsOf(folder: string, issuers: readonly unknown[]) {
  const file = join(folder, "keyring.yaml");
  const providers = [{ name: "local", kind: "local", keyFile: join(folder, "local.keys"), create: true }];
  await Deno.writeTextFile(file, JSON.stringify({ keyring: { store: join(folder, "store"), issuers }, providers }));
  const { keyring } = await loadConfig(file, environmentFrom(() => undefined), realFiles);
  return await openLogins(keyring.issuers, () => {});
}

Deno.test("configured issuers: keys from discovery, an address or a file, algorithms by list, and a longest lifetime", () =>
  inFolder(async (folder) => {
    await using server = await JsonServer.open();
    const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
    const keys = { keys: [{ ...await exportJWK(publicKey), kid: "one", alg: "EdDSA", use: "sig" }] };
    server.documents.set("/certs", () => keys);
    server.documents.set("/.well-known/openid-configuration", () => ({
      issuer: server.origin,
      jwks_uri: `${server.origin}/certs`,
    }));
    const [caFile, jwksFile] = [join(folder, "ca.pem"), join(folder, "keys.json")];
    await Deno.writeTextFile(caFile, server.authority.certificate, { mode: 0o600 });
    await Deno.writeTextFile(jwksFile, JSON.stringify(keys), { mode: 0o600 });
    const common = { kind: "oidc", url: server.origin, audience: "trousseau", caFile };
    const own = { algorithms: ["EdDSA"], maxLifetime: "2h" };
    await using logins = await loginsOf(folder, [
      { name: "discovered", ...common, ...own },
      { name: "address", ...common, ...own, jwksUrl: `${server.origin}/certs` },
      { name: "file", ...common, ...own, jwksFile },
      { name: "usual", ...common },
      { name: "short", ...common, algorithms: ["RS256", "EdDSA"], maxLifetime: "1h" },
    ]);
    const now = Math.floor(systemClock.wall() / 1_000);
    const token = (hours: number) =>
      new SignJWT({ iss: server.origin, aud: "trousseau", sub: "job", iat: now, exp: now + hours * 3_600 })
        .setProtectedHeader({ alg: "EdDSA", kid: "one" }).sign(privateKey);
    const login = async (issuer: string, hours: number) =>
      (await logins.verifier.verify({ method: "oidc", issuer, jwt: await token(hours) }, signal)).name;
    for (const issuer of ["discovered", "address", "file"]) equal(await login(issuer, 2), `oidc:${issuer}/job`);
    equal(await login("short", 1), "oidc:short/job");
    const refused = { code: "unauthenticated" };
    await rejects(login("address", 3), { ...refused, message: /lasts longer than tokens of this issuer may/ });
    await rejects(login("short", 2), { ...refused, message: /lasts longer/ });
    await rejects(login("usual", 1), { ...refused, message: /its algorithm is not in the list of this issuer/ });
    const paths = server.requests.map(({ path }) => path);
    deepEqual(
      paths.filter((path) => path.startsWith("/.well-known")).length,
      3,
      "an address or a file needs no discovery",
    );
  }));
