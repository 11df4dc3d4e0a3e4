/**
 * Tries the fenced blocks of the pages: each language has one way to be parsed, and a block without a way is refused.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import ts from "typescript";
import { parseAllDocuments, stringify } from "yaml";
import { parse as parseCommand } from "../../lib/cli/arguments.ts";
import { type Program, UsageError } from "../../lib/cli/command.ts";
import { clectl } from "../../lib/cli/clectl/program.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { readEncryptionFile } from "../../lib/config/encryption/file.ts";
import { environmentFrom } from "../../lib/config/environment.ts";
import { configJsonSchema } from "../../lib/config/json_schema.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { parseTemplate } from "../../lib/api/keyring/templates.ts";
import { parsePolicy } from "../../lib/services/keyring/policy/policy_text.ts";
import { providerKinds } from "../../lib/provider/registry.ts";
import { initValuesIn } from "../../lib/config/init_values.ts";
import { contentOf, fakeFiles, fakePath } from "../support/fake_files.ts";
import type { Block } from "./markdown.ts";
import { simpleCommands, typedLines } from "./shell.ts";

const root = new URL("../..", import.meta.url).pathname;

/** What is wrong with a block, in one sentence without its place; `undefined` if nothing is. */
type Trial = (text: string) => Promise<string | undefined> | string | undefined;

/** One row for each language that a block may have. */
const trials: Readonly<Record<string, Trial>> = {
  bash: tryShell,
  console: (text) => tryShell(typedLines(text)),
  diff: (text) => /^--- a\/\S+\n\+\+\+ b\/\S+\n@@ /.test(text) ? undefined : "it is no unified diff",
  hcl: (text) => quoted("deploy/policies", text),
  ini: (text) => quoted("deploy", text),
  json: (text) => complaintOf(() => JSON.parse(text)),
  logrotate: (text) => quoted("deploy", text),
  mermaid: (text) =>
    /^(flowchart|sequenceDiagram|stateDiagram-v2)\b/.test(text) ? undefined : "it is no diagram that is known here",
  sh: tryShell,
  systemd: (text) => quoted("deploy/systemd", text),
  // The page shows it and does not ask for it to be typed: output, a sketch, a line of a file.
  text: () => undefined,
  // A template of clectl render.
  tmpl: (text) => complaintOf(() => parseTemplate(text, "template")),
  ts: tryTypeScript,
  yaml: tryYaml,
};

/** What is wrong with a block; `undefined` if it is parsed, or is `text`. */
export async function faultOf({ language, info, text }: Block): Promise<string | undefined> {
  // A file that a page makes; `adding_a_provider_test.ts` makes it, and tries it with the others.
  if (language === "yaml" && info !== "") return parseAllDocuments(text).flatMap(({ errors }) => errors)[0]?.message;
  const trial = Object.hasOwn(trials, language) ? trials[language] : undefined;
  if (trial === undefined) {
    return `its language "${language}" is none of ${Object.keys(trials).join(", ")}; ` +
      '"text" is for what can be neither parsed nor run';
  }
  return await trial(text);
}

/** What is wrong with the shell words of a call of `trousseau`, of a task or of sops; `undefined` if nothing is. */
export function faultOfCommand(words: readonly string[]): string | undefined {
  const [program = "", ...rest] = words;
  if (/(^|\/)trousseau$/.test(program)) return faultOfArguments(rest, trousseau);
  if (/(^|\/)clectl$/.test(program)) return faultOfArguments(rest, clectl as Program);
  if (program === "deno" && rest[0] === "task") return faultOfTask(rest.slice(1));
  if (program === "npx") {
    return faultOfCommand([
      "deno",
      ...rest.slice(rest.findIndex((word) => /^deno/.test(word)) + 1),
    ]);
  }
  const service = rest.findIndex((word) => /^--(enable-local-keyservice|keyservice)\b/.test(word));
  const subcommand = rest.findIndex((word) =>
    ["encrypt", "decrypt", "rotate", "edit", "set", "exec-env"].includes(word)
  );
  // sops drops these flags without a word where they stand before the subcommand, and asks its own key service.
  if (program === "sops" && service >= 0 && service < subcommand) {
    return `${rest[service]} stands before the subcommand`;
  }
  return undefined;
}

function faultOfArguments(words: readonly string[], program: Program): string | undefined {
  try {
    parseCommand(words, program);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof UsageError) return `${program.name} ${words.join(" ")}: ${thrown.message}`;
    throw thrown;
  }
}

