/**
 * Runs the end-to-end tests: builds missing servers, stages the plugin, runs the tests, and names skipped tests
 * at the end. With `CI=true` a skipped test is a failure.
 *
 * `deno task test:e2e [FILE…]` for those that take minutes, `deno task test:e2e:long [FILE…]` for outages, 10,000 Secrets
 * and two API servers.
 *
 * `TROUSSEAU_BIN` and `CLECTL_BIN` name binaries to test instead of the staged bundles; `tests/e2e/harness/vault.ts`
 * says how to name a Vault or an OpenBao of your own. `TROUSSEAU_KILLS` is the number of kills of a keyring, 10 if it is
 * not set. `TROUSSEAU_PROOF_SECRETS` is the number of Secrets under five generations of keys, 10,000 if it is not set.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { clectl } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";
import { fromPath } from "../support/program_recipes.ts";
import { serverNames, serverProgram } from "./servers.ts";

const folder = import.meta.dirname ?? ".";

/** Files whose figures and bounds of time need the machine for themselves. The others run two at a time. */
const alone = ["load_test.ts", "restart_test.ts"] as const;

/** Permissions of the tests: they start servers, write under `/run` and in folders for temporary files. */
const permissions = ["read", "write", "run", "env", "net", "sys"].map((kind) => `--allow-${kind}`);

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Programs of Debian, each with its package. */
const programs = [["etcd", "etcd-server"], ["kubectl", "kubernetes-client"], ["promtool", "prometheus"]] as const;

async function requirePrograms(): Promise<void> {
  for (const [name, debian] of programs) {
    if (await fromPath(name) !== undefined) continue;
    throw new Error(`Cannot find ${name} on PATH; Debian has it in the package ${debian}.`);
  }
  for (const name of serverNames) await serverProgram(name, (line) => print(`${line}\n`));
}

async function environment(): Promise<Record<string, string>> {
  const staged = resolve(folder, "../../dist/stage");
  const program = Deno.env.get("TROUSSEAU_BIN") ?? (await stage(staged)).launcher;
  const client = Deno.env.get("CLECTL_BIN") ?? (await stage(staged, { artefact: clectl })).launcher;
  const vault = Deno.env.get("TROUSSEAU_E2E_VAULT_BIN");
  return {
    TROUSSEAU_BIN: resolve(program),
    CLECTL_BIN: resolve(client),
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
    ...(vault === undefined ? {} : { TROUSSEAU_VAULT_BIN: resolve(vault) }),
  };
}

async function testFiles(selection: string): Promise<string[]> {
  const place = selection === "long" ? join(folder, "long") : folder;
  const names = (await Array.fromAsync(Deno.readDir(place))).map(({ name }) => name);
  return names.filter((name) => name.endsWith("_test.ts")).sort().map((name) => join(place, name));
}

interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs them, passes their output on as it comes, and returns it. */
async function test(files: readonly string[], env: Record<string, string>, options: readonly string[]): Promise<Ran> {
  if (files.length === 0) return { code: 0, output: "" };
  const args = ["test", "--config", join(folder, "../../deno.dev.json"), ...permissions, ...options, ...files];
  const child = new Deno.Command(Deno.execPath(), { args, env, stdin: "null", stdout: "piped" }).spawn();
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    print(text);
    output += text;
  }
  return { code: (await child.status).code, output };
}

/** Runs two files at a time, and those that need the machine for themselves afterwards, as the long ones do. */
async function testAll(files: readonly string[], env: Record<string, string>): Promise<Ran> {
  const isAlone = (file: string) => selection === "long" || alone.some((name) => basename(file) === name);
  const together = await test(files.filter((file) => !isAlone(file)), { ...env, DENO_JOBS: "2" }, ["--parallel"]);
  const apart = await test(files.filter(isAlone), env, []);
  return { code: together.code || apart.code, output: together.output + apart.output };
}

const [selection = "quick", ...rest] = Deno.args;
await requirePrograms();
const files = selection === "quick" || selection === "long" ? rest : Deno.args;
const { code, output } = await testAll(files.length > 0 ? files : await testFiles(selection), await environment());
const figures = output.split("\n").filter((line) => line.startsWith("figure: "));
// A test of a feature that a KMS does not have is not a skip: its name states the reason.
const skipped = output.split("\n").filter((line) => / \.\.\. ignored /.test(line) && !line.includes("(cannot: "));
if (figures.length > 0) print(`\nMeasured:\n${figures.map((line) => line.replace("figure: ", "  ")).join("\n")}\n`);
if (skipped.length > 0) print(`\nSkipped:\n${skipped.map((line) => `  ${line}`).join("\n")}\n`);
Deno.exitCode = code !== 0 ? code : skipped.length > 0 && Deno.env.get("CI") === "true" ? 1 : 0;
