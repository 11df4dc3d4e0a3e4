import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { keyIdOf } from "../../services/kms/key_ring/key_id.ts";
import { rotateLocalKey } from "../../provider/local/rotate.ts";
import { createKeyFile } from "../../provider/local/write_key_file.ts";
import { trousseau } from "./program.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { run } from "../run.ts";
import { TemporaryConfig } from "../../../tests/support/temporary_config.ts";

/** A local key and a Vault. Without an address no server listens for it: the port is released before it is used. */
async function withVault(
  auth: (folder: string) => Record<string, unknown>,
  given?: string,
): Promise<TemporaryConfig> {
  const config = await TemporaryConfig.make();
  const { folder } = config;
  await Deno.writeTextFile(`${folder}/jwt`, "e30.e30.e30");
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = given ?? `http://127.0.0.1:${listener.addr.port}`;
  await config.write({
    providers: [
      { name: "local", kind: "local", keyFile: `${folder}/local.keys` },
      { name: "vault", kind: "vault-transit", address, key: "kubernetes", auth: auth(folder) },
    ],
  });
  return config;
}

Deno.test("check() wraps and unwraps a data key with every provider", async () => {
  await using config = await TemporaryConfig.make();
  const { status, out } = await config.run("check", "--json");
  equal(status, 0);
  const { ok, file, providers, quorum, keyId } = JSON.parse(out);
  deepEqual([ok, file, quorum, keyId.verdict], [true, config.file, { needed: 1, reached: 1 }, "first"]);
  deepEqual(providers[0].steps.map(({ step, result }: Record<string, string>) => [step, result]), [
    ["open", "ok"],
    ["probe", "ok"],
    ["wrap", "ok"],
    ["unwrap", "ok"],
  ]);
});

Deno.test("check() prints a table, the quorum, the key ID and the warnings", async () => {
  await using config = await TemporaryConfig.make();
  const { status, out } = await config.run("check");
  equal(status, 0);
  match(out, /^local +local +ok [\d.]+ m?s +ok [\d.]+ m?s +ok [\d.]+ m?s +[0-9a-f]{16}$/m);
  match(out, /^The wrap quorum of 1 is held: 1 of 1 providers can wrap\.$/m);
  match(out, /^This node has announced no key ID yet; the first one will be t1-[0-9a-f]{32}\.$/m);
  match(out, /^warning: local: Its key lies in /m);
});

Deno.test("check() exits 78 for an invalid configuration, and prints its lines as JSON", async () => {
  await using config = await TemporaryConfig.make();
  await config.write({ wrapp: 2 });
  const { status, err } = await config.run("check");
  equal(status, 78);
  match(err, /^\S*trousseau\.yaml:\d+:1: wrapp: /);
  const scripted = await config.run("check", "--json");
  equal(scripted.status, 78);
  const { ok, problems } = JSON.parse(scripted.out);
  equal(ok, false);
  match(problems[0], /wrapp/);
});

Deno.test("check() exits 69 if a KMS is unreachable, and reports the effect on the quorum", async () => {
  await using config = await withVault((folder) => ({ method: "token", token: { file: `${folder}/jwt` } }));
  const { status, out } = await config.run("check");
  equal(status, 69);
  match(out, /^vault +vault-transit +unreachable +- +-$/m);
  match(out, /^Cannot .*"vault"/m);
  match(out, /^The wrap quorum of 2 is missed: 1 of 2 providers can wrap\.$/m);
});

Deno.test("check() warns of Kubernetes auth, which can depend on the API server that waits for this plugin", async () => {
  await using config = await withVault((folder) => ({
    method: "kubernetes",
    role: "trousseau",
    jwt: { file: `${folder}/jwt` },
  }));
  const { warnings } = JSON.parse((await config.run("check", "--json")).out);
  const ours = warnings.filter(({ provider }: { provider: string }) => provider === "vault");
  equal(ours.length, 1);
  match(ours[0].message, /asks an API server to check each login by Kubernetes auth/);
});

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

Deno.test("keys() reports why it could not read a key's remarks, without failing", async () => {
  await using config = await withVault((folder) => ({ method: "token", token: { file: `${folder}/jwt` } }));
  const { out, status } = await config.run("keys");
  equal(status, 0);
  match(out, /^warning: vault: Its versions could not be looked at\. Cannot log in .*refused the connection\.$/m);
});