const tasks: Readonly<Record<string, string>> = JSON.parse(Deno.readTextFileSync(join(root, "deno.json"))).tasks;

function faultOfTask([name = "", ...rest]: readonly string[]): string | undefined {
  if (!Object.hasOwn(tasks, name)) return `there is no task "${name}"`;
  return name === "trousseau" ? faultOfArguments(rest, trousseau) : undefined;
}

async function tryShell(text: string): Promise<string | undefined> {
  const bash = new Deno.Command("bash", { args: ["--norc", "-n", "-c", text], stderr: "piped", stdout: "null" });
  const { code, stderr } = await bash.output();
  if (code !== 0) return `bash does not parse it: ${new TextDecoder().decode(stderr).trim()}`;
  return simpleCommands(text).map(faultOfCommand).find((fault) => fault !== undefined);
}

function tryTypeScript(text: string): string | undefined {
  const { diagnostics = [] } = ts.transpileModule(text, { reportDiagnostics: true });
  const [first] = diagnostics;
  return first && `TypeScript does not parse it: ${ts.flattenDiagnosticMessageText(first.messageText, " ")}`;
}

function complaintOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** A block of which there is a file: its lines stand in one of the folder, one behind the other. */
async function quoted(folder: string, text: string): Promise<string | undefined> {
  const wanted = lines(text);
  for await (const path of filesBelow(folder)) {
    if (lines(await Deno.readTextFile(path)).includes(wanted)) return undefined;
  }
  return `no file in ${folder} has these lines; quote one, or label the block "text"`;
}

