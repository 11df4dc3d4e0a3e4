import { deepEqual, equal, match, ok } from "node:assert/strict";
import { withVault } from "../../../../tests/support/checked_vault.ts";
import { fakeTerminal } from "../../../../tests/support/fake_terminal.ts";
import { writeHost } from "../../../../tests/support/host_folder.ts";
import { PluginDouble } from "../../../../tests/support/plugin_double.ts";
import { plainSnapshot } from "../../../../tests/support/snapshot_file.ts";
import { TemporaryConfig } from "../../../../tests/support/temporary_config.ts";
import { VaultDouble } from "../../../../tests/support/vault_double.ts";
import { createKeyFile } from "../../../provider/local/write_key_file.ts";
import { run } from "../../run.ts";
import { trousseau } from "../program.ts";

interface Found {
  readonly id: string;
  readonly severity: string;
  readonly sentence: string;
  readonly cure: string;
}

/** Runs `doctor --json`, on a node with no other files than the given ones. */
async function examined(config: TemporaryConfig, files: Readonly<Record<string, string>> = {}, ...words: string[]) {
  await using host = await writeHost(files);
  const terminal = fakeTerminal();
  const status = await run(["doctor", "-c", config.file, "--root", host.root, "--json", ...words], trousseau, terminal);
  const document = JSON.parse(terminal.out());
  const findings: readonly Found[] = document.findings;
  return { status, document, findings, ids: findings.filter(({ severity }) => severity !== "ok").map(({ id }) => id) };
}

/** The paths below a folder with sizes and times. */
function contents(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    const { size, mtime } = Deno.statSync(path);
    return [`${path} ${size} ${mtime?.getTime()}`, ...isDirectory ? contents(path) : []];
  });
}

Deno.test("doctor() exits 0 if nothing is bad, with warnings and parts that were not examined", async () => {
  await using plugin = await PluginDouble.start();
  await using config = await TemporaryConfig.make({ socket: { path: plugin.socket } });
  await Deno.mkdir(`${config.folder}/state`, { mode: 0o700 });
  const { status, document, findings } = await examined(config);
  deepEqual(
    [status, document.ok, document.file, document.counts.bad],
    [0, true, config.file, 0],
    JSON.stringify(findings),
  );
  const ids = findings.map(({ id }) => id);
  for (const id of ["config-valid", "plugin-well", "provider-well", "quorum-held", "socket-reachable", "state-known"]) {
    ok(ids.includes(id as never), id);
  }
  for (const id of ["provider-remark", "night-writes-end", "apiserver-absent", "unit-absent", "nodes-unasked"]) {
    ok(ids.includes(id as never), id);
  }
});

Deno.test("doctor() creates and changes nothing", async () => {
  await using config = await TemporaryConfig.make();
  const keyFile = `${config.folder}/new.keys`;
  await config.write({ providers: [{ name: "new", kind: "local", keyFile, create: true }] });
  await Deno.mkdir(`${config.folder}/state`, { mode: 0o700 });
  const before = contents(config.folder);
  const { ids } = await examined(config);
  ok(ids.includes("provider-untried"), `${ids}`);
  deepEqual(contents(config.folder), before);
});

Deno.test("doctor() exits 1 without a plugin, and names what mends it", async () => {
  await using config = await TemporaryConfig.make();
  const { status, findings } = await examined(config);
  equal(status, 1);
  const silent = findings.find(({ id }) => id === "plugin-silent");
  match(silent?.sentence ?? "", /^The plugin does not answer: .*there is no such socket\.$/);
  match(silent?.cure ?? "", /^systemctl start trousseau/);
});

Deno.test("doctor() goes on with kube-apiserver if the configuration is invalid", async () => {
  await using config = await TemporaryConfig.make();
  await config.write({ wrapp: 2 });
  const unit = "[Service]\nExecStart=/bin/kube-apiserver --secure-port=1\n";
  const { status, document, ids } = await examined(config, { "/etc/systemd/system/api.service": unit });
  equal(status, 1);
  deepEqual(ids, ["config-invalid", "clock-apiserver-unknown", "encryption-off", "nodes-unasked"]);
  match(document.findings[0].sentence, /trousseau\.yaml:\d+:1: wrapp: /);
});

Deno.test("doctor() examines the providers of a keyring, and neither a plugin nor its socket", async () => {
  await using config = await TemporaryConfig.make();
  const { folder } = config;
  const keyring = {
    store: `${folder}/store`,
    state: `${folder}/own`,
    adminSocket: `${folder}/admin/a.sock`,
    listen: "none",
  };
  await config.write({ keyring });
  const { ids, findings } = await examined(config);
  ok(ids.includes("plugin-none") && !ids.includes("plugin-silent") && !ids.includes("socket-absent"), `${ids}`);
  ok(findings.some(({ id }) => id === "provider-well"));
});