Deno.test("check() creates no key file, and a key file to be created is no failure", async () => {
  await using config = await TemporaryConfig.make();
  const keyFile = `${config.folder}/new.keys`;
  await config.write({ providers: [{ name: "new", kind: "local", keyFile, create: true }] });
  const { status, out } = await config.run("check");
  equal(status, 0);
  match(out, /new\.keys is not there yet; the first start makes it\./);
  const names = [...Deno.readDirSync(config.folder)].map(({ name }) => name).sort();
  deepEqual(names, ["local.keys", "trousseau.yaml"]);
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

Deno.test("check() prints colours on a terminal, and not with NO_COLOR", async () => {
  await using config = await TemporaryConfig.make();
  const painted = async (variables: Record<string, string>) => {
    const terminal = fakeTerminal({ isTerminal: true, variables });
    await run(["check", "--config", config.file], trousseau, terminal);
    return terminal.out().includes("\x1b[32mok");
  };
  deepEqual([await painted({}), await painted({ NO_COLOR: "1" })], [true, false]);
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

Deno.test("check() warns once of an address in use by another program, and exits 0", async () => {
  using holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const listen = `127.0.0.1:${holder.addr.port}`;
  await using config = await TemporaryConfig.make({ telemetry: { listen, audit: "off" } });
  // The program that holds the port accepts no connection: waiting for its response is bounded.
  const { status, out } = await config.run("check");
  equal(status, 0);
  deepEqual(out.split("\n").filter((line) => line.includes(listen)).length, 1);
  match(out, /^warning: Cannot listen on 127\.0\.0\.1:\d+ \(telemetry\.listen\): another program listens there\. /m);
  const { ok, warnings } = JSON.parse((await config.run("check", "--json")).out);
  deepEqual([ok, warnings[0].provider], [true, null]);
});

Deno.test("check() does not warn of addresses in use by a plugin of the same configuration", async () => {
  const answer = (socket: string | undefined) => ({
    socket,
    provisional: false,
    message: "",
    needed: 1,
    canEncrypt: true,
    quorum: { state: "held" },
    providers: [{ name: "local", kind: "local", health: "well", message: "", code: "ok", since: 0, version: "1" }],
  });
  let told: unknown;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => Response.json(told));
  const listen = `127.0.0.1:${server.addr.port}`;
  await using config = await TemporaryConfig.make({ telemetry: { listen, audit: "off" } });
  const warned = async () => (await config.run("check")).out.includes(listen);
  const seen: boolean[] = [];
  for (const socket of [`${config.folder}/kms.sock`, undefined, "/run/other/kms.sock"]) {
    told = answer(socket);
    seen.push(await warned());
  }
  told = { ...answer(undefined), providers: [] };
  seen.push(await warned());
  deepEqual(seen, [false, false, true, true]);
});

Deno.test("check() warns in one line of variables of the runtime, without their values", async () => {
  await using config = await TemporaryConfig.make();
  const variables = { NODE_TLS_REJECT_UNAUTHORIZED: "0", HTTPS_PROXY: "http://user:canary@proxy", SSLKEYLOGFILE: "/k" };
  const terminal = fakeTerminal({ variables: { TROUSSEAU_CONFIG: config.file, ...variables } });
  equal(await run(["check"], trousseau, terminal), 0);
  const lines = terminal.out().split("\n").filter((line) => line.includes("environment"));
  deepEqual(lines.length, 1);
  for (const name of Object.keys(variables)) match(lines[0] ?? "", new RegExp(`\\b${name}\\b`));
  equal(terminal.out().includes("canary"), false);
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

/** A provider with AppRole and a wrapped secret ID. */
async function withWrapped(vault: VaultDouble, changes: Record<string, unknown> = {}): Promise<TemporaryConfig> {
  vault.wrapped.set("hvs.wrapping", {
    madeBy: "auth/approle/role/trousseau/secret-id",
    answer: { data: { secret_id: "right" } },
  });
  const config = await withVault((folder) => {
    const secretId = { file: `${folder}/wrapping-token` };
    return { method: "approle", roleId: "role", secretId, wrapped: true, ...changes };
  }, vault.address);
  await Deno.writeTextFile(`${config.folder}/wrapping-token`, "hvs.wrapping\n");
  return config;
}

Deno.test("check() and keys() report that they do not use up a wrapping token, and succeed", async () => {
  await using vault = new VaultDouble();
  await using config = await withWrapped(vault);
  const { status, out } = await config.run("check");
  equal(status, 0, out);
  match(out, /^vault +vault-transit +not tried +- +-/m);
  match(
    out,
    /^Trousseau did not log in with provider "vault", since that would spend the wrapping token in file \S+, /m,
  );
  doesNotMatch(out, /quorum/);
  const { ok: well, providers } = JSON.parse((await config.run("check", "--json")).out);
  deepEqual([well, providers[0].untried], [true, null]);
  match(providers[1].untried, /each start needs a new one\.$/);
  deepEqual(providers[1].steps.map(({ step, result }: Record<string, string>) => [step, result]), [["open", "ok"]]);
  const keys = await config.run("keys");
  equal(keys.status, 0);
  match(keys.out, /^warning: vault: .*Trousseau did not log in with provider "vault"/m);
  ok(vault.wrapped.has("hvs.wrapping"));
});

Deno.test("check() exits 77 for a wrapping token that is used up, or was created by another path", async () => {
  await using vault = new VaultDouble();
  await using config = await withWrapped(vault);
  vault.wrapped.set("hvs.wrapping", { madeBy: "sys/wrapping/wrap", answer: { data: { secret_id: "right" } } });
  const other = await config.run("check");
  equal(other.status, 77);
  match(other.out, /was made by sys\/wrapping\/wrap, not by auth\/approle\/role\/<role>\/secret-id/);
  vault.wrapped.clear();
  const spent = await config.run("check");
  equal(spent.status, 77);
  match(
    spent.out,
    /was used already, or has expired; this node has no note of opening it: if the token is no wrapping token, leave/,
  );
});

Deno.test("check() names the path of a missing auth mount", async () => {
  await using vault = new VaultDouble();
  vault.absentMounts.add("aprole");
  await using config = await withVault((folder) => {
    const secretId = { file: `${folder}/jwt` };
    return { method: "approle", mount: "aprole", roleId: "role", secretId };
  }, vault.address);
  const { status, out } = await config.run("check");
  equal(status, 77);
  match(out, /no such auth mount: no method of this kind answers at auth\/aprole\/login;/);
});

Deno.test("check(--log-level debug) shows the calls of each provider on stderr, and keeps stdout valid JSON", async () => {
  await using config = await TemporaryConfig.make();
  const { status, out, err } = await config.run("check", "-v", "-o", "json");
  equal(status, 0);
  equal(JSON.parse(out).ok, true);
  for (const verb of ["probe", "wrap", "unwrap"]) {
    match(err, new RegExp(`^\\S+Z DEBUG Provider "local" answered ${verb}\\. event=provider_call `, "m"));
  }
  match(err, /DEBUG "check" has ended\. exitStatus=0 /);
  equal((await config.run("check")).err, "");
});

Deno.test("check FILE is check --config FILE", async () => {
  await using config = await TemporaryConfig.make();
  for (const words of [["check", config.file, "--json"], ["-c", config.file, "check", "--json"]]) {
    const terminal = fakeTerminal();
    equal(await run(words, trousseau, terminal), 0);
    equal(JSON.parse(terminal.out()).file, config.file);
  }
});

Deno.test("check() names the defect of a secret file", async () => {
  await using vault = new VaultDouble();
  await using config = await withVault(
    (folder) => ({ method: "token", token: { file: `${folder}/jwt` } }),
    vault.address,
  );
  const path = `${config.folder}/jwt`;
  const faults: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(), /jwt cannot be read: it is empty; write the secret into it\.$/m],
    [new TextEncoder().encode("one\ntwo\n"), /jwt cannot be read: it has 2 lines, and only one is wanted/],
    [Uint8Array.of(0xff, 0xfe, 0x61, 0), /jwt cannot be read: it is binary, not UTF-8 text/],
    [Uint8Array.of(0x61, 0, 0x62), /jwt cannot be read: it holds control characters/],
    [new Uint8Array(65_537).fill(0x61), /jwt cannot be read: it is larger than 64 KiB/],
  ];
  for (const [bytes, sentence] of faults) {
    await Deno.writeFile(path, bytes);
    const { status, out } = await config.run("check");
    equal(status, 77);
    match(out, sentence);
  }
  for (const content of ["canary", "canary\n", "canary\r\n"]) {
    await Deno.writeTextFile(path, content);
    doesNotMatch((await config.run("check")).out, /cannot be read/);
  }
  equal(vault.requests.some(({ path }) => path.includes("canary")), false);
});

Deno.test("check() refuses a credential that others may write, and warns of one that they may read", async () => {
  await using vault = new VaultDouble();
  await using config = await withVault(
    (folder) => ({ method: "token", token: { file: `${folder}/jwt` } }),
    vault.address,
  );
  const path = `${config.folder}/jwt`;
  await Deno.chmod(path, 0o646);
  const refused = await config.run("check");
  equal(refused.status, 78);
  match(
    refused.err,
    /token\.file: the file is not read: every user may write it \(mode 0646\); run chmod o-w \/.*\/jwt$/m,
  );
  await Deno.chmod(path, 0o644);
  match(
    (await config.run("check")).out,
    /^warning: Every user of this machine may read \/.*\/jwt \(mode 0644\); run chmod/m,
  );
  await Deno.chmod(path, 0o600);
  doesNotMatch((await config.run("check")).out, /may read/);
});

Deno.test("check() exits 78 if the state folder cannot be written, and prints the sentence as JSON", async () => {
  await using config = await TemporaryConfig.make();
  const well = JSON.parse((await config.run("check", "--json")).out);
  deepEqual([well.ok, well.unwritable], [true, []]);
  deepEqual(await Array.fromAsync(Deno.readDir(config.folder), ({ name }) => name).then((names) => names.sort()), [
    "local.keys",
    "trousseau.yaml",
  ]);
  // A file in place of the folder: no user can write into it.
  await Deno.writeTextFile(`${config.folder}/blocked`, "");
  await config.write({ state: `${config.folder}/blocked/state` });
  const { status, out } = await config.run("check", "--json");
  equal(status, 78);
  const { ok, unwritable } = JSON.parse(out);
  deepEqual(ok, false);
  match(unwritable[0], /^Cannot (make|write to) the state folder \S+\/blocked\/state: a part of its path is a file/);
});