function lines(text: string): string {
  return `\n${text.split("\n").map((line) => line.trim()).filter((line) => line !== "").join("\n")}\n`;
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    if (isDirectory) yield* filesBelow(join(folder, name));
    else if (!/\.(ts|md)$/.test(name)) yield join(root, folder, name);
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** Flags of kube-apiserver and kube-controller-manager that the pages name. */
const serverFlags = /^--(encryption-provider-config(-automatic-reload)?|feature-gates|runtime-config|v)=\S+$/;

async function tryYaml(text: string): Promise<string | undefined> {
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors;
    if (error !== undefined) return error.message;
    const fault = await faultOfValue(document.toJS(), text);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

async function faultOfValue(value: unknown, text: string): Promise<string | undefined> {
  if (isList(value)) return await faultOfList(value);
  if (!isFields(value)) return "it is neither a mapping nor a list";
  if (value["kind"] === "EncryptionConfiguration") {
    return complaintOf(() => {
      const { doubts: [doubt] } = readEncryptionFile("encryption.yaml", text);
      if (doubt !== undefined) throw new Error(doubt);
    });
  }
  // Another object of Kubernetes, a rule of sops, rules and targets of Prometheus.
  if (typeof value["apiVersion"] === "string" && typeof value["kind"] === "string") return undefined;
  if (isList(value["creation_rules"])) return undefined;
  if ("form" in value) return complaintOf(() => initValuesIn("values.yaml", text, undefined));
  // The settings of k3s and RKE2 are a file of theirs, which has no schema here.
  if ("kube-apiserver-arg+" in value) return await quoted("deploy", text);
  if ("roles" in value) return complaintOf(() => parsePolicy(text, 1));
  if (isList(value["groups"])) return faultOfRules(value["groups"]);
  if (isList(value["scrape_configs"])) return undefined;
  return await faultOfConfig(value);
}

async function faultOfList(items: readonly unknown[]): Promise<string | undefined> {
  if (items.every((item) => typeof item === "string")) return items.find((item) => !serverFlags.test(item));
  if (items.every((item) => isFields(item) && typeof item["alert"] === "string")) return undefined;
  return await faultOfConfig({ providers: items });
}

function faultOfRules(groups: readonly unknown[]): string | undefined {
  const rules = groups.flatMap((group) => isFields(group) && isList(group["rules"]) ? group["rules"] : [undefined]);
  const sound = rules.every((rule) => isFields(rule) && typeof rule["expr"] === "string");
  return sound ? undefined : "a group without rules, or a rule without an expression";
}

/** A configuration, or a part of one that is put into a whole one: settings without providers, fields of one provider. */
async function faultOfConfig(part: Fields): Promise<string | undefined> {
  const { properties = {} }: { readonly properties?: Fields } = configJsonSchema();
  const known = Object.keys(properties);
  if (Object.keys(part).every((key) => known.includes(key))) {
    return await faultOfLoad("providers" in part ? part : { providers: namedProviders(part), ...part });
  }
  if (providerKinds.some((kind) => part["kind"] === kind)) {
    return await faultOfLoad({ providers: [{ name: "kms", ...part }] });
  }
  const faults = await Promise.all(
    exampleProviders().map((example) => faultOfLoad({ providers: [{ ...example, ...part }] })),
  );
  return faults.every((fault) => fault !== undefined) ? `it fits into no provider: ${faults.join(" | ")}` : undefined;
}

/** A provider of each kind and method that `deploy/config` has. */
function exampleProviders(): readonly Fields[] {
  return [...Deno.readDirSync(join(root, "deploy/config"))].filter(({ name }) => name.endsWith(".yaml"))
    .flatMap(({ name }) => {
      const [document] = parseAllDocuments(Deno.readTextFileSync(join(root, "deploy/config", name)));
      const value: unknown = document?.toJS();
      return isFields(value) && isList(value["providers"]) ? value["providers"].filter(isFields) : [];
    });
}

const kindOfFormat: Readonly<Record<string, string>> = {
  "aws-encryption-provider": "aws-kms",
  "awskms": "aws-kms",
  "azurekms": "azure-key-vault",
};

/** Providers of the names that a part refers to, of the kinds that it needs. */
function namedProviders(part: Fields): readonly Fields[] {
  const named = new Map<string, string>();
  const note = (list: unknown, format?: unknown) => {
    for (const item of isList(list) ? list : []) {
      const { name, as } = isFields(item) ? item : { name: item, as: undefined };
      named.set(String(name), kindOfFormat[String(as ?? format)] ?? "vault-transit");
    }
  };
  for (const entry of fieldsIn(part["readForeign"])) note(entry["providers"], entry["format"]);
  const sops = part["sops"];
  for (const key of isFields(sops) ? fieldsIn(sops["keys"]) : []) note(key["providers"]);
  if (named.size === 0) named.set("example", "vault-transit");
  return [...named].map(([name, kind]) => ({
    ...exampleProviders().find((example) => example["kind"] === kind),
    formerly: [],
    name,
  }));
}

function fieldsIn(value: unknown): readonly Fields[] {
  return isList(value) ? value.filter(isFields) : [];
}

const guid = "11111111-2222-3333-4444-555555555555";

/** What the environment of a machine says for which a field may be left out. */
const variables: Readonly<Record<string, string>> = {
  AZURE_TENANT_ID: guid,
  AZURE_CLIENT_ID: guid,
  AZURE_FEDERATED_TOKEN_FILE: "/var/run/secrets/azure/token",
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "example",
  AWS_ROLE_ARN: "arn:aws:iam::111122223333:role/example",
  AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/secrets/aws/token",
  AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1/credentials",
  GOOGLE_APPLICATION_CREDENTIALS: "/etc/trousseau/gcp.json",
};

/** The loader's complaints; every file, variable, user and group of the configuration is there. */
async function faultOfLoad(config: Fields): Promise<string | undefined> {
  const contents: Record<string, string> = {
    [fakePath]: stringify(config),
    ...Object.fromEntries(Object.values(variables).filter(isAbsolute).map((path) => [path, "x"])),
  };
  const named = new Map<string, string>();
  const accounts: string[] = [];
  for (const [key, value] of leaves(config)) {
    if (key === "variable") named.set(value, "x");
    if (["group", "owner"].includes(key)) accounts.push(`${value}:x:${1000 + accounts.length}:1000::/:/bin/false\n`);
    if (/^(?!(state|socket|path|audit)$)/.test(key)) {
      contents[join("/", isAbsolute(value) ? value : join("etc/trousseau", value))] = contentOf(value);
    }
  }
  contents["/etc/passwd"] = contents["/etc/group"] = accounts.join("");
  const environment = environmentFrom((name) => named.get(name) ?? variables[name]);
  try {
    await loadConfig(fakePath, environment, fakeFiles({ contents }));
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Error) return thrown.message.replaceAll("\n", " | ");
    throw thrown;
  }
}

function* leaves(value: unknown, key = ""): Generator<readonly [key: string, value: string]> {
  if (typeof value === "string") yield [key, value];
  else if (isList(value)) { for (const item of value) yield* leaves(item, key); }
  else if (isFields(value)) { for (const [name, item] of Object.entries(value)) yield* leaves(item, name); }
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
