/**
 * Converts files of the original Trousseau, written in Go, to a config of this one.
 *
 * | file            | identified by                           | from                                         |
 * | --------------- | --------------------------------------- | -------------------------------------------- |
 * | `config.yaml`   | `provider`, and `vault` with its fields | version 1                                    |
 * | `vault.yaml`    | `keyNames`                              | version 2, alpha                             |
 * | `awskms.yaml`   | `keyArn`                                | version 2, alpha                             |
 * | `azurekms.yaml` | `keyVaultName`                          | version 2, alpha                             |
 * | `azure.json`    | `aadClientId` and related fields        | the cloud provider; `azurekms.yaml` names it |
 *
 * @module
 */
import { stringify } from "yaml";
import { KmsError } from "../../base/errors.ts";
import { readYaml } from "../../base/yaml_positions.ts";
import { Problems } from "../problems.ts";
import { checkShape } from "../shape.ts";
import { convertAws, type OldContext } from "./aws.ts";
import { type AzureLogin, azureLogin, convertAzure, isAzureLogin } from "./azure.ts";
import { type Note, OldFields, type OldFile } from "./notes.ts";
import type { ConvertedProvider } from "./provider.ts";
import { convertVault } from "./vault.ts";

/** The result of a conversion. */
export interface Converted {
  /** A Trousseau config as YAML. */
  readonly config: string;
  /** One line `file:line:column: field: …` for each fact or task for the user, in the order of the files. */
  readonly notes: readonly string[];
}

type Kind = "config" | "vault" | "aws" | "azure" | "azureLogin";

/** Maximum number of files in a call. A plugin used at most two providers, with a login beside them. */
const maxFiles = 8;

/**
 * Converts the files of one plugin.
 *
 * @param readForeign whether the config enables reading the original's data; otherwise that field is a comment.
 * @throws {KmsError} `config`, one line for each problem, if a file cannot be converted.
 */
export function convert(files: readonly OldFile[], readForeign: boolean): Converted {
  const notes: Note[] = [];
  if (files.length > maxFiles) throw new KmsError("config", `Cannot convert more than ${maxFiles} files at once.`);
  const opened = files.map((file) => ({ file, old: OldFields.open(file, notes) }));
  const known = opened.flatMap(({ file, old }) => {
    const kind = old && kindOf(old);
    if (old === undefined) return [];
    if (kind === undefined) notes.push({ file: file.path, line: 1, column: 1, text: unknownFile });
    return kind === undefined ? [] : [{ kind, old }];
  });
  if (known.length < files.length) throw new KmsError("config", lines(notes, files).join("\n"));
  const { providers, foreign } = convertAll(known);
  const text = lines(notes, files);
  if (providers.length === 0) throw new KmsError("config", [...text, "There is no provider to convert."].join("\n"));
  const config = render(providers, foreign, readForeign);
  return { config, notes: [...text, ...complaints(config)] };
}

/** Problems of the output according to the schema, for instance a value that was wrong in the old file. */
function complaints(config: string): readonly string[] {
  const { value, position } = readYaml(config);
  const problems = new Problems("output", position);
  checkShape(value, problems);
  try {
    problems.throwIfAny();
    return [];
  } catch (thrown) {
    if (thrown instanceof KmsError) return thrown.message.split("\n");
    throw thrown;
  }
}

const unknownFile =
  "is none of the original's files: config.yaml, vault.yaml, awskms.yaml, azurekms.yaml or azure.json";

function kindOf(old: OldFields): Kind | undefined {
  if (old.has("keyNames")) return "vault";
  if (old.has("keyArn")) return "aws";
  if (old.has("keyVaultName")) return "azure";
  if (old.has("provider") || old.has("vault")) return "config";
  return isAzureLogin(old) ? "azureLogin" : undefined;
}

/** The original's data of one provider, as an entry of `readForeign`. */
interface Foreign {
  readonly format: "trousseau-v1" | "trousseau-v2";
  readonly name: string;
  /** The provider's name in the original's data, as its files and examples have it. */
  readonly as?: "vault" | "awskms" | "azurekms";
  readonly keyVersion?: string;
  readonly context?: OldContext;
}

interface All {
  readonly providers: ConvertedProvider[];
  readonly foreign: Foreign[];
}

