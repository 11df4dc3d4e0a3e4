/**
 * Names of objects in the API: their paths, and their order in etcd.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ApiResource } from "../apiserver/api_resources.ts";

/** All objects of a resource in one namespace. */
export interface Collection {
  readonly resource: ApiResource;
  /** `""` for a resource without namespaces. */
  readonly namespace: string;
}

/** The name of a resource as in an EncryptionConfiguration, for instance `deployments.apps`. */
export function resourceId({ group, name }: Pick<ApiResource, "group" | "name">): string {
  return group === "" ? name : `${name}.${group}`;
}

/** The path of a collection in the API. */
export function collectionPath({ resource: { group, version, name }, namespace }: Collection): string {
  const api = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === "" ? `${api}/${name}` : `${api}/namespaces/${encodeURIComponent(namespace)}/${name}`;
}

/** The path of an object in the API. */
export function objectPath(collection: Collection, name: string): string {
  return `${collectionPath(collection)}/${encodeURIComponent(name)}`;
}

/** Whether a name stands behind another one in etcd, whose keys are ordered by their bytes. */
export function isBehind(name: string, other: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(other)) > 0;
}
