import assert from "node:assert/strict";
import type { GcpKmsSettings } from "../../provider/gcp_kms/settings.ts";
import { complaints, type FakeFiles, gcpProvider, loadFake } from "../../../tests/support/fake_files.ts";

const name = "projects/my-project/locations/europe-west3/keyRings/kubernetes/cryptoKeys/prod";
const key = `    key: ${name}`;
const machine = "{ method: metadata-server }";
const metadata = "http://169.254.169.254";

async function settings(
  lines: string,
  auth?: string,
  variables?: Record<string, string>,
  fake?: FakeFiles,
): Promise<GcpKmsSettings> {
  const { providers: [provider] } = await loadFake(gcpProvider(lines, auth), variables, fake);
  assert.ok(provider?.settings.kind === "gcp-kms");
  return provider.settings;
}

Deno.test("gcpKmsSettings() fills in defaults", async () => {
  assert.deepEqual(await settings(key), {
    kind: "gcp-kms",
    name: "gcp",
    key: name,
    universeDomain: "googleapis.com",
    endpoints: { kms: "https://cloudkms.googleapis.com" },
    context: "",
    auth: { method: "metadata-server", metadata, serviceAccount: "default" },
    tls: {},
  });
});

Deno.test("gcpKmsSettings() reads every field except auth", async () => {
  const found = await settings(`${key}
    universeDomain: cloud.example
    oauthEndpoint: https://oauth2-psc.p.cloud.example
    stsEndpoint: https://sts-psc.p.cloud.example/
    iamEndpoint: https://iamcredentials-psc.p.cloud.example
    additionalAuthenticatedData: cluster prod
    quotaProject: billing-project
    impersonate: { serviceAccount: a@b.iam.gserviceaccount.com, delegates: [c@d.iam.gserviceaccount.com] }
    tls: { caFile: ca.pem }`);
  assert.deepEqual(found, {
    kind: "gcp-kms",
    name: "gcp",
    key: name,
    universeDomain: "cloud.example",
    endpoints: {
      kms: "https://cloudkms.cloud.example",
      oauth: "https://oauth2-psc.p.cloud.example",
      sts: "https://sts-psc.p.cloud.example",
      iam: "https://iamcredentials-psc.p.cloud.example",
    },
    context: "cluster prod",
    quotaProject: "billing-project",
    auth: { method: "metadata-server", metadata, serviceAccount: "default" },
    impersonate: { serviceAccount: "a@b.iam.gserviceaccount.com", delegates: ["c@d.iam.gserviceaccount.com"] },
    tls: { caFile: "/etc/trousseau/ca.pem" },
  });
  const regional = await settings(`${key}\n    endpoint: https://cloudkms.europe-west3.rep.googleapis.com`);
  assert.deepEqual(regional.endpoints, { kms: "https://cloudkms.europe-west3.rep.googleapis.com" });
});

const methods: readonly (readonly [written: string, expected: GcpKmsSettings["auth"]])[] = [
  ["{ method: service-account-key, keyFile: token }", {
    method: "service-account-key",
    keyFile: "/etc/trousseau/token",
  }],
  ["{ method: workload-identity, credentialsFile: token }", {
    method: "workload-identity",
    credentialsFile: "/etc/trousseau/token",
  }],
  ["{ method: metadata-server, serviceAccount: node@my-project.iam.gserviceaccount.com }", {
    method: "metadata-server",
    metadata,
    serviceAccount: "node@my-project.iam.gserviceaccount.com",
  }],
  ["{ method: application-default }", { method: "application-default", metadata }],
];

for (const [written, expected] of methods) {
  Deno.test(`gcpKmsSettings() reads auth: ${written}`, async () => {
    assert.deepEqual((await settings(key, written)).auth, expected);
  });
}

