import assert from "node:assert/strict";
import { Authority } from "../../../tests/support/certificates.ts";
import { GcpLogins } from "../../../tests/support/gcp_logins.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { refusedWith } from "../../../tests/support/vault_settings.ts";
import { type GoogleCredentials, readCredentials, type Reading } from "./credentials_file.ts";

const logins = new GcpLogins(() => Date.now() / 1000);
const reading = {
  types: ["service_account", "external_account"],
  universeDomain: "googleapis.com",
  code: "config",
  action: 'open provider "gcp"',
} as const;

async function read(text: string, changes: Partial<Reading> = {}): Promise<GoogleCredentials> {
  let found: GoogleCredentials | undefined;
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/login.json`, text);
    found = await readCredentials(`${folder}/login.json`, { ...reading, ...changes });
  });
  assert.ok(found !== undefined);
  return found;
}

const file = { file: "/run/token" };

Deno.test("readCredentials() reads a service account's key, also one from before universes existed", async () => {
  const found = await read(await logins.keyFile());
  assert.ok(found.type === "service_account");
  assert.deepEqual([found.email, found.keyId, found.tokenUrl, found.key.asymmetricKeyType], [
    logins.email,
    logins.keyId,
    "https://oauth2.googleapis.com/token",
    "rsa",
  ]);
  const old = { universe_domain: undefined, token_uri: "https://accounts.google.com/o/oauth2/token" };
  assert.equal((await read(await logins.keyFile(old))).tokenUrl, old.token_uri);
  const elsewhere = await logins.keyFile({ universe_domain: "cloud.example", token_uri: undefined });
  const there = await read(elsewhere, { universeDomain: "cloud.example" });
  assert.equal(there.tokenUrl, "https://oauth2.cloud.example/token");
});

Deno.test("readCredentials() reads federation from a file and a URL, with and without a service account", async () => {
  const plain = await read(logins.federationFile(file));
  assert.deepEqual(plain, {
    type: "external_account",
    audience: logins.audience,
    subjectTokenType: "urn:ietf:params:oauth:token-type:jwt",
    tokenUrl: "https://sts.googleapis.com/v1/token",
    source: { from: file, field: undefined },
    impersonate: undefined,
  });
  // As gcloud writes it for a virtual machine on Azure.
  const url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x";
  const format = { type: "json", subject_token_field_name: "access_token" };
  const azure = logins.federationFile({ url, headers: { Metadata: "True" }, format }, {
    service_account_impersonation_url: logins.impersonationUrl(),
    token_url: "https://sts.europe-west3.rep.googleapis.com/v1/token",
  });
  const found = await read(azure);
  assert.ok(found.type === "external_account");
  assert.deepEqual(found.source, { from: { url, headers: { metadata: "True" } }, field: "access_token" });
  assert.deepEqual(found.impersonate, {
    serviceAccount: logins.kmsUser,
    url: logins.impersonationUrl(),
    seconds: 3600,
  });
});

const person = { type: "authorized_user", client_id: "c", client_secret: "hidden-1", refresh_token: "hidden-2" };

const source = (value: unknown, changes: Record<string, unknown> = {}) =>
  Promise.resolve(logins.federationFile(value as Record<string, unknown>, changes));
const acting = (url: string) => source(file, { service_account_impersonation_url: url });

/** Rejected files, and the part of the message with the reason. */
const refused: readonly (readonly [what: string, text: () => Promise<string>, sentence: RegExp])[] = [
  ["nothing", () => Promise.resolve(""), /cannot be read: it is empty/],
  ["no JSON", () => Promise.resolve("-----BEGIN PRIVATE KEY-----"), /of type service_account or external_account/],
  ["a list", () => Promise.resolve("[]"), /holds no credentials of type/],
  ["no type", () => Promise.resolve("{}"), /holds no credentials of type/],
  ["a type of an object's own", () => Promise.resolve('{"type":"constructor"}'), /holds no credentials of type/],
  [
    "a large file",
    () => Promise.resolve(JSON.stringify({ pad: "x".repeat(70_000) })),
    /cannot be read: it is larger than 64 KiB/,
  ],
  ["a person's login", () => Promise.resolve(JSON.stringify(person)), /it is a person's login; make a service account/],
  [
    "one that stands on it",
    () => Promise.resolve('{"type":"impersonated_service_account"}'),
    /stands on a person's login; use the machine's own and write impersonate/,
  ],
  ["a key without an address", () => logins.keyFile({ client_email: undefined }), /holds no service account's key/],
  ["a key with a path", () => logins.keyFile({ client_email: "../x" }), /holds no service account's key/],
  ["a key that is none", () => logins.keyFile({ private_key: "hidden-1" }), /private_key that is no RSA key/],
  [
    "a key on a curve",
    () => logins.keyFile({ private_key: new Authority().issue({ commonName: "x" }).key }),
    /private_key that is no RSA key/,
  ],
  ["a token_uri elsewhere", () => logins.keyFile({ token_uri: "https://evil.example/token" }), /token_uri that is not/],
  [
    "a token_uri that looks like it",
    () => logins.keyFile({ token_uri: "https://oauth2.googleapis.com.evil.example/token" }),
    /token_uri that is not/,
  ],
  ["a plain token_uri", () => logins.keyFile({ token_uri: "http://oauth2.googleapis.com/token" }), /token_uri that/],
  ["a token_uri with a port", () => logins.keyFile({ token_uri: "https://oauth2.googleapis.com:1/t" }), /token_uri/],
  ["another universe", () => logins.keyFile({ universe_domain: "cloud.example" }), /another universe/],
  ["a universe that is none", () => logins.keyFile({ universe_domain: 7 }), /another universe/],
  ["no audience", () => source(file, { audience: "" }), /holds no audience or no subject_token_type/],
  ["a workforce pool", () => source(file, { workforce_pool_user_project: "p" }), /people of a workforce pool/],
  ["a client's secret", () => source(file, { client_id: "c", client_secret: "hidden-1" }), /people of a workforce/],
  [
    "a token_url elsewhere",
    () => source(file, { token_url: "https://evil.example/v1/token" }),
    /token_url that is not/,
  ],
  ["no source", () => source(undefined), /without a file or a url/],
  ["an empty source", () => source({}), /without a file or a url/],
  [
    "a program",
    () => source({ executable: { command: "/bin/x hidden-1" } }),
    /from a program, and Trousseau starts none/,
  ],
  ["AWS", () => source({ environment_id: "aws1", url: "http://169.254.169.254/" }), /signed with AWS credentials/],
  ["a certificate", () => source({ certificate: {} }), /its token is a certificate/],
  ["a path that is not absolute", () => source({ file: "token" }), /not an absolute path/],
  ["a format that is none", () => source({ ...file, format: { type: "xml" } }), /format that is none/],
  ["JSON without a field", () => source({ ...file, format: { type: "json" } }), /format that is none/],
  ["a plain URL", () => source({ url: "http://issuer.example/" }), /neither https:\/\/ nor of this machine/],
  ["a URL with a name", () => source({ url: "https://u:hidden-1@issuer.example/" }), /neither https/],
  ["a URL of another kind", () => source({ url: "file:///etc/shadow" }), /neither https/],
  ["no URL", () => source({ url: "nowhere" }), /neither https/],
  ["headers that are none", () => source({ url: "https://a.example/", headers: { a: 7 } }), /headers that are none/],
  ["a header of two", () => source({ url: "https://a.example/", headers: { a: "b\r\nc: d" } }), /headers that are/],
  ["a name of two", () => source({ url: "https://a.example/", headers: { "a: b\r\nc": "d" } }), /headers that are/],
  [
    "a service account elsewhere",
    () => acting("https://evil.example/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken"),
    /service_account_impersonation_url that is not one/,
  ],
  [
    "a service account's other call",
    () => acting("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.c:signBlob"),
    /service_account_impersonation_url that is not one/,
  ],
  [
    "a lifetime that is none",
    () =>
      source(file, {
        service_account_impersonation_url: logins.impersonationUrl(),
        service_account_impersonation: { token_lifetime_seconds: 10 },
      }),
    /token_lifetime_seconds that is not from 600 to 43200/,
  ],
];

for (const [what, text, sentence] of refused) {
  Deno.test(`readCredentials() refuses ${what} in one sentence, and repeats nothing of it`, async () => {
    const error = await read(await text()).then(() => undefined, (thrown) => thrown);
    assert.ok(refusedWith("config", sentence)(error));
    assert.match(error.message, /^Cannot open provider "gcp": \/[^ ]+\/login\.json [ -~]+[^.]\.$/);
    assert.ok(!/hidden|evil|BEGIN/.test(Deno.inspect(error)));
  });
}

Deno.test("readCredentials() accepts only the requested types, and names a missing file", async () => {
  const wrong = read(await logins.keyFile(), { types: ["external_account"], code: "unauthenticated" });
  await assert.rejects(wrong, refusedWith("unauthenticated", /holds no credentials of type external_account/));
  const absent = readCredentials("/nowhere/login.json", reading);
  await assert.rejects(absent, refusedWith("config", /\/nowhere\/login\.json cannot be read/));
});