Deno.test("doctor() finds what Vault tells about the key, in the place of check's remarks", async () => {
  await using vault = new VaultDouble();
  vault.properties = { exportable: true, deletion_allowed: true };
  await using config = await withVault(
    (folder) => ({ method: "token", token: { file: `${folder}/token` } }),
    vault.address,
  );
  await Deno.writeTextFile(`${config.folder}/token`, "root");
  const { findings, ids } = await examined(config);
  ok(ids.includes("vault-key-deletable") && ids.includes("vault-key-exportable"), `${ids}`);
  equal(findings.filter(({ sentence }) => sentence.includes("exportable")).length, 1);
  ok(findings.some(({ id }) => id === "clock-kms"));
  equal(
    findings.find(({ id }) => id === "vault-key-deletable")?.cure,
    "vault write transit/keys/kubernetes/config deletion_allowed=false",
  );
});

Deno.test("doctor() names a KMS that is unreachable once", async () => {
  await using config = await withVault((folder) => ({ method: "token", token: { file: `${folder}/jwt` } }));
  const { ids, findings } = await examined(config);
  equal(ids.filter((id) => id === "provider-fails").length, 1);
  ok(ids.includes("quorum-missed") && !ids.includes("key-unexamined"));
  match(findings.find(({ id }) => id === "night-writes-end")?.sentence ?? "", /^If "local" were gone now: 0 of 2/);
});

Deno.test("doctor() counts the objects of a snapshot, and says why it could not", async () => {
  await using config = await TemporaryConfig.make();
  const file = `${config.folder}/s.db`;
  await Deno.writeFile(file, plainSnapshot());
  const counted = await examined(config, {}, "--snapshot", file);
  ok(counted.findings.some(({ id }) => id === "night-data-kept"));
  const bytes = plainSnapshot();
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await Deno.writeFile(file, bytes);
  const damaged = await examined(config, {}, "--snapshot", file);
  equal(damaged.status, 1);
  match(damaged.findings.find(({ id }) => id === "night-unscanned")?.sentence ?? "", /SHA-256/);
  await Deno.writeFile(file, plainSnapshot());
  const elsewhere = await examined(config, {}, "--snapshot", file, "--etcd-prefix", "/other");
  equal(elsewhere.status, 1);
  match(elsewhere.findings.find(({ id }) => id === "night-unscanned")?.sentence ?? "", /no object below \/other\//);
});

Deno.test("doctor() counts on a retired provider for reads if it answers", async () => {
  await using config = await TemporaryConfig.make();
  const keyFile = `${config.folder}/old.keys`;
  await createKeyFile(keyFile);
  await config.write({ retired: [{ name: "old", kind: "local", keyFile }] });
  const sentence = async () => {
    const { findings } = await examined(config);
    return findings.find(({ id }) => id === "night-writes-end")?.sentence ?? "";
  };
  match(await sentence(), /^If "local" were gone now: .*; data that old has wrapped is still read\.$/);
  await Deno.writeTextFile(keyFile, "no keys");
  match(await sentence(), /^If "local" were gone now: .*; reads go on by data keys /);
});

Deno.test("doctor() reads kube-apiserver's arguments from a file", async () => {
  await using config = await TemporaryConfig.make();
  await Deno.writeTextFile(`${config.folder}/args`, "kube-apiserver\0--secure-port=1\0");
  const { ids } = await examined(config, {}, "--apiserver-args", `${config.folder}/args`);
  ok(ids.includes("encryption-off"), `${ids}`);
});

Deno.test("doctor() writes JUnit XML to stdout and its text to stderr", async () => {
  await using config = await TemporaryConfig.make();
  const { out, err, status } = await config.run("doctor", "--junit", "-");
  equal(status, 1);
  match(out, /^<\?xml .*\n<testsuites name="trousseau doctor"/);
  match(err, /^This node$/m);
  equal((await config.run("doctor", "--junit", "-", "--json")).status, 64);
});

Deno.test("doctor() prints groups with the worst finding first", async () => {
  await using config = await TemporaryConfig.make();
  const { out } = await config.run("doctor");
  match(out, /^Configuration: .*trousseau\.yaml; plugin: unix:.*\n\nThis node\n {2}bad /);
  match(out, /\n\d+ bad, \d+ warnings, \d+ not examined, \d+ ok\.\n$/);
});
