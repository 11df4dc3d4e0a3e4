import assert from "node:assert/strict";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { refusedWith } from "../../../tests/support/vault_settings.ts";
import type { PlainAwsKeys } from "./credentials.ts";
import { type Profile, readProfile } from "./profile.ts";

const metadata = "http://169.254.169.254";
const arn = (name: string) => `arn:aws:iam::111122223333:role/${name}`;

const keys = (id: string) => `aws_access_key_id = ${id}\naws_secret_access_key = secret-of-${id}\n`;

/** A profile with its keys in plain text: `assert` compares no private fields. */
interface PlainProfile extends Pick<Profile, "roles"> {
  readonly base: Exclude<Profile["base"], { readonly keys: unknown }> | { readonly keys: PlainAwsKeys };
}

/** Reads a profile from the texts of both files. */
async function read(
  profile: string,
  { config, credentials }: { readonly config?: string; readonly credentials?: string },
): Promise<PlainProfile> {
  let found: Profile | undefined;
  await inFolder(async (folder) => {
    const files: { configFile?: string; credentialsFile?: string } = {};
    if (config !== undefined) await Deno.writeTextFile(files.configFile = `${folder}/config`, config);
    if (credentials !== undefined) {
      await Deno.writeTextFile(files.credentialsFile = `${folder}/credentials`, credentials);
    }
    found = await readProfile({ method: "profile", profile, metadata, ...files }, "config", "open it");
  });
  const { base, roles } = found ?? assert.fail();
  return { base: "keys" in base ? { keys: base.keys.reveal() } : base, roles };
}

const of = (id: string) => ({ keys: { accessKeyId: id, secretAccessKey: `secret-of-${id}` } });

Deno.test("readProfile() finds keys in either file; those of the credentials file take precedence", async () => {
  assert.deepEqual(await read("default", { credentials: `[default]\n${keys("AKIA1")}` }), {
    base: of("AKIA1"),
    roles: [],
  });
  assert.deepEqual((await read("default", { config: `[default]\n${keys("AKIA1")}` })).base, of("AKIA1"));
  assert.deepEqual((await read("a", { config: `[profile a]\n${keys("AKIA1")}` })).base, of("AKIA1"));
  const both = { config: `[profile a]\n${keys("AKIA1")}`, credentials: `[a]\n${keys("AKIA2")}` };
  assert.deepEqual((await read("a", both)).base, of("AKIA2"));
  const temporary = { credentials: `[a]\n${keys("ASIA1")}aws_session_token = token\n` };
  assert.deepEqual((await read("a", temporary)).base, { keys: { ...of("ASIA1").keys, sessionToken: "token" } });
});

Deno.test("readProfile() follows source_profile, and assumes the roles beginning with the last profile's", async () => {
  const config = `[profile c]
role_arn = ${arn("c")}
source_profile = b
external_id = shared
role_session_name = node-1
[profile b]
role_arn = ${arn("b")}
source_profile = a
`;
  assert.deepEqual(await read("c", { config, credentials: `[a]\n${keys("AKIA1")}` }), {
    base: of("AKIA1"),
    roles: [
      { roleArn: arn("b"), sessionName: "trousseau" },
      { roleArn: arn("c"), sessionName: "node-1", externalId: "shared" },
    ],
  });
});

Deno.test("readProfile() uses the own keys of a profile that is its own source", async () => {
  const credentials = `[a]\n${keys("AKIA1")}role_arn = ${arn("a")}\nsource_profile = a\n`;
  const { base, roles } = await read("a", { credentials });
  assert.deepEqual([base, roles], [of("AKIA1"), [{ roleArn: arn("a"), sessionName: "trousseau" }]]);
});

Deno.test("readProfile() begins with a web identity or the machine's role if a profile requires it", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/token`, "e30.e30.x\n");
    const web = `[profile a]\nrole_arn = ${arn("a")}\nweb_identity_token_file = ${folder}/token\n`;
    const { base, roles } = await read("a", { config: web });
    assert.ok("token" in base && base.roleArn === arn("a") && base.sessionName === "trousseau");
    assert.equal((await base.token.read()).reveal(), "e30.e30.x");
    assert.deepEqual(roles, []);
  });
  const machine = `[profile a]\nrole_arn = ${arn("a")}\ncredential_source = Ec2InstanceMetadata\n`;
  assert.deepEqual(await read("a", { config: machine }), {
    base: { metadata },
    roles: [{ roleArn: arn("a"), sessionName: "trousseau" }],
  });
});

const role = (name: string, more: string) => `[profile ${name}]\nrole_arn = ${arn(name)}\n${more}\n`;

const refused: Readonly<Record<string, readonly [config: string, sentence: RegExp]>> = {
  "a process": [
    "[profile a]\ncredential_process = /bin/x\n",
    /wants a process started.*\(credential_process, \/.*\/config:2\)/,
  ],
  "a process behind a role": [
    `${role("a", "source_profile = b")}[profile b]\ncredential_process = /bin/x\n`,
    /profile "b".*wants a process started/,
  ],
  "a process beside keys": [`[profile a]\ncredential_process = /bin/x\n${keys("AKIA1")}`, /wants a process started/],
  "a browser": ["[profile a]\nsso_session = corp\n", /wants a login in a browser \(sso_session, .*config:2\)/],
  "an older browser": ["[profile a]\nsso_start_url = https://x\n", /wants a login in a browser/],
  "a login of the console": ["[profile a]\nlogin_session = x\n", /wants a login in a browser/],
  "a code": [role("a", `source_profile = b\nmfa_serial = x\n[profile b]\n${keys("AKIA1")}`), /a code from somebody/],
  "a profile that is not there": ["[profile b]\n", /profile "a" in the AWS files is not there/],
  "a source that is not there": [role("a", "source_profile = b"), /profile "b" in the AWS files is not there/],
  "an empty profile": ["[profile a]\nregion = x\n", /profile "a" in the AWS files holds no AWS credentials/],
  "half a key": ["[profile a]\naws_access_key_id = AKIA1\n", /profile "a" in the AWS files holds no AWS credentials/],
  "its own role for ever": [role("a", "source_profile = a"), /profile "a" in the AWS files holds no AWS credentials/],
  "a circle": [role("a", "source_profile = b") + role("b", "source_profile = a"), /profile "b".*leads in a circle/],
  "a source that is none here": [role("a", "credential_source = Environment"), /names no credentials/],
  "a chain without end": [
    [..."abcdef"].map((name, at) => role(name, `source_profile = ${"bcdefg"[at]}`)).join(""),
    /profile "e" in the AWS files is the end of more than 5 profiles that follow from each other/,
  ],
  "a file of another form": ["nonsense", /\/config:1: it stands before the first \[section\]/],
};

for (const [what, [config, sentence]] of Object.entries(refused)) {
  Deno.test(`readProfile() refuses ${what}`, async () => {
    await assert.rejects(read("a", { config }), refusedWith("config", sentence));
  });
}

Deno.test("readProfile() shows no secret in an error", async () => {
  const config = `[profile a]\naws_access_key_id = AK IA\naws_secret_access_key = topsecret\n`;
  const error = await read("a", { config }).then(() => assert.fail(), (thrown: Error) => thrown);
  assert.ok(!Deno.inspect(error, { depth: 9 }).includes("topsecret"));
});
