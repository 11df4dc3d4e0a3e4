import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { keyIdOf } from "../../services/kms/key_ring/key_id.ts";
import { rotateLocalKey } from "../../provider/local/rotate.ts";
import { createKeyFile } from "../../provider/local/write_key_file.ts";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { TemporaryConfig } from "../../../tests/support/temporary_config.ts";
import { withVault } from "../../../tests/support/checked_vault.ts";

Deno.test("check() and keys() name versions with which this node has sealed and which Vault has retired, and report an exportable key", async () => {
  await using vault = new VaultDouble();
  vault.versions.push(1_700_000_500);
  vault.minDecryption = 2;
  vault.properties = { exportable: true };
  await using config = await withVault(
    (folder) => ({ method: "token", token: { file: `${folder}/jwt` } }),
    vault.address,
  );
  await Deno.writeTextFile(`${config.folder}/jwt`, "root");
  const members = [{ name: "vault", kind: "vault-transit", version: "1@1700000000" }];
  const history = [{ id: keyIdOf(0, members), at: 1, keyEpoch: 0, provisional: false, members }];
  await config.remember({ providers: [], history });
  const retired = "Version 1@1700000000, which this node has sealed with, does not open any more: the key's " +
    "min_decryption_version is 2.";
  const exportable = "The key is exportable: a login with the right to export it gets it in plain text.";
  for (const command of ["check", "keys"]) {
    const { out, status } = await config.run(command);
    equal(status, 0);
    match(out, new RegExp(`^warning: vault: ${RegExp.escape(retired)}$`, "m"));
    match(out, new RegExp(`^warning: vault: ${RegExp.escape(exportable)}$`, "m"));
    const { warnings } = JSON.parse((await config.run(command, "--json")).out);
    const ours = warnings.filter(({ provider }: { provider: string }) => provider === "vault");
    deepEqual(ours.map(({ message }: { message: string }) => message), [retired, exportable]);
  }
  const written = await Deno.readTextFile(config.file);
  await Deno.writeTextFile(config.file, `${written}forgotten: [vault@1]\n`);
  for (const command of ["check", "keys"]) {
    doesNotMatch((await config.run(command)).out, /min_decryption_version/, "it was accepted");
  }
  await Deno.writeTextFile(config.file, `${written}forgotten: [vault@2]\n`);
  const now = [{ name: "vault", kind: "vault-transit", version: "2@1700000500" }];
  const later = { id: keyIdOf(0, now), at: 2, keyEpoch: 0, provisional: false, members: now };
  await config.remember({ providers: [], history: [...history, later] });
  match((await config.run("check")).out, /forgotten: "vault@2" names a version of the announced key ID/);
});

Deno.test("check() names retired versions of a retired provider that may no longer be probed", async () => {
  await using vault = new VaultDouble();
  vault.versions.push(1_700_000_500);
  vault.minDecryption = 2;
  vault.intercept = ({ path }) => /(encrypt|rewrap)/.test(path) ? refuse(403, "permission denied") : undefined;
  await using config = await TemporaryConfig.make();
  await Deno.writeTextFile(`${config.folder}/token`, "root");
  const auth = { method: "token", token: { file: `${config.folder}/token` } };
  const retired = [{ name: "vault", kind: "vault-transit", address: vault.address, key: "kubernetes", auth }];
  await config.write({ retired });
  const members = [{ name: "vault", kind: "vault-transit", version: "1@1700000000" }];
  await config.remember({
    providers: [],
    history: [{ id: keyIdOf(0, members), at: 1, keyEpoch: 0, provisional: false, members }],
  });
  const { out, status } = await config.run("check");
  equal(status, 0);
  match(out, /^warning: vault: Version 1@1700000000, .* min_decryption_version is 2\.$/m);
  match(out, /^warning: vault: It refuses to be probed/m);
});

Deno.test("check() exits 78 if a key ID of this node would be announced again, and names an epoch that prevents it", async () => {
  await using config = await TemporaryConfig.make();
  const { providers } = JSON.parse((await config.run("check", "--json")).out);
  const members = [{ name: "local", kind: "local", version: providers[0].version }];
  const past = (keyEpoch: number) =>
    ({ id: keyIdOf(keyEpoch, members), at: 1, keyEpoch, provisional: false, members }) as const;
  await config.remember({ providers: [], history: [past(0), past(1)] });
  const { status, out } = await config.run("check");
  equal(status, 78);
  match(out, /would go back .*set keyEpoch: 2 on every node/);
  await config.write({ keyEpoch: 2 });
  equal((await config.run("check")).status, 0);
});

