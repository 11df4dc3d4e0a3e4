import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { parse } from "yaml";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { trousseau } from "./program.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { run } from "../run.ts";

async function printed(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const terminal = fakeTerminal();
  const status = await run(["encryption-config", ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

Deno.test("encryptionConfig() prints the requested file", async () => {
  const { status, out } = await printed(
    ...["--socket", "unix:///run/x/kms.sock", "--resources", "secrets, *.apps", "--name", "other", "--identity=none"],
  );
  equal(status, 0);
  const [{ resources, providers }] = parse(out).resources;
  equal(resources.join(), "secrets,*.apps");
  equal(providers.length, 1);
  equal(providers[0].kms.name, "other");
  equal(providers[0].kms.endpoint, "unix:///run/x/kms.sock");
});

const refused = [
  [["--resources", "Secrets"], /"Secrets", which is no resource.*Did you mean "secrets"\?/],
  [["--resources", "*"], /no resource/],
  [["--resources", "pods/status"], /no resource/],
  [["--resources", "secrets,"], /no resource/],
  [["--resources", "secrets,secrets"], /twice/],
  [["--resources", "*.*,secrets"], /"\*\.\*", which covers "secrets" of the same list/],
  [
    ["--resources", "events.events.k8s.io"],
    /kube-apiserver, which stores all events in the core group; write "events"/,
  ],
  [["--resources", "ingresses.extensions"], /was removed\. Did you mean "ingresses\.networking\.k8s\.io"\?/],
  [["--stage", "read"], /--stage wants --from FILE/],
  [["--from", "EC.yaml"], /--from wants --stage read, write or final/],
  [
    ["--from", "EC.yaml", "--stage", "read", "--identity", "first"],
    /--identity is for a cluster that stores plain text/,
  ],
  [["--name", "a:b"], /colon/],
  [["--socket", "unix:relative"], /names no socket/],
  [["--socket", `/${"a".repeat(107)}`], /at most 107 bytes/],
  [["--identity", "frist"], /Did you mean "first"\?/],
  [["--kms-version", "v1"], /one of v2, v1beta1/],
] as const;

for (const [words, complaint] of refused) {
  Deno.test(`encryptionConfig() refuses ${words.join(" ").slice(0, 40)}`, async () => {
    const socket = words[0] === "--socket" ? [] : ["--socket", "/run/kms.sock"];
    const { status, out, err } = await printed(...socket, ...words);
    equal(status, 64);
    equal(out, "");
    match(err, complaint);
  });
}

const warned = [
  ["secretz", /"secretz" encrypts nothing: Kubernetes 1\.36 has no such resource to store\. Did you mean "secrets"\?/],
  ["deployments", /"deployments" encrypts nothing.*Did you mean "deployments\.apps"\?/],
  ["secrets.v1", /"secrets\.v1" encrypts nothing.*Did you mean "secrets"\?/],
  ["widgets.example.com", /"widgets\.example\.com" is no resource of Kubernetes itself.*--kubeconfig FILE/],
  ["*.*", /\*\.\* leaves masterleases, peerserverleases/],
] as const;

for (const [name, warning] of warned) {
  Deno.test(`encryptionConfig() warns of --resources ${name}, on stderr and in the file`, async () => {
    const { status, out, err } = await printed("--socket", "/run/kms.sock", "--resources", `configmaps.apps,${name}`);
    // A wildcard must not cover another name in the list.
    const alone = await printed("--socket", "/run/kms.sock", "--resources", name);
    equal(alone.status, 0);
    match(alone.err, warning);
    match(alone.out, warning);
    equal(status, name === "*.*" ? 64 : 0);
    if (status === 0) match(`${out}${err}`, /"configmaps\.apps" encrypts nothing/);
  });
}

Deno.test("encryptionConfig() names the description of etcd's certificates with every etcdctl command", async () => {
  for (const identity of ["last", "none"]) {
    const { out } = await printed("--socket", "/run/x/kms.sock", "--identity", identity);
    match(out, /docs\/migrate\.md, "Look into etcd".*\n#\s+etcdctl get /, identity);
  }
});

Deno.test("encryptionConfig() does not warn of resources that are stored", async () => {
  const { err } = await printed("--socket", "/run/kms.sock", "--resources", "secrets,events,deployments.apps,*.batch");
  equal(err, "");
});

Deno.test("encryptionConfig() refers a cluster that already encrypts to --from, with any --identity", async () => {
  for (const place of ["first", "last", "none"]) {
    const { out } = await printed("--socket", "/run/kms.sock", "--identity", place);
    match(
      out,
      /has an --encryption-provider-config already, do not use this file.*\n.*--from FILE --stage read/,
      place,
    );
  }
});

Deno.test("encryptionConfig() explains when and how to rewrite, and the checks before it", async () => {
  const { out } = await printed("--socket", "/run/kms.sock");
  const said = [
    "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds",
    "two minutes after the announcement",
    "send every value through the pipe",
    "StorageVersionMigration",
    "--encryption-provider-config-automatic-reload=true",
    "has the announced key ID behind it, before anything is taken away",
    'docs/migrate.md, "Rewrite stored data"',
  ];
  for (const words of said) ok(out.includes(words), words);
  const none = await printed("--socket", "/run/kms.sock", "--identity", "none");
  match(none.out, /One object that cannot be decrypted keeps a restarted API server from becoming ready/);
});

const key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/** The form that k3s writes. */
const json = JSON.stringify({
  kind: "EncryptionConfiguration",
  apiVersion: "apiserver.config.k8s.io/v1",
  resources: [{
    resources: ["secrets"],
    providers: [{ aescbc: { keys: [{ name: "aescbckey", secret: key }] } }, { identity: {} }],
  }],
});

/** Runs a stage on a file with the given text. */
async function stage(text: string, name: string, more: readonly string[] = [], isTerminal = false) {
  let result = { status: -1, out: "", err: "" };
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/EC.json`, text);
    const terminal = fakeTerminal({ isTerminal });
    const words = ["--from", `${folder}/EC.json`, "--stage", name, "--socket", "unix:///run/t/kms.sock", ...more];
    const status = await run(["encryption-config", ...words], trousseau, terminal);
    result = { status, out: terminal.out(), err: terminal.err() };
  });
  return result;
}

function kinds(text: string): string[] {
  return parse(text).resources[0].providers.map((one: object) => Object.keys(one).join());
}

const order = { read: "aescbc,kms,identity", write: "kms,aescbc,identity", final: "kms" } as const;

for (const [name, expected] of Object.entries(order)) {
  Deno.test(`encryptionConfig() --from JSON --stage ${name} gives ${expected}`, async () => {
    const { status, out } = await stage(json, name);
    equal(status, 0);
    equal(kinds(out).join(), expected);
    const [{ providers }] = parse(out).resources;
    const kms = { apiVersion: "v2", name: "trousseau", endpoint: "unix:///run/t/kms.sock", timeout: "3s" };
    deepEqual(providers.find((one: { kms?: unknown }) => one.kms !== undefined), { kms });
    equal(JSON.stringify(providers).includes(key), name !== "final");
  });
}

Deno.test("encryptionConfig() --stage runs on its own output, and prints the same notes without duplicates", async () => {
  let text = json;
  for (const name of ["read", "read", "write", "write", "read", "write", "final", "final"]) {
    const { status, out, err } = await stage(text, name);
    equal(status, 0, err);
    equal(kinds(out).join(), order[name as keyof typeof order]);
    equal(out.split("End of Trousseau's steps").length, 2);
    text = out;
    // The notes describe the changes, so that only a repeated stage is equal in every byte.
    const again = await stage(out, name);
    equal((await stage(again.out, name)).out, again.out, name);
  }
});

Deno.test("encryptionConfig() --from reads its own output for a cluster without encryption", async () => {
  const { out } = await printed("--socket", "unix:///run/t/kms.sock", "--identity", "first");
  const { out: write, status } = await stage(out, "write");
  equal(status, 0);
  equal(kinds(write).join(), "kms,identity");
  equal(write.split("What kube-apiserver needs").length, 2);
});

Deno.test("encryptionConfig() --from prints no key on a terminal, and prints files without keys", async () => {
  for (const name of ["read", "write"]) {
    const { status, out, err } = await stage(json, name, [], true);
    equal(status, 64);
    equal(out, "");
    match(err, /holds keys, which are not shown on a terminal; redirect it: \(umask 077;/);
    ok(!err.includes(key));
  }
  equal((await stage(json, "final", [], true)).status, 0);
  const commented = `# - secret: ${key}\n${(await stage(json, "final")).out}`;
  equal((await stage(commented, "final", [], true)).status, 64, "a key in a comment is a key");
});

Deno.test("encryptionConfig() --from writes a comment that the file contains keys, with the required mode", async () => {
  match((await stage(json, "read")).out, /holds keys: make it under umask 077.*0600 \(install -m 0600\)/);
  doesNotMatch((await stage(json, "final")).out, /holds keys/);
});

Deno.test("encryptionConfig() --stage final names the removed providers and the checks before it", async () => {
  const { out, err } = await stage((await stage(json, "write")).out, "final");
  match(err, /^trousseau: resources\[0\] \(secrets\) loses aescbc, identity\.\n$/);
  match(out, /# resources\[0\] \(secrets\) loses aescbc, identity\./);
  match(out, /every value of secrets begins with k8s:enc:kms:v2:trousseau:/);
  match(out, /Keep the old file and its keys for as long as there are backups/);
});

const badFiles = [
  [`${json.replace('aescbc"', 'aesbcb"')}`, /EC\.json:1:\d+: .*did you mean "aescbc"\?/],
  [json.replace(`"${key}"`, "12"), /EC\.json:1:\d+: .*secret: must be a text/],
  ["x".repeat(300_000), /larger than 256 KiB/],
  ["\ufffd".repeat(3) + "\0", /EC\.json/],
] as const;

for (const [text, complaint] of badFiles) {
  Deno.test(`encryptionConfig() --from refuses a bad file with 78: ${complaint.source}`, async () => {
    const { status, out, err } = await stage(text, "read");
    equal(out, "");
    match(err, complaint);
    ok(!err.includes(key.slice(0, 12)));
    equal(status, 78);
  });
}

Deno.test("encryptionConfig() --from refuses anything but a regular file, without opening it", async () => {
  for (const path of ["/dev/zero", "/", "/nowhere/EC.yaml"]) {
    const { status, err } = await printed("--from", path, "--stage", "read", "--socket", "/run/kms.sock");
    equal(status, 78);
    match(err, /^Cannot read .*: (it is no regular file|it is a folder|there is no such file)/);
  }
});
