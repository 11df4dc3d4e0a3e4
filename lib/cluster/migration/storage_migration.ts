/**
 * Objects of the kind StorageVersionMigration, by which kube-controller-manager has every object of a resource written
 * again.
 *
 * Their form is that of `storagemigration.k8s.io/v1beta1` in k8s.io/api 0.36.3, and of `v1` in 0.37.2.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../base/bytes.ts";
import { field } from "../../net/https/fields.ts";
import type { ApiResource } from "../apiserver/api_resources.ts";
import { resourceId } from "../rewrite/object_names.ts";
import { cutBeforeValue } from "../rewrite/object_patch.ts";

/** The API group. */
export const migrationGroup = "storagemigration.k8s.io";

/** The plural name of the resource. */
export const migrationResource = "storageversionmigrations";

/** Versions with this form, the best one first. That of 1.30 to 1.34, v1alpha1, has another one. */
export const migrationVersions = ["v1", "v1beta1"] as const;

/** One of {@linkcode migrationVersions}. */
export type MigrationVersion = typeof migrationVersions[number];

/** `waiting`: it has no condition that counts, so that no controller has begun with it. */
export type MigrationState = "waiting" | "running" | "succeeded" | "failed";

/** A migration as the API server has it. */
export interface StorageMigration {
  readonly name: string;
  readonly uid: string;
  /** The resource that is migrated, as in {@linkcode resourceId}. */
  readonly resource: string;
  /** The label with the key ID, if this command made the migration. */
  readonly keyLabel: string | undefined;
  readonly state: MigrationState;
  /** The message of the condition, cut before a value; `""` if it has none. */
  readonly message: string;
}

const prefix = "trousseau-rewrite";
const managerLabel = "app.kubernetes.io/managed-by";
const keyIdLabel = "rewrite.trousseau/key-id";

/** Maximum length of a name in characters (RFC 1123 subdomain). */
const maxName = 253;

/** The name of the migration of a resource, the same in each run. */
export function migrationName(resource: string): string {
  const name = `${prefix}-${resource}`;
  return name.length <= maxName ? name : `${prefix}-${sha256Hex(utf8(resource)).slice(0, 32)}`;
}

/** The label for a key ID, whose own text is no valid label in general. */
export function keyLabelOf(keyId: string): string {
  return sha256Hex(utf8(keyId)).slice(0, 32);
}

/** The object for a request that creates a migration. */
export function newMigration(version: MigrationVersion, resource: ApiResource, keyLabel: string): unknown {
  return {
    apiVersion: `${migrationGroup}/${version}`,
    kind: "StorageVersionMigration",
    metadata: {
      name: migrationName(resourceId(resource)),
      labels: { [managerLabel]: prefix, [keyIdLabel]: keyLabel },
    },
    spec: { resource: { group: resource.group, resource: resource.name } },
  };
}

/** Parses an object; `undefined` if it is no migration. */
export function readMigration(value: unknown): StorageMigration | undefined {
  const [metadata, spec] = [field(value, "metadata"), field(field(value, "spec"), "resource")];
  const [name, uid, labels] = ["name", "uid", "labels"].map((key) => field(metadata, key));
  const [group, resource] = [field(spec, "group") ?? "", field(spec, "resource")];
  if (typeof name !== "string" || typeof uid !== "string") return undefined;
  if (typeof group !== "string" || typeof resource !== "string") return undefined;
  const keyLabel = field(labels, managerLabel) === prefix ? field(labels, keyIdLabel) : undefined;
  return {
    name,
    uid,
    resource: resourceId({ group, name: resource }),
    keyLabel: typeof keyLabel === "string" ? keyLabel : undefined,
    ...conditionIn(field(field(value, "status"), "conditions")),
  };
}

/** The conditions in the order in which they count: a migration that has ended may be called running for a moment. */
const conditionStates = [["Failed", "failed"], ["Succeeded", "succeeded"], ["Running", "running"]] as const;

function conditionIn(conditions: unknown): Pick<StorageMigration, "state" | "message"> {
  const all = Array.isArray(conditions) ? conditions : [];
  for (const [type, state] of conditionStates) {
    const found = all.find((one) => field(one, "type") === type && field(one, "status") === "True");
    if (found === undefined) continue;
    const message = field(found, "message");
    return { state, message: typeof message === "string" ? cutBeforeValue(message) : "" };
  }
  return { state: "waiting", message: "" };
}

/** Whether a controller has ended its work. */
export function isFinished({ state }: Pick<StorageMigration, "state">): boolean {
  return state === "succeeded" || state === "failed";
}
