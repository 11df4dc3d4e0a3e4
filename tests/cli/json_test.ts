/**
 * `--json` of every command that has it: one document on stdout, after success and failure alike.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { Command } from "../../lib/cli/command.ts";
import { commands } from "../../lib/cli/trousseau/commands.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { run } from "../../lib/cli/run.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";
import { ApiServerDouble } from "../support/api_server_double.ts";
import { makeKeyringStage } from "../support/keyring_stage.ts";
import { PluginDouble } from "../support/plugin_double.ts";
import { newSigningKey, stageRelease } from "../support/release_stage.ts";
import { plainSnapshot, sealedSnapshot } from "../support/snapshot_file.ts";
import { TemporaryConfig } from "../support/temporary_config.ts";

const table: readonly Command[] = commands;

async function ran(words: readonly string[], isTerminal: boolean) {
  const terminal = fakeTerminal({ isTerminal });
  const status = await run(words, trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

/** The roles and bindings of a cluster in which nobody may do anything. */
async function writeRoles(folder: string): Promise<string> {
  const role = { kind: "ClusterRole", metadata: { name: "none" } };
  const binding = { kind: "ClusterRoleBinding", metadata: { name: "none" }, roleRef: { ...role, name: "none" } };
  await Deno.writeTextFile(`${folder}/rbac.json`, JSON.stringify({ items: [role, binding] }));
  return `${folder}/rbac.json`;
}

/** The drill fails without an object under a KMS. */
async function writeSnapshot(folder: string, isSealed: boolean): Promise<string> {
  const bytes = isSealed ? await sealedSnapshot(`${folder}/local.keys`) : plainSnapshot();
  await Deno.writeFile(`${folder}/snapshot.db`, bytes);
  return `${folder}/snapshot.db`;
}

/** A release and the key that it is signed with. @returns the words that name them. */
async function writeRelease(folder: string): Promise<string[]> {
  const { key, publicKey } = newSigningKey();
  await stageRelease(`${folder}/dist`, { key });
  await Deno.writeTextFile(`${folder}/release.pub`, publicKey);
  return [`${folder}/dist`, "--public-key", `${folder}/release.pub`];
}

async function writeKubeconfig(folder: string, { origin, authority }: ApiServerDouble): Promise<string> {
  const cluster = { server: origin, "certificate-authority-data": btoa(authority.certificate) };
  const access = {
    "current-context": "a",
    contexts: [{ name: "a", context: { cluster: "a" } }],
    clusters: [{ name: "a", cluster }],
  };
  await Deno.writeTextFile(`${folder}/kubeconfig`, JSON.stringify(access), { mode: 0o600 });
  return `${folder}/kubeconfig`;
}

for (const { name, options } of table.filter(({ options }) => options.includes("json"))) {
  const words = name.split(" ");

  Deno.test(`${name} --json prints one document and nothing else`, async () => {
    await using plugin = await PluginDouble.start();
    await using config = await TemporaryConfig.make({ socket: { path: plugin.socket } });
    await using cluster = await ApiServerDouble.open();
    const file = name.startsWith("keyring ") ? (await makeKeyringStage(config.folder)).file : config.file;
    const more = [
      ...(name === "audit access" ? [await writeRoles(config.folder)] : []),
      ...(name === "conformance" ? [plugin.socket] : options.includes("config") ? ["-c", file] : []),
      ...(options.includes("snapshot") ? ["--snapshot", await writeSnapshot(config.folder, name === "decrypt")] : []),
      ...(options.includes("root") ? ["--root", config.folder] : []),
      ...(name === "decrypt" ? ["--check"] : []),
      ...(name === "verify-release" ? await writeRelease(config.folder) : []),
      ...(name === "rewrite"
        ? ["--kubeconfig", await writeKubeconfig(config.folder, cluster), "--resources", "secrets", "--dry-run"]
        : []),
    ];
    for (const isTerminal of [false, true]) {
      const { status, out } = await ran([...words, ...more, "--json"], isTerminal);
      equal(status, 0);
      equal(typeof JSON.parse(out), "object");
      ok(out.endsWith("}\n"));
      if (!isTerminal) equal(out.trimEnd().includes("\n"), false, "one line for scripts");
    }
  });

  if (name === "version") continue;
  Deno.test(`${name} -o json prints a document where it fails too, and the sentence on stderr`, async () => {
    const more = name === "conformance"
      ? ["/run/nonexistent/kms.sock"]
      : name === "audit access"
      ? ["/nonexistent/rbac.json"]
      : name === "verify"
      ? ["--snapshot", "/nonexistent/snapshot.db"]
      : name === "doctor"
      ? ["--apiserver-args", "/nonexistent/args"]
      : name === "rewrite"
      ? ["--kubeconfig", "/nonexistent/kubeconfig"]
      : name === "verify-release"
      ? ["/nonexistent/dist", "--public-key", "/nonexistent/release.pub"]
      : ["-c", "/nonexistent/trousseau.yaml", ...(name === "decrypt" ? ["--snapshot", "s.db", "--check"] : [])];
    const { status, out, err } = await ran([...words, ...more, "-o", "json"], false);
    equal(status, name === "conformance" ? 69 : 78);
    const found = JSON.parse(out);
    equal(found.ok, false);
    const { code, message, causes, anchors } = found.error;
    ok(anchors.length > 0 && anchors.every((anchor: string) => err.includes(anchor)), err);
    deepEqual([code, causes], [name === "conformance" ? "unreachable" : "config", []]);
    ok(err.includes(message), err);
    if (name === "check") deepEqual(found.problems, [message]);
  });
}