Deno.test("check() exits 78 if the node's state is damaged", async () => {
  await using config = await TemporaryConfig.make();
  await config.remember({ providers: [], history: [] });
  await Deno.writeTextFile(`${config.folder}/state/key-ring.json`, "{");
  const { status, out } = await config.run("check");
  equal(status, 78);
  match(out, /the file is damaged/);
});

Deno.test("check() predicts the key ID after a rotation", async () => {
  await using config = await TemporaryConfig.make();
  const { providers, keyId } = JSON.parse((await config.run("check", "--json")).out);
  const members = [{ name: "local", kind: "local", version: providers[0].version }];
  const history = [{ id: keyId.next, at: 1, keyEpoch: 0, provisional: false, members }];
  await config.remember({ providers: [], history });
  match((await config.run("check")).out, /^The key ID stays t1-/m);
  await rotateLocalKey(`${config.folder}/local.keys`);
  match((await config.run("check")).out, /^The key ID will change from t1-/m);
});

Deno.test("check() wraps under the version that counts, as serve does, and names the remedy if a key was reverted", async () => {
  await using config = await TemporaryConfig.make();
  const { providers } = JSON.parse((await config.run("check", "--json")).out);
  const mine = { name: "local", kind: "local", version: providers[0].version };
  const other = { name: "local", kind: "local", version: "0123456789abcdef" };
  const announced = (at: number, member: typeof mine) => (
    { id: keyIdOf(0, [member]), at, keyEpoch: 0, provisional: false, members: [member] }
  );
  // Another node's key file was used for a time, and the right one is restored.
  await config.remember({
    providers: [{ name: "local", kind: "local", state: { version: other.version, order: 8e14 } }],
    history: [announced(1, mine), announced(2, other)],
  });
  const { status, out } = await config.run("check");
  equal(status, 77);
  match(out, /^local +local +ok [\d.]+ m?s +key_unknown +- +/m);
  match(out, /^The wrap quorum of 1 is missed: 0 of 1 providers can wrap\.$/m);
  match(
    out,
    /^warning: local: It answers with version [0-9a-f]{16}, but this node .* 0123456789abcdef since, .* new name, /m,
  );
});

/** The state of a node that sealed with provider "old" only, and then with "local" too. */
const sealedByOld = {
  providers: [],
  history: [],
  sealedBy: [[{ name: "old", kind: "local" }], [{ name: "local", kind: "local" }]],
};

Deno.test("check(), keys() and serve() report the state of another configuration, and give no advice that would lose its data", async () => {
  await using config = await TemporaryConfig.make();
  const members = [{ name: "vault", kind: "vault-transit", version: "1@1700000000" }];
  const history = [{ id: keyIdOf(0, members), at: 1, keyEpoch: 0, provisional: false, members }];
  const sealedBy = [[{ name: "vault", kind: "vault-transit" }]];
  await config.remember({ providers: [], history, sealedBy });
  for (const command of ["check", "keys", "serve"]) {
    const { status, out, err } = await config.run(command);
    equal(status, 78, command);
    match(
      out + err,
      /state of this node in \S+\/state is another configuration's, with "vault" \(vault-transit\): data /,
    );
    doesNotMatch(out + err, /forgotten|The key ID will change/);
  }
  const { lost, keyId } = JSON.parse((await config.run("check", "--json")).out);
  deepEqual([lost, keyId.verdict], ["", "config"]);
  // If the operator names the provider under forgotten, the state is accepted.
  await config.write({ forgotten: ["vault"] });
  equal((await config.run("check")).status, 0);
});

Deno.test("check(), keys() and serve() exit 78 if no provider can decrypt the node's data, and name the remedies", async () => {
  await using config = await TemporaryConfig.make();
  await config.remember(sealedByOld);
  for (const command of ["check", "keys", "serve"]) {
    const { status, out, err } = await config.run(command);
    equal(status, 78, command);
    match(out + err, /only provider "old" \(local\) can open, .* list it under retired:, or, .* forgotten: \[old\]\./);
  }
  match(JSON.parse((await config.run("check", "--json")).out).lost, /under retired:/);
  await createKeyFile(`${config.folder}/old.keys`);
  const old = { name: "old", kind: "local", keyFile: `${config.folder}/old.keys` };
  for (
    const wayOut of [{ retired: [old] }, { retired: [{ ...old, name: "new", formerly: ["old"] }] }, {
      forgotten: ["old"],
    }]
  ) {
    await config.write(wayOut);
    for (const command of ["check", "keys"]) {
      const { status, out } = await config.run(command);
      equal(status, 0, out);
    }
  }
});