Deno.test("gcpKmsSettings() reads the variable of Google's tools only if the method requires it", async () => {
  const variables = { GOOGLE_APPLICATION_CREDENTIALS: "/etc/trousseau/token", HOME: "/root" };
  assert.deepEqual((await settings(key, "{ method: application-default }", variables)).auth, {
    method: "application-default",
    credentialsFile: "/etc/trousseau/token",
    metadata,
  });
  assert.deepEqual((await settings(key, machine, variables)).auth, {
    method: "metadata-server",
    metadata,
    serviceAccount: "default",
  });
  const absent = { GOOGLE_APPLICATION_CREDENTIALS: "/nowhere/login.json" };
  assert.deepEqual(await complaints(gcpProvider(key, "{ method: application-default }"), absent), [
    "4:13: providers[0].auth.method: /nowhere/login.json is not there",
  ]);
});

const keyRule =
  "5:5: providers[0].key: must be projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, without a version";
const accountRule = "must be a service account such as trousseau@my-project.iam.gserviceaccount.com";

const mistakes: readonly (readonly [criterion: string, lines: string, auth: string, expected: readonly string[]])[] = [
  ["no key", "", machine, ["2:5: providers[0].key: is missing"]],
  ["a key's last part", "    key: prod", machine, [keyRule]],
  ["a key with its version", `${key}/cryptoKeyVersions/1`, machine, [keyRule]],
  ["a key ring", `    key: ${name.replace("/cryptoKeys/prod", "")}`, machine, [keyRule]],
  ["a project that is none", `    key: ${name.replace("my-project", "My_Project")}`, machine, [keyRule]],
  ["a project by its number", `    key: ${name.replace("my-project", "123456789")}`, machine, [
    "5:5: providers[0].key: must name the project by its ID, not by its number",
  ]],
  [
    "a key whose versions are too long to be recorded",
    `    key: projects/${"d".repeat(50)}.example:my-project/locations/europe-west3/keyRings/${
      "r".repeat(63)
    }/cryptoKeys/${"k".repeat(63)}`,
    machine,
    ["5:5: providers[0].key: is too long: with a version it must have at most 256 bytes"],
  ],
  ["a field that is nearly one", `${key}\n    endpoints: https://kms.example`, machine, [
    '6:5: providers[0].endpoints: unknown key; did you mean "endpoint"?',
  ]],
  ["a universe that is a URL", `${key}\n    universeDomain: https://googleapis.com`, machine, [
    "6:5: providers[0].universeDomain: must be a domain such as googleapis.com",
  ]],
  ["plain http to elsewhere", `${key}\n    endpoint: http://kms.example`, machine, [
    "6:5: providers[0].endpoint: must begin with https://; plain http is taken for loopback addresses only",
  ]],
  ["data in several lines", `${key}\n    additionalAuthenticatedData: "a\\nb"`, machine, [
    "6:5: providers[0].additionalAuthenticatedData: must be a text of at most 4096 characters, in quotes",
  ]],
  ["a quota project that is none", `${key}\n    quotaProject: "a b"`, machine, [
    "6:5: providers[0].quotaProject: must be a project's ID",
  ]],
  ["an account that is none", `${key}\n    impersonate: { serviceAccount: a/b, delegates: [c] }`, machine, [
    `6:20: providers[0].impersonate.serviceAccount: ${accountRule}`,
    `6:53: providers[0].impersonate.delegates[0]: ${accountRule}`,
  ]],
  ["a machine's account that is none", key, "{ method: metadata-server, serviceAccount: ../token }", [
    `4:38: providers[0].auth.serviceAccount: ${accountRule}`,
  ]],
  ["a method that is nearly one", key, "{ method: workload-identiti }", [
    "4:13: providers[0].auth.method: must be application-default, service-account-key, workload-identity or " +
    'metadata-server; did you mean "workload-identity"?',
  ]],
  ["a key's file that nobody names", key, "{ method: service-account-key }", [
    "4:5: providers[0].auth.keyFile: is missing",
  ]],
  ["files that are not there", `${key}\n    tls: { caFile: a }`, "{ method: workload-identity, credentialsFile: b }", [
    "4:40: providers[0].auth.credentialsFile: /etc/trousseau/b is not there",
    "6:12: providers[0].tls.caFile: /etc/trousseau/a is not there",
  ]],
];

for (const [criterion, lines, auth, expected] of mistakes) {
  Deno.test(`gcpKmsSettings() reports ${criterion}`, async () => {
    assert.deepEqual((await complaints(gcpProvider(lines, auth))).toSorted(), [...expected].toSorted());
  });
}
