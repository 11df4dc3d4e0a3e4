/**
 * Roles and bindings of RBAC, as the API server's group `rbac.authorization.k8s.io/v1` and `kubectl get -o json` give them.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { field } from "../../net/https/fields.ts";

/** A rule on resources; one on other URLs gives no access to objects and is left out. */
export interface RbacRule {
  readonly verbs: readonly string[];
  /** `""` is the core group. */
  readonly apiGroups: readonly string[];
  /** Resources and subresources, for instance `pods/exec`. */
  readonly resources: readonly string[];
  /** Empty: every object. */
  readonly resourceNames: readonly string[];
}

/** The kinds of {@linkcode RbacObjects}. */
export const rbacKinds = ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"] as const;

/** One of {@linkcode rbacKinds}. */
export type RbacKind = typeof rbacKinds[number];

/** A Role or a ClusterRole. The rules of an aggregated ClusterRole are those that its controller has stored. */
export interface RbacRole {
  readonly kind: "Role" | "ClusterRole";
  readonly name: string;
  /** `undefined` for a ClusterRole. */
  readonly namespace: string | undefined;
  readonly rules: readonly RbacRule[];
}

/** A user, a group or a ServiceAccount. */
export interface RbacSubject {
  readonly kind: "User" | "Group" | "ServiceAccount";
  readonly name: string;
  /** `undefined` for users and groups. */
  readonly namespace: string | undefined;
}

/** A RoleBinding or a ClusterRoleBinding. */
export interface RbacBinding {
  readonly kind: "RoleBinding" | "ClusterRoleBinding";
  readonly name: string;
  /** `undefined` for a ClusterRoleBinding. */
  readonly namespace: string | undefined;
  readonly role: Pick<RbacRole, "kind" | "name">;
  readonly subjects: readonly RbacSubject[];
  /** Whether it has the label of those that the API server makes at its start. */
  readonly isDefault: boolean;
}

/** All roles and bindings of a cluster. */
export interface RbacObjects {
  readonly roles: readonly RbacRole[];
  readonly bindings: readonly RbacBinding[];
}

/**
 * Reads a list of objects of any kinds. Other kinds than {@linkcode rbacKinds} are left out.
 *
 * @param document parsed JSON.
 * @param source its name in messages.
 * @param kind the kind of items that have none, as in a list of one resource.
 * @throws {KmsError} `config` if it is no list, or if a role or a binding is not of its form: access would be overlooked.
 */
export function readRbac(document: unknown, source: string, kind?: RbacKind): RbacObjects {
  const items = field(document, "items");
  if (!Array.isArray(items)) throw new KmsError("config", `${source} is no list of Kubernetes objects in JSON.`);
  const roles: RbacRole[] = [];
  const bindings: RbacBinding[] = [];
  for (const [at, item] of items.entries()) {
    const reader = new ItemReader(item, `${source}: items[${at}]`);
    const named = field(item, "kind") ?? kind;
    if (named === "Role" || named === "ClusterRole") roles.push(reader.role(named));
    if (named === "RoleBinding" || named === "ClusterRoleBinding") bindings.push(reader.binding(named));
  }
  return { roles, bindings };
}

const rbacGroup = "rbac.authorization.k8s.io";
const defaultLabel = "kubernetes.io/bootstrapping";

/** One item, and its place in messages. */
class ItemReader {
  readonly #item: unknown;
  readonly #place: string;

  constructor(item: unknown, place: string) {
    this.#item = item;
    this.#place = place;
  }

  role(kind: RbacRole["kind"]): RbacRole {
    const rules = this.#list(this.#item, "rules").map((rule) => ({
      verbs: this.#texts(rule, "verbs"),
      apiGroups: this.#texts(rule, "apiGroups"),
      resources: this.#texts(rule, "resources"),
      resourceNames: this.#texts(rule, "resourceNames"),
    }));
    return { kind, ...this.#identity(kind === "Role"), rules: rules.filter(({ resources }) => resources.length > 0) };
  }

  binding(kind: RbacBinding["kind"]): RbacBinding {
    const reference = field(this.#item, "roleRef");
    const roleKind = field(reference, "kind");
    if (roleKind !== "Role" && roleKind !== "ClusterRole") return this.#fail("names no Role or ClusterRole in roleRef");
    const labels = field(field(this.#item, "metadata"), "labels");
    const identity = this.#identity(kind === "RoleBinding");
    return {
      kind,
      ...identity,
      role: { kind: roleKind, name: this.#text(reference, "name") },
      subjects: this.#list(this.#item, "subjects").map((subject) => this.#subject(subject, identity.namespace)),
      isDefault: field(labels, defaultLabel) === "rbac-defaults",
    };
  }

  /** @param ofBinding the namespace of a ServiceAccount that names none, as the API server's authorizer takes it. */
  #subject(subject: unknown, ofBinding: string | undefined): RbacSubject {
    const [kind, name] = [field(subject, "kind"), this.#text(subject, "name")];
    if (kind === "ServiceAccount") return { kind, name, namespace: this.#text(subject, "namespace", ofBinding) };
    if (kind === "User" || kind === "Group") return { kind, name, namespace: undefined };
    return this.#fail(`has a subject that is no User, Group or ServiceAccount of ${rbacGroup}`);
  }

  #identity(isNamespaced: boolean) {
    const metadata = field(this.#item, "metadata");
    return {
      name: this.#text(metadata, "name"),
      namespace: isNamespaced ? this.#text(metadata, "namespace") : undefined,
    };
  }

  // The API leaves an empty text out, or gives it as "" or null.
  #text(of: unknown, name: string, otherwise?: string): string {
    const value = field(of, name) ?? "";
    const text = value === "" ? otherwise : value;
    return typeof text === "string" ? text : this.#fail(`has no ${name} where it must have one`);
  }

  // The API leaves an empty list out, or gives it as null.
  #list(of: unknown, name: string): readonly unknown[] {
    const value = field(of, name) ?? [];
    return Array.isArray(value) ? value : this.#fail(`has ${name} that are no list`);
  }

  #texts(of: unknown, name: string): readonly string[] {
    const list = this.#list(of, name);
    const texts = list.filter((one) => typeof one === "string");
    return texts.length === list.length ? texts : this.#fail(`has ${name} that are no texts`);
  }

  #fail(why: string): never {
    throw new KmsError("config", `${this.#place} ${why}.`);
  }
}
