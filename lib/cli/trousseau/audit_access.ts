/**
 * `trousseau audit access`
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";
import { deadline, orAborted } from "../../base/deadline.ts";
import { readRegularFile, whyUnreadable } from "../../base/durable_file.ts";
import { KmsError } from "../../base/errors.ts";
import { type AccessBaseline, newAccess } from "../../cluster/access/access_baseline.ts";
import { fetchRbac } from "../../cluster/access/fetch_rbac.ts";
import { type RbacObjects, readRbac } from "../../cluster/access/rbac.ts";
import { secretAccess } from "../../cluster/access/secret_access.ts";
import { ApiServerClient } from "../../cluster/apiserver/api_server_client.ts";
import { readClusterAccess } from "../../config/cluster_access.ts";
import { parsedJson } from "../../net/https/fields.ts";
import { UsageError } from "../command.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { readAccessBaseline } from "./access_baseline_file.ts";
import { printAccessAudit } from "./audit_access_report.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Maximum size in bytes of a file or of standard input. */
const maxInput = 256 * 1024 * 1024;

/** Milliseconds that the API server has for everything. */
const serverMs = 120_000;

/** Lists who can read Secrets, and compares it with an earlier report. */
export async function auditAccess(
  call: TrousseauCall,
  input: ReadableStream<Uint8Array> = Deno.stdin.readable,
): Promise<ExitStatus> {
  const { options, positionals, terminal } = call;
  const [file] = positionals;
  if (file !== undefined && options.kubeconfig !== undefined) {
    throw new UsageError("Name a file of kubectl or a cluster by --kubeconfig, not both.", "audit access");
  }
  const baseline = await baselineOf(options.baseline);
  const { source, objects } = file === undefined ? await ofCluster(call) : await ofFile(file, input, terminal.signal);
  requireWhole(source, objects);
  const report = secretAccess(objects);
  const added = baseline === undefined ? undefined : new Set(newAccess(report.access, baseline));
  printAccessAudit(call, { source, ...report, baseline: options.baseline, added });
  return added === undefined || added.size === 0 ? exitCodes.ok.status : exitCodes.unmet.status;
}

interface Read {
  readonly source: string;
  readonly objects: RbacObjects;
}

async function ofCluster({ options, terminal: { environment, signal } }: TrousseauCall): Promise<Read> {
  const action = "read the roles and bindings of the cluster";
  const access = await readClusterAccess(options.kubeconfig, environment);
  using client = await ApiServerClient.open(access, action);
  using limit = deadline(serverMs, signal);
  return { source: client.address, objects: await fetchRbac(client, { signal: limit.signal, action }) };
}

async function ofFile(file: string, input: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Read> {
  const source = file === "-" ? "standard input" : file;
  const bytes = file === "-" ? await allOf(input, signal) : await bytesOf(file);
  return { source, objects: readRbac(parsedJson(bytes), source) };
}

async function allOf(input: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = input.getReader();
  for (;;) {
    const { value } = await orAborted(reader.read(), signal, "read standard input");
    if (value === undefined) break;
    length += value.length;
    if (length > maxInput) throw new KmsError("config", "The list on standard input is larger than 256 MiB.");
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

async function bytesOf(path: string): Promise<Uint8Array> {
  return await readRegularFile(path, maxInput).catch((thrown) => {
    throw new KmsError("config", `Cannot read ${path}: ${whyUnreadable(thrown, path)}.`, { cause: thrown });
  });
}

async function baselineOf(path: string | undefined): Promise<AccessBaseline | undefined> {
  return path === undefined ? undefined : readAccessBaseline(utf8Text(await bytesOf(path)) ?? "", path);
}

/** Every cluster with RBAC has ClusterRoles and ClusterRoleBindings. @throws {KmsError} `config` if some are missing. */
function requireWhole(source: string, { roles, bindings }: RbacObjects): void {
  const isWhole = roles.some(({ kind }) => kind === "ClusterRole") &&
    bindings.some(({ kind }) => kind === "ClusterRoleBinding");
  if (isWhole) return;
  throw new KmsError(
    "config",
    `${source} has no ClusterRole or no ClusterRoleBinding; give the output of ` +
      "kubectl get roles,clusterroles,rolebindings,clusterrolebindings -A -o json.",
  );
}
