/**
 * Manifests for `kubectl apply`, and their file names.
 *
 * @module
 */
import { hex, sha256, utf8 } from "../../base/bytes.ts";
import { servedDefinition } from "./stored_definition.ts";
import type { StoredObject } from "./stored_object.ts";

/** A manifest, or the reason why there is none. */
export type ExportedManifest =
  | {
    readonly state: "manifest";
    /** `NAMESPACE/KIND.GROUP/NAME.yaml`; the group is left out for the core group. */
    readonly path: string;
    readonly manifest: Readonly<Record<string, unknown>>;
  }
  /** A Secret with the token of a ServiceAccount: the API server that made it alone accepts it. */
  | { readonly state: "token" }
  /** Of a kind that is stored as protobuf and is not decoded. */
  | { readonly state: "protobuf" }
  /** Its metadata are not those of its key in etcd, or of no object of Kubernetes. */
  | { readonly state: "foreign" };

/** Stands for the namespace of objects without one. No namespace begins with an underscore. */
const clusterFolder = "_cluster";

/** Fields of `metadata` that belong to the cluster that wrote them. */
const fieldsOfCluster: readonly string[] = [
  "uid",
  "resourceVersion",
  "managedFields",
  "ownerReferences",
  "creationTimestamp",
  "generation",
  "selfLink",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
];

const namespaceForm = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const kindForm = /^[A-Za-z][A-Za-z0-9]{0,62}$/;
const groupForm = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const versionForm = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Wider than a DNS name, for kinds that take any segment of a path: `system:node`, and `v1.` of an APIService. */
const nameForm = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$/;

/** The kind as kubectl names it: `Secret`, `Deployment.apps`. */
export function kindOf({ apiVersion, kind }: Pick<StoredObject, "apiVersion" | "kind">): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? kind : `${kind}.${apiVersion.slice(0, slash)}`;
}

/**
 * The manifest of an object, without the fields that its cluster set.
 *
 * @param key of the object in etcd, which ends with namespace and name.
 */
export function exportedManifest(key: string, object: StoredObject): ExportedManifest {
  const { apiVersion, kind, manifest } = object;
  if (manifest === undefined) return { state: "protobuf" };
  const { metadata } = manifest;
  if (!isMapping(metadata)) return { state: "foreign" };
  const path = pathOf(key, object, metadata);
  if (path === undefined) return { state: "foreign" };
  if (apiVersion === "v1" && kind === "Secret" && manifest["type"] === "kubernetes.io/service-account-token") {
    return { state: "token" };
  }
  const kept = Object.fromEntries(Object.entries(metadata).filter(([name]) => !fieldsOfCluster.includes(name)));
  return { state: "manifest", path, manifest: servedDefinition({ ...manifest, metadata: kept }) };
}

function pathOf(
  key: string,
  object: Pick<StoredObject, "apiVersion" | "kind">,
  { namespace = "", name }: Readonly<Record<string, unknown>>,
): string | undefined {
  if (typeof namespace !== "string" || typeof name !== "string" || !nameForm.test(name)) return undefined;
  if (namespace !== "" && !namespaceForm.test(namespace)) return undefined;
  if (!hasSafeType(object)) return undefined;
  if (!key.endsWith(namespace === "" ? `/${name}` : `/${namespace}/${name}`)) return undefined;
  return `${namespace === "" ? clusterFolder : namespace}/${segment(kindOf(object))}/${segment(name, ".yaml")}`;
}

function hasSafeType({ apiVersion, kind }: Pick<StoredObject, "apiVersion" | "kind">): boolean {
  const parts = apiVersion.split("/");
  const version = parts.at(-1) ?? "";
  const isGrouped = parts.length === 2 && groupForm.test(parts[0] ?? "");
  return kindForm.test(kind) && versionForm.test(version) && (parts.length === 1 || isGrouped);
}

/** Maximum length of a file name on Linux, in bytes. */
const maxFileName = 255;

/** A file name; a text that is too long is cut, with its SHA-256 behind it. */
function segment(text: string, ending = ""): string {
  if (text.length + ending.length <= maxFileName) return text + ending;
  const digest = hex(sha256(utf8(text)));
  return `${text.slice(0, maxFileName - ending.length - digest.length - 1)}~${digest}${ending}`;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
