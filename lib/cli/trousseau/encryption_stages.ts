/**
 * The changes to the lists of providers while a cluster that already encrypts moves to Trousseau.
 *
 * @module
 */
import type { EncryptionEntry, EncryptionFile, KmsEntry } from "../../config/encryption/file.ts";
import { covers, sameResource } from "../../config/encryption/rules.ts";
import { pathOfEndpoint, withoutVarRun } from "../../config/socket_path.ts";
import { UsageError } from "../command.ts";
import { printable } from "../terminal.ts";

/** `read`: all API servers can read. `write`: they write. `final`: nothing else can be read any longer. */
export type Stage = "read" | "write" | "final";

/** The parameters of a stage. */
export interface StageRequest {
  readonly stage: Stage;
  /** Name of the `kms` provider. That of a further entry gets a number, since kube-apiserver accepts each name once. */
  readonly name: string;
  readonly socketPath: string;
  /** The version of the KMS API. */
  readonly apiVersion: "v1" | "v2";
  /** The resources to encrypt; all that the file encrypts if absent. */
  readonly resources?: readonly string[];
}

/** Trousseau's `kms` provider in a list. */
export interface OurKms {
  /** Its name in the file. */
  readonly kms: string;
}

/** An entry of the new file. */
export interface StagedEntry {
  /** Its index in the old file; absent for a new entry. */
  readonly from?: number;
  readonly resources: readonly string[];
  /** A number is the index of a provider in the old entry. */
  readonly providers: readonly (number | OurKms | "identity")[];
  /** The name of Trousseau's `kms` provider in the entry; absent if the entry is unchanged. */
  readonly kms?: string;
}

/** The entries, and the notes for the operator. */
export interface Staged {
  readonly entries: readonly StagedEntry[];
  /** Whole sentences. */
  readonly notes: readonly string[];
}

/**
 * Inserts Trousseau's provider into each requested entry.
 *
 * @throws {UsageError} if the requested resources do not match the file's entries.
 * @throws {KmsError} `config` if the file has another `kms` provider of the same name.
 */
export function staged(file: EncryptionFile, request: StageRequest): Staged {
  refuseOtherKms(file, request);
  const taken = file.entries.map((entry, index) => isTaken(entry, index, request));
  const added = unlisted(file, request);
  refuseRepeated(file, taken);
  if (added.length === 0 && !taken.includes(true)) {
    throw usage("--from has a file that encrypts nothing; name in --resources what is to be encrypted.");
  }
  const names = new Names(file, request.name);
  const notes: string[] = [];
  const entries = file.entries.map((entry, index): StagedEntry => {
    const untouched = { from: index, resources: entry.resources, providers: entry.providers.map((_, at) => at) };
    if (taken[index] !== true) {
      notes.push(noteOfUntouched(entry, index, request));
      return untouched;
    }
    const ours = entry.providers.findIndex((provider) => isOurs(provider, request));
    const kms = nameAt(entry, ours) ?? names.next();
    const old = untouched.providers.filter((at) => at !== ours);
    notes.push(...notesOfTaken(entry, index, ours, kms, request));
    if (request.stage === "read" && old.length === 0) {
      throw usage(`--stage read needs the old providers, and ${place(index)} has none; give the file of before.`);
    }
    return { ...untouched, providers: ordered(request.stage, ours < 0 ? { kms } : ours, old), kms };
  });
  if (added.length > 0) entries.push(newEntry(added, names.next(), request.stage));
  return { entries, notes };
}

function ordered<T>(stage: Stage, ours: T, [writer, ...rest]: readonly T[]): T[] {
  if (stage === "final" || writer === undefined) return [ours];
  return stage === "write" ? [ours, writer, ...rest] : [writer, ours, ...rest];
}

/** An entry for resources that were not listed, which are stored as plain text until now. */
function newEntry(resources: readonly string[], kms: string, stage: Stage): StagedEntry {
  return { resources, providers: ordered<OurKms | "identity">(stage, { kms }, ["identity"]), kms };
}

/**
 * Whether a `kms` provider is Trousseau's: the same socket and API, under the requested name or one that
 * {@linkcode Names} generated.
 */
function isOurs(provider: EncryptionEntry["providers"][number], request: StageRequest): provider is KmsEntry {
  return provider.kind === "kms" && reachesUs(provider, request) && numbered(provider.name, request.name);
}

function reachesUs({ endpoint, apiVersion }: KmsEntry, request: StageRequest): boolean {
  const path = pathOfEndpoint(endpoint);
  const isOurSocket = path !== undefined && withoutVarRun(path) === withoutVarRun(request.socketPath);
  return isOurSocket && apiVersion === request.apiVersion;
}

function numbered(name: string, base: string): boolean {
  return name === base || (name.startsWith(`${base}-`) && /^[2-9]$|^[1-9]\d+$/.test(name.slice(base.length + 1)));
}

function nameAt({ providers }: EncryptionEntry, index: number): string | undefined {
  const provider = providers[index];
  return provider?.kind === "kms" ? provider.name : undefined;
}

