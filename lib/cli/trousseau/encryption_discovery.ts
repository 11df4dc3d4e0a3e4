/**
 * The resources of a cluster, including custom ones, from its API server's discovery.
 *
 * @module
 */
import { deadline } from "../../base/deadline.ts";
import { type ApiResources, discoverApi } from "../../cluster/apiserver/api_resources.ts";
import { ApiServerClient } from "../../cluster/apiserver/api_server_client.ts";
import type { ResourceTable } from "../../config/encryption/resources.ts";
import { readKubeconfig } from "../../config/kubeconfig.ts";

/** The result of the discovery. */
export interface Discovered {
  readonly table: ResourceTable;
  /** Groups whose own server did not respond, for instance an extension that is down. */
  readonly silent: ReadonlySet<string>;
}

/** Deadline for all requests together, in milliseconds. */
const timeoutMs = 30_000;

const action = "ask the cluster of --kubeconfig for its resources";

/**
 * Sends discovery requests to the cluster of a kubeconfig's current context: for `/api/v1`, `/apis`, and each group
 * version.
 *
 * @throws {KmsError} `config` for the kubeconfig; `unauthenticated`, `permission_denied`, `unreachable`,
 *   `deadline_exceeded` or `provider_protocol` depending on the response.
 */
export async function discoverResources(kubeconfig: string, signal: AbortSignal): Promise<Discovered> {
  using client = await ApiServerClient.open(await readKubeconfig(kubeconfig), action);
  using limit = deadline(timeoutMs, signal);
  return resourceTable(await discoverApi(client, { signal: limit.signal, action }));
}

/** Groups the names of the resources. */
export function resourceTable({ resources, silent }: ApiResources): Discovered {
  const table = new Map<string, string[]>();
  for (const { group, name } of resources) table.set(group, [...table.get(group) ?? [], name]);
  return { table, silent };
}
