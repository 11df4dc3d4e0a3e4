import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { memoryProviders } from "../../../tests/support/memory_provider.ts";
import { PluginDouble } from "../../../tests/support/plugin_double.ts";
import { plainSnapshot, sealedSnapshot, sealedSnapshotBy } from "../../../tests/support/snapshot_file.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { realFiles } from "../../config/files.ts";
import { openLocal } from "../../provider/local/provider.ts";
import { run } from "../run.ts";
import { etcdOf, kubeadmEtcd } from "./etcd_options.ts";
import { trousseau } from "./program.ts";

async function verified(...words: string[]) {
  const terminal = fakeTerminal();
  const status = await run(["verify", ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

/** A snapshot with one Secret under the key ID `key-1`. */
async function writeSealed(folder: string): Promise<string> {
  const keyFile = `${folder}/local.keys`;
  await using _made = await openLocal({ kind: "local", name: "local", keyFile, create: true }, { notify: () => {} });
  await Deno.writeFile(`${folder}/sealed.db`, await sealedSnapshot(keyFile));
  return `${folder}/sealed.db`;
}

Deno.test("verify says what it has read and guessed, and which conclusions hold where", () =>
  inFolder(async (folder) => {
    const path = await writeSealed(folder);
    const { status, out, err } = await verified("--snapshot", path, "--expect-key-id", "key-1", "--list", "--freed");
    deepEqual([status, err], [0, ""]);
    const [first, second] = out.split("\n");
    equal(first, `${path} at revision 2, SHA-256 verified.`);
    match(
      second ?? "",
      /^Resources: guessed, secrets and those with an encrypted value \(secrets\); name a file by --enc/,
    );
    match(out, /^secrets +ours-v2|^secrets +trousseau-v2/m);
    match(out, /^secrets +trousseau-v2 +default\/db$/m);
    match(out, new RegExp(`^in ${path} at revision 2: every object in scope is under key ID key-1\\.$`, "m"));
    match(out, /until compaction and defragmentation; write-ahead logs and older snapshots hold them too\.$/m);
    match(out, /^Events may lie in another etcd; SOPS files and a keyring may use the same KEKs; older backups/m);
    match(out, /^Key IDs and versions are labels that nothing authenticates\.$/m);
    const named = await verified("--snapshot", path, "--resources", "secrets,pods", "--expect-key-id", "other");
    equal(named.status, 1);
    match(named.out, /^Resources: those of --resources\.$/m);
    match(named.out, /: 1 object in scope is not under key ID other\.$/m);
  }));

Deno.test("verify names the oldest version of each key that a value is still under", () =>
  inFolder(async (folder) => {
    const providers = memoryProviders("vault", "azure");
    const counts = { dataKeys: 2, seedsOfKey: 1, objectsOfSeed: 3 };
    providers[0]?.rotate();
    await Deno.writeFile(`${folder}/s.db`, await sealedSnapshotBy(providers, counts));
    const { out } = await verified("--snapshot", `${folder}/s.db`);
    match(out, /^in .*s\.db at revision 7: the oldest key of "vault" is version v2, with 6 values: keep it usable\.$/m);
    match(out, /: the oldest key of "azure" is version v1, with 6 values: keep it usable\.$/m);
  }));

Deno.test("verify says that a copy of a database has no checksum, and prints no value", () =>
  inFolder(async (folder) => {
    const path = `${folder}/db`;
    const snapshot = plainSnapshot();
    await Deno.writeFile(path, snapshot.subarray(0, -32));
    for (const words of [["--list"], ["--json", "--list"]]) {
      const { status, out } = await verified("--snapshot", path, ...words);
      equal(status, 0);
      doesNotMatch(out, /Yg==/);
    }
    match((await verified("--snapshot", path)).out, /^no checksum: contents not verified\./m);
  }));

Deno.test("verify expects the key ID that the plugin at --socket announces, unless --expect-key-id names one", () =>
  inFolder(async (folder) => {
    const path = await writeSealed(folder);
    await using plugin = await PluginDouble.start();
    const asked = (...more: string[]) => verified("--snapshot", path, "--socket", plugin.socket, ...more);
    const announce = (keyId: string) => {
      plugin.overrides = { "v2 Status": (_, sound) => ({ ...sound(), keyId, key_id: keyId }) };
    };
    announce("key-1");
    equal((await asked()).status, 0);
    announce("key-2");
    const behind = await asked();
    equal(behind.status, 1, behind.err);
    match(behind.out, /is not under key ID key-2\.$/m);
    equal((await asked("--expect-key-id", "key-1")).status, 0);
    announce("");
    const silent = await asked();
    match(silent.err, /announces no key ID; name it by --expect-key-id/);
    plugin.fault = { kind: "hang" };
    equal((await asked()).status, 69);
    await plugin.stop();
    equal((await asked()).status, 69);
  }));

Deno.test("etcdOf() takes kubeadm's files where they are, and what is given in their place", async () => {
  const files = {
    ...realFiles,
    kind: (path: string) => Promise.resolve(path === kubeadmEtcd.caFile ? "file" : "absent" as const),
  };
  const of = (options: object, found: object = files) =>
    etcdOf({ options, terminal: { files: found }, program: trousseau } as unknown as Parameters<typeof etcdOf>[0]);
  const { endpoint, ...tls } = kubeadmEtcd;
  deepEqual((await of({})).settings, { endpoints: [endpoint], tls });
  deepEqual((await of({ etcd: "https://10.0.0.1:2379", cacert: "ca", cert: "c", key: "k" })).settings, {
    endpoints: ["https://10.0.0.1:2379"],
    tls: { caFile: "ca", certificateFile: "c", keyFile: "k" },
  });
  deepEqual((await of({ etcd: "http://127.0.0.1:1" })).settings.tls, {}, "no file is sent over plain HTTP");
  const none = await verified("--resources", "secrets");
  equal(none.status, 64);
  match(none.err, /found no \/etc\/kubernetes\/pki\/etcd\/ca\.crt/);
});
