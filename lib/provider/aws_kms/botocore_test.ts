/**
 * Compares profiles with botocore's: its results are in `tests/botocore/profiles.json`, written by the script in that
 * folder.
 *
 * @module
 */
import assert from "node:assert/strict";
import recorded from "../../../tests/botocore/profiles.json" with { type: "json" };
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { KmsError } from "../../base/errors.ts";
import { type Profile, readProfile } from "./profile.ts";

interface Case {
  readonly name: string;
  readonly profile: string;
  readonly config?: string;
  readonly credentials?: string;
  readonly botocore: { readonly refused: string } | { readonly base: unknown; readonly roles: unknown };
}

const cases: readonly Case[] = recorded.cases;

/** Texts that botocore reads and Trousseau rejects: botocore would send unusable values, or read unintended ones. */
const stricter: Readonly<Record<string, string>> = {
  "a value over two lines":
    "credentials:4 is indented further than aws_secret_access_key above it, and so a part of its value; indent both alike",
  "a comment behind a value": "credentials:2: a comment behind a value is a part of it; put it on a line of its own",
  "a ; comment behind a value": "credentials:3: a comment behind a value is a part of it; put it on a line of its own",
  "an empty access key ID": "credentials:2: aws_access_key_id is empty; write a value or remove the line",
  "an empty secret": "credentials:3: aws_secret_access_key is empty; write a value or remove the line",
  "an empty external_id": "config:4: external_id is empty; write a value or remove the line",
  "an empty web_identity_token_file beside a role and keys":
    "config:3: web_identity_token_file is empty; write a value or remove the line",
};

/** Patterns of the same three reasons in generated texts. */
const reasons = /^<F>\/(config|credentials):[0-9]+(: \w+ is empty;|: a comment behind| is indented further) /;

function mayRefuse(name: string, sentence: string): boolean {
  return name.startsWith("generated ") && reasons.test(sentence);
}

/** Texts that both reject, with the message. `<F>` is the folder. */
const sentences: Readonly<Record<string, string>> = {
  "the second field indented further":
    "<F>/credentials:3 is indented further than aws_access_key_id above it, and so a part of its value; indent both alike",
  "a section that is indented below a field":
    "<F>/credentials:5: this field is there already in its section; remove one of the two",
  "a value on the next line": "<F>/credentials:2: this field is empty, and a line below it is not name = value",
  "a byte order mark": "<F>/credentials:1: it begins with a byte order mark; save the file without one",
  "s3 = and a line below it that is no field":
    "<F>/config:4: this field is empty, and a line below it is not name = value",
  "a comment behind source_profile":
    "<F>/config:3: a comment behind a value is a part of it; put it on a line of its own",
  "[ profile a ]": 'profile "a" in the AWS files is not there: <F>/config:1 should be [profile a]',
  "[a] in the config file": 'profile "a" in the AWS files is not there: <F>/config:1 should be [profile a]',
  "[profile a] in the credentials file": 'profile "a" in the AWS files is not there: <F>/credentials:1 should be [a]',
  '["a"] in the credentials file': 'profile "a" in the AWS files is not there: <F>/credentials:1 should be [a]',
  "[ a ] in the credentials file": 'profile "a" in the AWS files is not there: <F>/credentials:1 should be [a]',
  "a section without its end": "<F>/credentials:1: it stands before the first [section]",
  "one section twice": "<F>/credentials:4: this section is there already; put the two together",
  "one field twice": "<F>/credentials:4: this field is there already in its section; remove one of the two",
  "one field twice, in another case":
    "<F>/credentials:4: this field is there already in its section; remove one of the two",
  "one field twice in another section":
    "<F>/credentials:6: this field is there already in its section; remove one of the two",
  "a field before the first section": "<F>/credentials:1: it stands before the first [section]",
  "a line that is nothing": "<F>/credentials:4: it is neither [section] nor name = value nor a comment",
  "a field without a name": "<F>/credentials:4: it is neither [section] nor name = value nor a comment",
  "an empty role_arn beside keys": "<F>/config:2: role_arn is empty; write a value or remove the line",
  "an empty source_profile": "<F>/config:3: source_profile is empty; write a value or remove the line",
  "a circle": 'profile "b" in the AWS files leads in a circle (source_profile, <F>/config:6)',
  "a role without a source":
    'profile "a" in the AWS files names no credentials that Trousseau can get (<F>/config:2); see docs/kms/aws.md',
  "both kinds of source":
    'profile "a" in the AWS files has both source_profile and credential_source (<F>/config:4 and <F>/config:3); keep one',
  "a web identity without a role":
    'profile "a" in the AWS files has web_identity_token_file and no role_arn (<F>/config:2)',
  "a process":
    'profile "a" in the AWS files wants a process started, which Trousseau never does (credential_process, <F>/config:2)',
  "a code for a role": 'profile "a" in the AWS files wants a code from somebody (mfa_serial, <F>/config:4)',
};

/** The profile in the form of the recorded results, or the message without its first words. */
async function read({ profile, config, credentials }: Case): Promise<unknown> {
  let found: unknown;
  await inFolder(async (folder) => {
    const files: { configFile?: string; credentialsFile?: string } = {};
    if (config !== undefined) await Deno.writeTextFile(files.configFile = `${folder}/config`, config);
    if (credentials !== undefined) {
      await Deno.writeTextFile(files.credentialsFile = `${folder}/credentials`, credentials);
    }
    const settings = { method: "profile", profile, metadata: "machine", ...files } as const;
    found = await readProfile(settings, "config", "open it").then(asRecorded, (thrown) => {
      assert.ok(thrown instanceof KmsError && thrown.code === "config", String(thrown));
      return thrown.message.replace(/^Cannot open it: /, "").replace(/\.$/, "").replaceAll(folder, "<F>");
    });
  });
  return found;
}

function asRecorded({ base, roles }: Profile): unknown {
  const named = (name: string) => name === "trousseau" ? {} : { sessionName: name };
  return {
    base: "keys" in base ? base.keys.reveal() : "metadata" in base ? base.metadata : {
      roleArn: base.roleArn,
      tokenFile: base.token.description.replace(/^file /, ""),
      ...named(base.sessionName),
    },
    roles: roles.map(({ sessionName, ...role }) => ({ ...role, ...named(sessionName) })),
  };
}

async function compare(one: Case): Promise<void> {
  const found = await read(one);
  if (typeof found !== "string") return assert.deepEqual(found, one.botocore, JSON.stringify(one));
  const own = stricter[one.name];
  if (own !== undefined) return assert.equal(found, `<F>/${own}`);
  if ("base" in one.botocore) return assert.ok(mayRefuse(one.name, found), `${JSON.stringify(one)}: ${found}`);
  if (one.name in sentences) assert.equal(found, sentences[one.name]);
}

const isGenerated = ({ name }: Case) => name.startsWith("generated ");

for (const one of cases.filter((one) => !isGenerated(one))) {
  Deno.test(`readProfile() reads ${one.name} as botocore ${recorded.botocore} does, or refuses it`, () => compare(one));
}

Deno.test(`readProfile() reads generated files as botocore ${recorded.botocore} does, or refuses them`, async () => {
  for (const one of cases.filter(isGenerated)) await compare(one);
});

Deno.test("readProfile() is compared with botocore in every case that has a sentence", () => {
  const names = new Set(cases.map(({ name }) => name));
  for (const name of Object.keys({ ...stricter, ...sentences })) assert.ok(names.has(name), name);
  assert.ok(cases.filter(({ botocore }) => "base" in botocore).length > 80);
});
