import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { trousseau } from "./program.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { VaultDouble } from "../../../tests/support/vault_double.ts";
import { run } from "../run.ts";
import { TemporaryConfig } from "../../../tests/support/temporary_config.ts";
import { withVault } from "../../../tests/support/checked_vault.ts";

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

Deno.test("check() prints colours on a terminal, and not with NO_COLOR", async () => {
  await using config = await TemporaryConfig.make();
  const painted = async (variables: Record<string, string>) => {
    const terminal = fakeTerminal({ isTerminal: true, variables });
    await run(["check", "--config", config.file], trousseau, terminal);
    return terminal.out().includes("\x1b[32mok");
  };
  deepEqual([await painted({}), await painted({ NO_COLOR: "1" })], [true, false]);
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
  let answered: unknown;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => Response.json(answered));
  const listen = `127.0.0.1:${server.addr.port}`;
  await using config = await TemporaryConfig.make({ telemetry: { listen, audit: "off" } });
  const warned = async () => (await config.run("check")).out.includes(listen);
  const seen: boolean[] = [];
  for (const socket of [`${config.folder}/kms.sock`, undefined, "/run/other/kms.sock"]) {
    answered = answer(socket);
    seen.push(await warned());
  }
  answered = { ...answer(undefined), providers: [] };
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
