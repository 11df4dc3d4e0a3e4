/**
 * The resources that `trousseau rewrite` writes again.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import { type ApiResource, type ApiResources, discoverApi } from "../../cluster/apiserver/api_resources.ts";
import type { ApiServerClient, ApiServerRequest } from "../../cluster/apiserver/api_server_client.ts";
import { resourceId } from "../../cluster/rewrite/object_names.ts";
import { askPatiently } from "../../cluster/rewrite/patient_requests.ts";
import type { RewriteApi } from "../../cluster/rewrite/rewrite_state.ts";
import type { EncryptionEntry } from "../../config/encryption/entries.ts";
import { covers, parseResource, sameResource } from "../../config/encryption/rules.ts";
import { UsageError } from "../command.ts";
import type { TrousseauCall } from "./terminal.ts";
import { scopeOf, type VerifyScope } from "./verify_scope.ts";

/** The resources, and what must be known about them. */
export interface RewriteTargets {
  readonly resources: readonly ApiResource[];
  readonly api: RewriteApi;
  /** Sentences about names and groups that are left out. */
  readonly notes: readonly string[];
  /** Whether every group that the names cover answered. */
  readonly isComplete: boolean;
}

/**
 * The resources of `--resources`, of `--encryption-config` or of the file in kube-apiserver's manifest, expanded by the
 * discovery of the cluster.
 *
 * @throws {UsageError} if none of them names a resource.
 * @throws {KmsError} `config` if `--resources` has a name that the cluster does not store, and the errors of the discovery.
 */
export async function rewriteTargets(call: TrousseauCall, client: ApiServerClient): Promise<RewriteTargets> {
  const scope = await scopeOf(call);
  if (scope.by === "guess") {
    throw new UsageError(
      "Name the resources by --resources, or the file of kube-apiserver by --encryption-config.",
      "rewrite",
    );
  }
  const lists = scope.by === "file" ? scope.entries : [{ resources: scope.resources, providers: [] }];
  const entries = lists.filter(isEncrypted);
  const names = entries.flatMap(({ resources }) => resources);
  const found = await discover(call, client, names);
  const stored = found.resources.filter(({ verbs }) => verbs.includes("patch"));
  const writers = stored.map((resource) => ({ resource, list: listFor(lists, resourceId(resource)) }));
  const encrypted = writers.flatMap(({ resource, list }) => list && isEncrypted(list) ? [{ resource, list }] : []);
  const silent = [...found.silent].filter((group) => isWritten(lists, group));
  const answered = names.filter((name) => !silent.includes(parseResource(name).group));
  const notes = [...plainNotes(lists), ...missingNotes(scope, answered, stored), ...silent.map(silentNote)];
  const api = call.options["kms-version"] ?? apiOf(encrypted.map(({ list }) => list));
  return { resources: encrypted.map(({ resource }) => resource), api, notes, isComplete: silent.length === 0 };
}

/**
 * The list whose first provider writes a resource: the first one that names or covers it. kube-apiserver refuses a name
 * behind a wildcard that covers it, so that a list that names a resource comes before one that only covers it.
 */
function listFor(lists: readonly EncryptionEntry[], resource: string): EncryptionEntry | undefined {
  return lists.find(({ resources }) => resources.some((name) => isNamed(name, resource)));
}

/** Whether a list that encrypts names a resource of a group, or covers the rest of it. */
function isWritten(lists: readonly EncryptionEntry[], group: string): boolean {
  const wildcard = listFor(lists, `*.${group}`);
  const names = lists.filter(isEncrypted).flatMap(({ resources }) => resources);
  return (wildcard !== undefined && isEncrypted(wildcard)) || names.some((name) => parseResource(name).group === group);
}

function silentNote(group: string): string {
  return `API group ${group} does not list its resources, so that they are left out; run the command again ` +
    "when it does.";
}

/** Groups with a wildcard need the whole discovery, and others a part of it. */
async function discover(call: TrousseauCall, client: ApiServerClient, names: readonly string[]): Promise<ApiResources> {
  const groups = new Set(names.map((name) => parseResource(name).group));
  const request = { signal: call.terminal.signal, action: "ask the cluster for its resources" };
  // These are the first requests: a wrong address is told at once.
  const ask = (asked: ApiServerRequest) => askPatiently({ client, clock: systemClock, ...request }, asked, 1);
  return await discoverApi(client, request, groups.has("*") ? undefined : groups, ask);
}

function isNamed(name: string, resource: string): boolean {
  return sameResource(name, resource) || covers(name, resource);
}

/** Whether the first provider, which writes, encrypts. It is not known for the names of `--resources`. */
function isEncrypted({ providers }: EncryptionEntry): boolean {
  return providers[0]?.kind !== "identity";
}

function apiOf(entries: readonly EncryptionEntry[]): RewriteApi {
  const isV1 = entries.some(({ providers: [first] }) => first?.kind === "kms" && first.apiVersion === "v1");
  return isV1 ? "v1beta1" : "v2";
}

/** A name of several lists belongs to the first one. */
function plainNotes(lists: readonly EncryptionEntry[]): readonly string[] {
  const plain = lists.filter((list) => !isEncrypted(list)).flatMap((list) =>
    list.resources.filter((name) => listFor(lists, name) === list)
  );
  return plain.length === 0 ? [] : [`${plain.join(", ")} would be stored in plain text, and are left out.`];
}

function missingNotes(scope: VerifyScope, names: readonly string[], stored: readonly ApiResource[]): readonly string[] {
  const missing = names.filter((name) => !stored.some((one) => isNamed(name, resourceId(one))));
  const [first] = missing;
  if (first !== undefined && scope.by === "option") {
    throw new KmsError("config", `The cluster stores no resource "${first}" that can be patched.`);
  }
  return missing.map((name) => `The cluster stores no resource "${name}", and it is left out.`);
}
