/**
 * Reads all roles and bindings from an API server.
 *
 * @module
 */
import type { HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import type { ApiServerClient } from "../apiserver/api_server_client.ts";
import { type RbacKind, rbacKinds, type RbacObjects, readRbac } from "./rbac.ts";

/** Number of objects in one answer. */
const pageSize = 500;

/** Maximum size of an answer in bytes. */
const maxPage = 64 * 1024 * 1024;

const folders = {
  Role: "roles",
  ClusterRole: "clusterroles",
  RoleBinding: "rolebindings",
  ClusterRoleBinding: "clusterrolebindings",
} as const satisfies Readonly<Record<RbacKind, string>>;

/**
 * Reads them kind by kind, in pages.
 *
 * @throws {KmsError} as {@linkcode ApiServerClient.read} and {@linkcode readRbac}.
 */
export async function fetchRbac(client: ApiServerClient, call: HttpCall): Promise<RbacObjects> {
  const found: RbacObjects[] = [];
  for (const kind of rbacKinds) {
    for await (const page of pages(client, kind, call)) {
      found.push(readRbac(page, `The answer with ${folders[kind]}`, kind));
    }
  }
  return { roles: found.flatMap(({ roles }) => roles), bindings: found.flatMap(({ bindings }) => bindings) };
}

async function* pages(client: ApiServerClient, kind: RbacKind, call: HttpCall): AsyncGenerator<unknown> {
  let next = "";
  do {
    const more = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
    const path = `/apis/rbac.authorization.k8s.io/v1/${folders[kind]}?limit=${pageSize}${more}`;
    const answer = await client.ask({ method: "GET", path, maxBytes: maxPage }, call);
    if (answer.status !== 200) throw client.errorOf(answer, path, call.action);
    yield answer.body;
    const rest = field(field(answer.body, "metadata"), "continue");
    next = typeof rest === "string" ? rest : "";
  } while (next !== "");
}
