import { deepEqual } from "node:assert/strict";
import type { Exposure } from "../base/credential_file.ts";
import {
  awsProvider,
  azureProvider,
  complaints,
  type FakeFiles,
  fakePath,
  gcpProvider,
  loadFake,
  localProvider,
  vaultProvider,
} from "../../tests/support/fake_files.ts";

const folder = { path: "/etc/trousseau", mode: 0o40755, uid: 0, gid: 0 };

/** A file of root with this mode, in a folder that only root can write to. */
function open(mode: number): Exposure {
  return { file: { mode: 0o100000 | mode, uid: 0, gid: 0 }, folders: [folder] };
}

const file = "/etc/trousseau/f";
const contents = { [file]: "" };
const vault = "    address: https://vault.example";
const role = "arn:aws:iam::111122223333:role/trousseau";
const aws = '    key: "arn:aws:kms:eu-central-1:111122223333:key/0d0a1b2c-0000-4000-8000-000000000000"';
const azure = "    vault: https://v.vault.azure.net\n    key: k";
const gcp = "    key: projects/my-project/locations/europe-west3/keyRings/kubernetes/cryptoKeys/prod";
const ids = "tenantId: 00000000-0000-0000-0000-000000000001, clientId: 00000000-0000-0000-0000-000000000002";

/**
 * Every field of a config that names a file with a credential, and whether others may read that file without a remark.
 */
const fields: Readonly<Record<string, readonly [config: string, reader: "secret" | "public"]>> = {
  "a secret": [vaultProvider(vault, "{ method: token, token: { file: f } }"), "secret"],
  "a secret ID": [vaultProvider(vault, "{ method: approle, roleId: r, secretId: { file: f } }"), "secret"],
  "a JWT": [vaultProvider(vault, "{ method: jwt, role: r, jwt: { file: f } }"), "secret"],
  "a password": [vaultProvider(vault, "{ method: userpass, username: u, password: { file: f } }"), "secret"],
  "the key of a client certificate": [
    vaultProvider(`${vault}\n    tls: { certificateFile: tls.pem, keyFile: f }`),
    "secret",
  ],
  "a client certificate": [vaultProvider(`${vault}\n    tls: { certificateFile: f, keyFile: tls.key }`), "public"],
  "a CA file of Vault's": [vaultProvider(`${vault}\n    tls: { caFile: f }`), "public"],
  "AWS credentials": [awsProvider(aws, "{ method: profile, credentialsFile: f }"), "secret"],
  "an AWS config": [awsProvider(aws, "{ method: profile, configFile: f }"), "secret"],
  "a token for AWS": [awsProvider(aws, `{ method: web-identity, roleArn: "${role}", tokenFile: f }`), "secret"],
  "a client secret": [azureProvider(azure, `{ method: client-secret, ${ids}, clientSecret: { file: f } }`), "secret"],
  "a certificate with its key": [
    azureProvider(azure, `{ method: client-certificate, ${ids}, certificateFile: f }`),
    "secret",
  ],
  "a token for Azure": [azureProvider(azure, `{ method: workload-identity, ${ids}, tokenFile: f }`), "secret"],
  "a service account's key": [gcpProvider(gcp, "{ method: service-account-key, keyFile: f }"), "secret"],
  "a CA file for Google": [gcpProvider(`${gcp}\n    tls: { caFile: f }`), "public"],
};

async function remarks(config: string, fake: FakeFiles): Promise<readonly string[]> {
  return (await loadFake(config, {}, fake)).remarks ?? [];
}

for (const [what, [config, reader]] of Object.entries(fields)) {
  Deno.test(`loadConfig() refuses ${what} if others may write it, and remarks if they may read a secret`, async () => {
    const found = async (mode: number) => await complaints(config, {}, { contents, exposures: { [file]: open(mode) } });
    for (const mode of [0o600, 0o640, 0o644, 0o660]) deepEqual(await found(mode), [], mode.toString(8));
    for (const mode of [0o602, 0o666, 0o646]) {
      const [line, ...more] = await found(mode);
      deepEqual(more, []);
      deepEqual(
        /is not read: every user may write it \(mode 0\d{3}\); run chmod g?o-w \/etc\/trousseau\/f$/.test(line ?? ""),
        true,
        line,
      );
    }
    const told = async (mode: number) =>
      (await remarks(config, { contents, exposures: { [file]: open(mode) } })).length;
    deepEqual([await told(0o600), await told(0o640), await told(0o644)], [0, 0, reader === "secret" ? 1 : 0]);
    const exposures = { [file]: { ...open(0o600), folders: [{ ...folder, mode: 0o40777 }] } };
    deepEqual((await remarks(config, { contents, exposures })).length, 1, "its folder");
  });
}

Deno.test("loadConfig() remarks that others may write the configuration itself", async () => {
  const told = (mode: number) => remarks(localProvider, { exposures: { [fakePath]: open(mode) } });
  deepEqual(await told(0o644), []);
  deepEqual(await told(0o646), [
    `Others may change the configuration ${fakePath}: every user may write it (mode 0646); run chmod o-w ${fakePath}.`,
  ]);
});

Deno.test("loadConfig() reports why a secret's file is not accessible", async () => {
  const [line = ""] = await complaints(vaultProvider(vault, "{ method: token, token: { file: f } }"), {}, {
    kinds: { [file]: "failing" },
  });
  deepEqual(/token\.file: the file cannot be read: the disk reports an input\/output error/.test(line), true, line);
});

Deno.test("loadConfig() leaves the check of a local key to its provider, which requires mode 0600", async () => {
  const exposures = { "/etc/trousseau/local.keys": open(0o666) };
  deepEqual(await complaints(localProvider, {}, { exposures }), []);
});