function convertAll(known: readonly { readonly kind: Kind; readonly old: OldFields }[]): All {
  const all: All = { providers: [], foreign: [] };
  const login = known.find(({ kind }) => kind === "azureLogin");
  const azure = login === undefined ? undefined : azureLogin(login.old, "azure");
  for (const { kind, old } of known) convertOne(kind, old, azure, all);
  return all;
}

function convertOne(kind: Kind, old: OldFields, azure: AzureLogin | undefined, { providers, foreign }: All): void {
  const nameFor = (base: string) => {
    const count = providers.filter(({ name }) => name === base || name.startsWith(`${base}-`)).length;
    return count === 0 ? base : `${base}-${count + 1}`;
  };
  const add = (provider: ConvertedProvider, read: Omit<Foreign, "name"> | undefined) => {
    providers.push(provider);
    if (read !== undefined) foreign.push({ ...read, name: provider.name });
  };
  if (kind === "vault") add(convertVault(old, nameFor("vault")), { format: "trousseau-v2", as: "vault" });
  if (kind === "azure") {
    const { provider, keyVersion } = convertAzure(old, nameFor("azure"), azure);
    add(provider, keyVersion === undefined ? undefined : { format: "trousseau-v2", as: "azurekms", keyVersion });
  }
  if (kind === "aws") {
    const { provider, context } = convertAws(old, nameFor("aws"));
    const other = foreign.find((one) => one.as === "awskms" && !sameContext(one.context, context));
    if (other !== undefined) {
      old.note("encryptionContext", "differs from another file's, and readForeign has one for all");
    }
    add(provider, { format: "trousseau-v2", as: "awskms", ...(context === undefined ? {} : { context }) });
  }
  if (kind !== "config") return;
  old.text("provider");
  const vault = old.below("vault");
  if (vault === undefined) old.note("vault", "is missing: version 1 knew no other provider");
  else add(convertVault(vault, nameFor("vault")), { format: "trousseau-v1" });
  old.noteRest();
}

function sameContext(a: OldContext = {}, b: OldContext = {}): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

function lines(notes: readonly Note[], files: readonly OldFile[]): string[] {
  const order = new Map(files.map(({ path }, index) => [path, index]));
  const at = (note: Note) => order.get(note.file) ?? 0;
  const sorted = notes.toSorted((a, b) => at(a) - at(b) || a.line - b.line || a.column - b.column);
  return sorted.map(({ file, line, column, text }) => `${file}:${line}:${column}: ${text}`);
}

const introduction = `# Converted from the files of the original Trousseau; "trousseau check --config FILE" tries it.
# The name of the provider in kube-apiserver's EncryptionConfiguration must stay what it is: it is part of every value in
# etcd. Its endpoint becomes the socket of this plugin, unix:///run/trousseau/kms.sock unless you say socket.path here.
`;

const foreignIntroduction = `
# What the original wrote is read, and never written. It is not bound to anything as ours is: rewrite all of it, and take
# this out when trousseau_foreign_reads_total stays at 0 after a restart of every API server.
`;

function render(providers: readonly ConvertedProvider[], foreign: readonly Foreign[], readForeign: boolean): string {
  const config = `${introduction}${stringify({ providers }, { lineWidth: 0 })}`;
  if (foreign.length === 0) return config;
  const block = stringify({ readForeign: readForeignOf(foreign) }, { lineWidth: 0 });
  return config + foreignIntroduction + (readForeign ? block : block.replace(/^(?=.)/gm, "# "));
}

function readForeignOf(foreign: readonly Foreign[]): unknown[] {
  const first = foreign.filter(({ format }) => format === "trousseau-v1").map(({ name }) => name);
  const second = foreign.filter(({ format }) => format === "trousseau-v2");
  const providers = second.map(({ name, as, keyVersion }) => ({ name, as, ...(keyVersion && { keyVersion }) }));
  const encryptionContext = second.find(({ context }) => context !== undefined)?.context;
  return [
    ...(first.length > 0 ? [{ format: "trousseau-v1", providers: first }] : []),
    ...(second.length > 0
      ? [{ format: "trousseau-v2", providers, ...(encryptionContext && { encryptionContext }) }]
      : []),
  ];
}
