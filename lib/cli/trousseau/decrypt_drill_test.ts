import { deepEqual, equal, match } from "node:assert/strict";
import { plainSnapshot, sealedSnapshot, sealedSnapshotBy } from "../../../tests/support/snapshot_file.ts";
import { TemporaryConfig } from "../../../tests/support/temporary_config.ts";
import { VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, tokenAuth } from "../../../tests/support/vault_settings.ts";

/** Runs the drill on a snapshot, as a document. */
async function drilled(config: TemporaryConfig, snapshot: Uint8Array, ...more: string[]) {
  const file = `${config.folder}/snapshot.db`;
  await Deno.writeFile(file, snapshot);
  const { status, out, err } = await config.run("decrypt", "--snapshot", file, "--check", "--json", ...more);
  return { status, err, document: JSON.parse(out) };
}

Deno.test("drill() opens an object under a KMS by its provider", async () => {
  await using config = await TemporaryConfig.make({});
  const { status, err, document } = await drilled(config, await sealedSnapshot(`${config.folder}/local.keys`));
  deepEqual([status, err], [0, ""]);
  deepEqual([document.encrypted, document.opened, document.closed], [1, 1, 0]);
  deepEqual(document.providers, [{ name: "local", objects: 1, error: null }]);
});

Deno.test("drill() asks each KMS once for a data key, whatever the number of its seeds and objects", async () => {
  await using one = new VaultDouble();
  await using two = new VaultDouble();
  const doubles = { one, two };
  await using stack = new AsyncDisposableStack();
  const wrapping = await Promise.all(
    Object.entries(doubles).map(async ([name, { address }]) => {
      return stack.use((await openVault(address, { name, auth: tokenAuth("root") })).provider);
    }),
  );
  await using config = await TemporaryConfig.make({});
  await Deno.writeTextFile(`${config.folder}/token`, "root", { mode: 0o600 });
  const auth = { method: "token", token: { file: `${config.folder}/token` } };
  const entry = (name: string, address: string) => ({ name, kind: "vault-transit", address, key: "kubernetes", auth });
  await config.write({ providers: Object.entries(doubles).map(([name, { address }]) => entry(name, address)) });
  const snapshot = await sealedSnapshotBy(wrapping, { dataKeys: 3, seedsOfKey: 4, objectsOfSeed: 5 });
  for (const double of [one, two]) double.requests.length = 0;
  const { status, err, document } = await drilled(config, snapshot);
  deepEqual([status, err, document.seeds], [0, "", 12]);
  deepEqual(document.providers, ["one", "two"].map((name) => ({ name, objects: 60, error: null })));
  for (const double of [one, two]) {
    deepEqual(double.asked("transit/").map(({ path }) => path), new Array(3).fill("transit/decrypt/kubernetes"));
  }
});

Deno.test("drill() ends with 1 if a provider is gone, or its key is another one", async () => {
  await using config = await TemporaryConfig.make({});
  await using other = await TemporaryConfig.make({});
  const foreign = await drilled(config, await sealedSnapshot(`${other.folder}/local.keys`));
  deepEqual([foreign.status, foreign.document.opened, foreign.document.closed], [1, 0, 1]);
  const unnamed = await drilled(config, await sealedSnapshot(`${config.folder}/local.keys`, "other"));
  deepEqual([unnamed.status, unnamed.document.opened, unnamed.document.closed], [1, 0, 1]);
  match(unnamed.document.examples[0].error, /No provider of the configuration wrapped/);
});

Deno.test("drill() ends with 1 if no object is under a KMS: all are plain, or below another prefix", async () => {
  await using config = await TemporaryConfig.make({});
  const plain = await drilled(config, plainSnapshot());
  deepEqual([plain.status, plain.document.plain, plain.document.encrypted], [1, 1, 0]);
  match(
    plain.err,
    /^trousseau: No object below \/registry\/ is under a KMS: [^\n]+ --etcd-prefix[^\n]+\n$/,
  );
  const sealed = await sealedSnapshot(`${config.folder}/local.keys`);
  const elsewhere = await drilled(config, sealed, "--etcd-prefix", "/cluster-1");
  deepEqual([elsewhere.status, elsewhere.document.encrypted], [1, 0]);
  match(elsewhere.err, /No object below \/cluster-1\/ is under a KMS/);
});

Deno.test("decrypt refuses an --etcd-prefix that kube-apiserver cannot have, also an empty variable", async () => {
  await using config = await TemporaryConfig.make({});
  const file = `${config.folder}/snapshot.db`;
  await Deno.writeFile(file, plainSnapshot());
  for (const words of [["--check"], ["--export"]]) {
    for (const prefix of ["", "registry", "/a b"]) {
      const { status, err } = await config.run("decrypt", "--snapshot", file, ...words, "--etcd-prefix", prefix);
      equal(status, 64, `${words} ${prefix}`);
      match(err, prefix === "" ? /--etcd-prefix wants a value/ : /--etcd-prefix begins with a slash/);
    }
  }
});
