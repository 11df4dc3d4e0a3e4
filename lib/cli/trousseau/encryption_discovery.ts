/**
 * The resources of a cluster, including custom ones, from its API server's discovery.
 *
 * @module
 */
import type { ResourceTable } from "../../config/encryption/resources.ts";
import { readKubeconfig } from "../../config/kubeconfig.ts";
import { deadline } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { HttpsEndpoint } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { readTlsFiles } from "../../net/https/tls_files.ts";

/** The result of the discovery. */
export interface Discovered {
  readonly table: ResourceTable;
  /** Groups whose own server did not respond, for instance an extension that is down. */
  readonly silent: ReadonlySet<string>;
}

/** Deadline for all requests together, in milliseconds. */
const timeoutMs = 30_000;

/** Maximum number of group versions of a cluster; a large one has some hundred. */
const maxGroupVersions = 2_000;

/** Maximum number of concurrent requests. */
const width = 8;

const action = "ask the cluster of --kubeconfig for its resources";

/**
 * Sends discovery requests to the cluster of a kubeconfig's current context: for `/api/v1`, `/apis`, and each group
 * version.
 *
 * @throws {KmsError} `config` for the kubeconfig; `unauthenticated`, `permission_denied`, `unreachable`,
 *   `deadline_exceeded` or `provider_protocol` depending on the response.
 */
export async function discoverResources(kubeconfig: string, signal: AbortSignal): Promise<Discovered> {
  const { server, serverName, ca, certificate, key, token } = await readKubeconfig(kubeconfig);
  const machine = ca === undefined ? await readTlsFiles({}, action) : undefined;
  const authorities = ca ?? machine?.ca;
  const trusted = machine?.trusted ?? kubeconfig;
  if (authorities === undefined) {
    throw new KmsError("config", `${kubeconfig} has no certificate-authority-data, and this machine trusts nobody.`);
  }
  using limit = deadline(timeoutMs, signal);
  const material = { ca: authorities, trusted, certificate, key, serverName };
  using endpoint = new HttpsEndpoint("the API server", server.origin, material);
  const ask: Ask = async (path) => {
    const { status, body } = await endpoint.ask({
      method: "GET",
      path: `${server.pathname.replace(/\/+$/, "")}${path}`,
      headers: { accept: "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    }, { signal: limit.signal, action });
    return { status, body };
  };
  return await discovered(ask);
}

/** Requests one document. */
export type Ask = (path: string) => Promise<{ readonly status: number; readonly body: unknown }>;

/** Requests and merges the documents. */
export async function discovered(ask: Ask): Promise<Discovered> {
  const versions = ["v1", ...groupVersions(await must(ask, "/apis"))];
  const table = new Map<string, string[]>();
  const silent = new Set<string>();
  for (let at = 0; at < versions.length; at += width) {
    await Promise.all(
      versions.slice(at, at + width).map(async (version) => {
        const [group, path] = version.includes("/")
          ? [version.slice(0, version.indexOf("/")), `/apis/${version}`]
          : ["", `/api/${version}`];
        // All events are stored in the core group.
        if (group === "events.k8s.io") return;
        const names = group === "" ? storedResources(await must(ask, path)) : await extension(ask, path);
        if (names === undefined) silent.add(group);
        else table.set(group, [...new Set([...table.get(group) ?? [], ...names])]);
      }),
    );
  }
  return { table, silent };
}

async function must(ask: Ask, path: string): Promise<unknown> {
  const { status, body } = await ask(path);
  if (status === 200) return body;
  if (status === 401) throw new KmsError("unauthenticated", `Cannot ${action}: it does not accept the credentials.`);
  if (status === 403) throw new KmsError("permission_denied", `Cannot ${action}: it refuses ${path} to this user.`);
  if (status >= 500) throw new KmsError("unreachable", `Cannot ${action}: it answered ${status} to ${path}.`);
  throw new KmsError("provider_protocol", `Cannot ${action}: it answered ${status} to ${path}.`);
}

/** `undefined` if the server of the group did not respond. */
async function extension(ask: Ask, path: string): Promise<string[] | undefined> {
  const { status, body } = await ask(path);
  return status === 200 ? storedResources(body) : undefined;
}

function groupVersions(body: unknown): string[] {
  const versions = items(body, "groups").flatMap((group) =>
    items(group, "versions").flatMap((version) => {
      const name = field(version, "groupVersion");
      return typeof name === "string" && /^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(name) ? [name] : [];
    })
  );
  if (versions.length > maxGroupVersions) {
    throw new KmsError(
      "provider_protocol",
      `Cannot ${action}: it names more than ${maxGroupVersions} group versions.`,
    );
  }
  return versions;
}

/**
 * The resources that are stored: without those that are only created as requests, for instance reviews, and without
 * subresources, for instance `pods/status`.
 */
function storedResources(body: unknown): string[] {
  return items(body, "resources").flatMap((resource) => {
    const [name, verbs] = [field(resource, "name"), field(resource, "verbs")];
    const isStored = Array.isArray(verbs) && verbs.includes("create") && verbs.includes("list");
    return typeof name === "string" && isStored && !name.includes("/") ? [name] : [];
  });
}

function items(body: unknown, name: string): readonly unknown[] {
  const list = field(body, name);
  if (Array.isArray(list)) return list;
  throw new KmsError("provider_protocol", `Cannot ${action}: an answer has no list of ${name}.`);
}
