/**
 * The resources of a cluster that are stored, including custom ones, from the discovery of its API server.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import type { HttpAnswer } from "../../net/https/http_answer.ts";
import type { ApiServerClient, ApiServerRequest } from "./api_server_client.ts";

/** A resource that the API server stores. */
export interface ApiResource {
  /** `""` for the core group. */
  readonly group: string;
  /** The preferred version of those that serve the resource, without the group. */
  readonly version: string;
  /** The plural name, for instance `secrets`. */
  readonly name: string;
  readonly namespaced: boolean;
  /** For instance `list` and `patch`. */
  readonly verbs: readonly string[];
}

/** The result of the discovery. */
export interface ApiResources {
  readonly resources: readonly ApiResource[];
  /** Groups of which a document was refused, for instance since the server of an extension is down. */
  readonly silent: ReadonlySet<string>;
}

/** Sends a request, and perhaps repeats it; as {@linkcode ApiServerClient.ask}. */
type AskDiscovery = (request: ApiServerRequest) => Promise<HttpAnswer>;

/** The server and the call of a discovery. */
interface Discovery extends HttpCall {
  readonly client: ApiServerClient;
  readonly ask: AskDiscovery;
}

/** Maximum number of group versions of a cluster; a large one has some hundred. */
const maxGroupVersions = 2_000;

/** Maximum number of concurrent requests. */
const width = 8;

/**
 * Requests `/apis`, and the documents of the core group and of each group version.
 *
 * @param groups the groups that are asked; all if left out.
 * @param ask once if left out.
 * @throws {KmsError} `provider_protocol` for an answer that is no discovery document, and the errors of
 *   {@linkcode ApiServerClient.read}.
 */
export async function discoverApi(
  client: ApiServerClient,
  call: HttpCall,
  groups?: ReadonlySet<string>,
  ask: AskDiscovery = (request) => client.ask(request, call),
): Promise<ApiResources> {
  const discovery = { client, ask, ...call };
  const onlyCore = groups !== undefined && [...groups].every((group) => group === "");
  const named = onlyCore ? [] : groupVersions(await readDocument("/apis", discovery), call.action);
  const all = [{ group: "", version: "v1" }, ...named];
  const versions = all.filter(({ group }) => groups === undefined || groups.has(group));
  const found: Found[] = [];
  for (let at = 0; at < versions.length; at += width) {
    found.push(...await Promise.all(versions.slice(at, at + width).map((one) => askOne(one, discovery))));
  }
  return merged(found);
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

interface Found {
  readonly group: string;
  readonly resources: readonly ApiResource[] | undefined;
}

async function readDocument(path: string, { client, ask, action }: Discovery): Promise<unknown> {
  const answer = await ask({ method: "GET", path });
  if (answer.status === 200) return answer.body;
  throw client.errorOf(answer, path, action);
}

/** The core group must respond; the server of another group may be down, or gone since `/apis` named it (404). */
async function askOne({ group, version }: GroupVersion, discovery: Discovery): Promise<Found> {
  const { ask, action } = discovery;
  if (group === "") {
    const body = await readDocument(`/api/${version}`, discovery);
    return { group, resources: storedResources(body, group, version, action) };
  }
  const { status, body } = await ask({ method: "GET", path: `/apis/${group}/${version}` });
  if (status === 404) return { group, resources: [] };
  return { group, resources: status === 200 ? storedResources(body, group, version, action) : undefined };
}

/** Of several versions of a group, the first one counts: the API server lists the preferred one first. */
function merged(found: readonly Found[]): ApiResources {
  const resources = new Map<string, ApiResource>();
  const silent = new Set<string>();
  for (const { group, resources: those } of found) {
    if (those === undefined) silent.add(group);
    for (const one of those ?? []) {
      const id = `${one.name}.${group}`;
      if (!resources.has(id)) resources.set(id, one);
    }
  }
  return { resources: [...resources.values()], silent };
}

function groupVersions(body: unknown, action: string): readonly GroupVersion[] {
  const versions = items(body, "groups", action).flatMap((group) =>
    items(group, "versions", action).flatMap((version): GroupVersion[] => {
      const name = field(version, "groupVersion");
      const [, of, at] = typeof name === "string" ? /^([a-z0-9.-]+)\/([a-z0-9.-]+)$/.exec(name) ?? [] : [];
      // All events are stored in the core group.
      return of === undefined || at === undefined || of === "events.k8s.io" ? [] : [{ group: of, version: at }];
    })
  );
  if (versions.length <= maxGroupVersions) return versions;
  throw new KmsError(
    "provider_protocol",
    `Cannot ${action}: the API server names more than ${maxGroupVersions} group versions.`,
  );
}

/**
 * The resources that are stored: without those that are only created as requests, for instance reviews, and without
 * subresources, for instance `pods/status`.
 */
function storedResources(body: unknown, group: string, version: string, action: string): readonly ApiResource[] {
  return items(body, "resources", action).flatMap((resource): ApiResource[] => {
    const [name, listed] = [field(resource, "name"), field(resource, "verbs")];
    const verbs = Array.isArray(listed) ? listed.filter((verb) => typeof verb === "string") : [];
    const isStored = verbs.includes("create") && verbs.includes("list");
    if (typeof name !== "string" || !isStored || !/^[a-z0-9-]+$/.test(name)) return [];
    return [{ group, version, name, namespaced: field(resource, "namespaced") === true, verbs }];
  });
}

function items(body: unknown, name: string, action: string): readonly unknown[] {
  const list = field(body, name);
  if (Array.isArray(list)) return list;
  throw new KmsError("provider_protocol", `Cannot ${action}: an answer of the API server has no list of ${name}.`);
}