Deno.test("check() opens and probes a retired provider, does not wrap with it, and counts it in no quorum", async () => {
  await using config = await TemporaryConfig.make();
  await createKeyFile(`${config.folder}/old.keys`);
  const old = { name: "old", kind: "local", keyFile: `${config.folder}/old.keys` };
  await config.write({ retired: [old] });
  const { status, out } = await config.run("check");
  equal(status, 0);
  match(out, /^old +local +ok [\d.]+ m?s +retired +[0-9a-f]{16}$/m);
  match(out, /1 of 1 providers can wrap\.$/m);
  const { retired, keyId } = JSON.parse((await config.run("check", "--json")).out);
  deepEqual(retired[0].steps.map(({ step }: { step: string }) => step), ["open", "probe"]);
  await config.write({});
  equal(JSON.parse((await config.run("check", "--json")).out).keyId.next, keyId.next);
  await config.write({ retired: [old] });
  match((await config.run("keys")).out, /^old +local +retired$/m);
  await Deno.writeTextFile(`${config.folder}/old.keys`, "no key file");
  equal((await config.run("check")).status, 78);
});

Deno.test("check() accepts a retired provider that may not be probed, with a remark, but not a provider in use", async () => {
  await using config = await TemporaryConfig.make();
  await Deno.writeTextFile(`${config.folder}/token`, "hvs.retired");
  const denied = { errors: ["1 error occurred:\n\t* permission denied\n\n"] };
  await using vault = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) =>
      new URL(url).pathname.endsWith("/auth/token/lookup-self")
        ? Response.json({ data: { ttl: 0, renewable: false, period: 0 } })
        : Response.json(denied, { status: 403 }),
  );
  const old = {
    name: "old",
    kind: "vault-transit",
    address: `http://127.0.0.1:${vault.addr.port}`,
    key: "kubernetes",
    auth: { method: "token", token: { file: `${config.folder}/token` } },
  };
  await config.write({ retired: [old] });
  const { status, out } = await config.run("check");
  equal(status, 0, out);
  match(out, /^warning: old: It refuses to be probed, which is as it should be if it was left the right to unwrap/m);
  await config.write({ providers: [old] });
  equal((await config.run("check")).status, 77);
});

Deno.test("check() lists a version without a sentinel as not tested, and prints each version as JSON", async () => {
  await using config = await TemporaryConfig.make();
  const { providers } = JSON.parse((await config.run("check", "--json")).out);
  const version: string = providers[0].version;
  const member = (version: string) => [{ name: "local", kind: "local", version }];
  const past = (version: string) =>
    ({ id: keyIdOf(0, member(version)), at: 1, keyEpoch: 0, provisional: false, members: member(version) }) as const;
  await config.remember({ providers: [], history: [past("0123456789abcdef"), past(version)] });
  const { status, out } = await config.run("check");
  equal(status, 0);
  match(out, new RegExp(`^Not tested, since .*: local@${version}, local@0123456789abcdef\\.$`, "m"));
  const { sealedVersions, losses } = JSON.parse((await config.run("check", "--json")).out);
  const untested = { provider: "local", kind: "local", state: "not_tested", code: "ok", testedAt: null };
  const message = "No sentinel was kept when it was sealed with.";
  deepEqual(sealedVersions, [
    { ...untested, version, announced: true, message },
    { ...untested, version: "0123456789abcdef", announced: false, message },
  ]);
  deepEqual(losses, []);
  await config.write({ forgotten: ["local@0123456789abcdee"] });
  match((await config.run("check")).out, /accepts nothing on this node.*Did you mean "local@0123456789abcdef"\?/);
});

Deno.test("check() exits 78 if the sentinels of the node are damaged", async () => {
  await using config = await TemporaryConfig.make();
  await config.remember({ providers: [], history: [] });
  await Deno.writeTextFile(`${config.folder}/state/sentinels.json`, "{");
  const { status, out } = await config.run("check");
  equal(status, 78);
  match(out, /Cannot use the sentinels of this node in .*sentinels\.json: the file is damaged/);
});

Deno.test("check() exits 78 if the check values of local keys are damaged, and tests the provider nevertheless", async () => {
  await using config = await TemporaryConfig.make();
  await config.remember({ providers: [], history: [] });
  await Deno.writeTextFile(`${config.folder}/state/local-keys.json`, "{");
  const { status, out } = await config.run("check");
  equal(status, 78);
  match(out, /^local +local +ok .* ok .* ok /m);
  match(out, /^Cannot use the check values of local keys in .*local-keys\.json: the file is damaged/m);
});