function refuseOtherKms(file: EncryptionFile, request: StageRequest): void {
  file.entries.forEach(({ providers }, entry) =>
    providers.forEach((provider, index) => {
      if (provider.kind !== "kms" || provider.name !== request.name || reachesUs(provider, request)) return;
      const differs = provider.apiVersion === request.apiVersion
        ? "another endpoint than --socket"
        : `apiVersion ${provider.apiVersion} and not ${request.apiVersion}`;
      file.complainOfName(entry, index, `has ${differs}; choose another --name for this plugin, or give it that one`);
    })
  );
}

/** Generates names that are unique in the file, as kube-apiserver requires. */
class Names {
  readonly #used: Set<string>;
  readonly #base: string;

  constructor(file: EncryptionFile, base: string) {
    const all = file.entries.flatMap(({ providers }) => providers);
    this.#used = new Set(all.flatMap((provider) => provider.kind === "kms" ? [provider.name] : []));
    this.#base = base;
  }

  next(): string {
    let name = this.#base;
    for (let number = 2; this.#used.has(name); number++) name = `${this.#base}-${number}`;
    this.#used.add(name);
    return name;
  }
}

/** Whether an entry is requested. */
function isTaken({ resources, providers }: EncryptionEntry, index: number, request: StageRequest): boolean {
  const { resources: requested } = request;
  const isOpen = providers.every(({ kind }) => kind === "identity");
  if (requested === undefined) return !isOpen;
  const named = resources.filter((one) => requested.some((name) => sameResource(name, one)));
  // An entry with identity alone excludes resources from a wildcard deliberately: it is changed only if it is requested
  // by its own name.
  const met = isOpen
    ? named
    : resources.filter((one) => named.includes(one) || requested.some((name) => covers(name, one)));
  if (met.length === 0 || met.length === resources.length) return met.length > 0;
  const missing = resources.filter((one) => !met.includes(one)).map(printable).join(", ");
  throw usage(
    `--resources has ${met.map(printable).join(", ")} of ${place(index)} and not ${missing}, which shares its ` +
      "providers; name all of them, or split the entry in the file first.",
  );
}

/**
 * Refuses a resource in several entries. kube-apiserver merges the providers of all entries that list a resource, so
 * that a stage of one of them would be incomplete.
 */
function refuseRepeated({ entries }: EncryptionFile, taken: readonly boolean[]): void {
  for (const name of entries.flatMap(({ resources }, index) => taken[index] === true ? resources : [])) {
    const listed = entries.flatMap(({ resources }, at) => resources.some((one) => sameResource(one, name)) ? [at] : []);
    if (listed.length < 2) continue;
    const places = listed.map(place).join(" and ");
    throw usage(
      `--from has a file with ${printable(name)} in ${places}, whose providers kube-apiserver joins; write them into ` +
        "one entry, in the same order, first.",
    );
  }
}

/** The requested resources that no entry lists. */
function unlisted({ entries }: EncryptionFile, { resources: requested = [] }: StageRequest): string[] {
  const added = requested.filter((name) =>
    !entries.some(({ resources }) => resources.some((one) => sameResource(one, name)))
  );
  for (const name of added) {
    const index = entries.findIndex(({ resources }) => resources.some((one) => covers(one, name)));
    const by = entries[index]?.resources.find((one) => covers(one, name));
    if (by === undefined) continue;
    throw usage(
      `--resources has ${name}, which ${place(index)} covers by ${by}; name ${by}, or give ${name} an entry with the ` +
        "same providers in the file first.",
    );
  }
  return added;
}

function noteOfUntouched({ resources, providers }: EncryptionEntry, index: number, request: StageRequest): string {
  const isOpen = providers.every(({ kind }) => kind === "identity");
  const what = `${place(index)} (${resources.map(printable).join(", ")})`;
  if (!isOpen) return `${what} is not in --resources and stays as it is.`;
  return `${what} has identity alone and stays plain text${
    request.resources === undefined ? "; name it in --resources to encrypt it" : ""
  }.`;
}

function notesOfTaken(
  entry: EncryptionEntry,
  index: number,
  ours: number,
  kms: string,
  request: StageRequest,
): string[] {
  const { resources, providers } = entry;
  const what = `${place(index)} (${resources.map(printable).join(", ")})`;
  const others = providers.filter((_, at) => at !== ours);
  const left = others.map((one) => one.kind === "kms" ? `kms ${printable(one.name)}` : one.kind).join(", ");
  const twin = others.find((one) => one.kind === "kms" && reachesUs(one, request));
  const isWritten = ours === 0;
  return [
    ...(providers[0]?.kind === "identity" && request.stage === "read"
      ? [`${what} is written as plain text today, since identity comes first.`]
      : []),
    ...(isWritten && request.stage === "read" && others.length > 0
      ? [`${what} is written with kms ${kms} in this file; --stage read goes back.`]
      : []),
    ...(request.stage === "final" && !isWritten
      ? [`${what} is not written with kms ${kms} in this file yet; --stage write and a rewrite come before final.`]
      : []),
    ...(request.stage === "final" && left !== "" ? [`${what} loses ${left}.`] : []),
    ...(twin?.kind === "kms"
      ? [`${what} has kms ${printable(twin.name)} at the same socket; if that is this plugin, give --name.`]
      : []),
    ...(kms === request.name
      ? []
      : [`${what} has the kms name ${kms}, since kube-apiserver takes each name once; all nodes need the same.`]),
  ];
}

function place(index: number): string {
  return `resources[${index}]`;
}

function usage(message: string): UsageError {
  return new UsageError(message, "encryption-config");
}
