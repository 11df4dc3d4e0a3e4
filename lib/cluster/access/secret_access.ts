/**
 * Computes from roles and bindings the subjects that can read Secrets, and the path that gives it to each.
 *
 * @module
 */
import type { RbacBinding, RbacObjects, RbacRole, RbacRule, RbacSubject } from "./rbac.ts";
import { namedSecretWays, type SecretWay } from "./secret_ways.ts";

/** One permission of one subject by one path. */
export interface SecretAccess {
  /** `Group NAME`, `User NAME` or `ServiceAccount NAMESPACE/NAME`. */
  readonly subject: string;
  /** The namespace in which it holds; `*` for all of them and for what is in none. */
  readonly namespace: string;
  readonly way: SecretWay;
  /** The resources of the way that the role has, `GROUP/RESOURCE`. */
  readonly resources: readonly string[];
  /** The verbs of the way that the role has. */
  readonly verbs: readonly string[];
  /** The only objects on which it holds; empty: all. */
  readonly names: readonly string[];
  /** `RoleBinding NAMESPACE/NAME` or `ClusterRoleBinding NAME`. */
  readonly binding: string;
  /** `Role NAMESPACE/NAME` or `ClusterRole NAME`. */
  readonly role: string;
  /** Whether Kubernetes itself binds one of its own components so. */
  readonly builtIn: boolean;
}

/** The result of an analysis. */
export interface SecretAccessReport {
  /** In order of subject, namespace and way. */
  readonly access: readonly SecretAccess[];
  /** Bindings whose role does not exist: they give nothing until it does. */
  readonly dangling: readonly string[];
}

/** Analyses all roles and bindings of a cluster. */
export function secretAccess({ roles, bindings }: RbacObjects): SecretAccessReport {
  const known = new Map(roles.map((role) => [roleId(role), role]));
  const dangling: string[] = [];
  const access = bindings.flatMap((binding) => {
    const role = known.get(roleIdOf(binding));
    if (role === undefined) dangling.push(bindingId(binding));
    return role === undefined ? [] : accessBy(binding, role);
  });
  return { access: access.toSorted(byPlace), dangling: dangling.toSorted() };
}

function accessBy(binding: RbacBinding, role: RbacRole): readonly SecretAccess[] {
  const subjects = [...new Map(binding.subjects.map((subject) => [subjectId(subject), subject])).values()];
  return given(role, binding.kind === "ClusterRoleBinding").flatMap((right) =>
    subjects.map((subject) => ({
      subject: subjectId(subject),
      namespace: binding.namespace ?? "*",
      ...right,
      binding: bindingId(binding),
      role: roleId(role),
      builtIn: binding.isDefault && isComponent(subject),
    }))
  );
}

type Right = Pick<SecretAccess, "way" | "resources" | "verbs" | "names">;

/** The permissions of a role: for each way one for each set of objects and verbs that its resources have. */
function given(role: RbacRole, isClusterWide: boolean): readonly Right[] {
  const possible = namedSecretWays.filter((way) => isClusterWide || way.clusterWide !== true);
  return possible.flatMap(({ name: way, resources, verbs }) => {
    const found = new Map<string, Right & { readonly resources: string[] }>();
    for (const resource of resources) {
      for (const [key, names] of objectsOf(role)) {
        const rules = role.rules.filter((rule) => keyOf(rule) === key && hasResource(rule, resource));
        const permitted = verbs.filter((verb) => rules.some((rule) => hasVerb(rule, verb, resource)));
        if (permitted.length === 0) continue;
        const id = JSON.stringify([names, permitted]);
        const right = found.get(id) ?? { way, resources: [], verbs: permitted, names };
        right.resources.push(resource);
        found.set(id, right);
      }
    }
    return [...found.values()];
  });
}

/** The different sets of names in the rules of a role; the empty set is all objects. */
function objectsOf({ rules }: RbacRole): ReadonlyMap<string, readonly string[]> {
  return new Map(rules.map((rule) => [keyOf(rule), sortedNames(rule)]));
}

function keyOf(rule: RbacRule): string {
  return JSON.stringify(sortedNames(rule));
}

function sortedNames({ resourceNames }: RbacRule): readonly string[] {
  return [...new Set(resourceNames)].toSorted();
}

/** As the API server compares: `*` is everything, `*`/SUBRESOURCE that subresource of everything. */
function hasResource({ apiGroups, resources }: RbacRule, wanted: string): boolean {
  const [group = "", name = "", subresource] = wanted.split("/");
  if (!apiGroups.includes("*") && !apiGroups.includes(group)) return false;
  const whole = subresource === undefined ? name : `${name}/${subresource}`;
  return resources.includes("*") || resources.includes(whole) ||
    (subresource !== undefined && resources.includes(`*/${subresource}`));
}

function hasVerb({ verbs, resourceNames }: RbacRule, verb: string, resource: string): boolean {
  if (!verbs.includes("*") && !verbs.includes(verb)) return false;
  // A request to a subresource names its object, and one that creates an object does not: no rule with names permits it.
  const isNameless = verb === "create" && resource.split("/").length < 3;
  return resourceNames.length === 0 || !isNameless;
}

/** Groups and users that are no component: everybody, or many. */
const wide = /^system:(anonymous|unauthenticated|authenticated|serviceaccounts(:.*)?)$/;

/** Whether a subject has a name of the control plane or of a node. */
function isComponent({ kind, name, namespace }: RbacSubject): boolean {
  if (kind === "ServiceAccount") return namespace === "kube-system";
  return name.startsWith("system:") && !wide.test(name);
}

/** The API server knows a ServiceAccount by the name of a user, and takes either for the same. */
function subjectId({ kind, name, namespace }: RbacSubject): string {
  const [, of, account] = kind === "User" ? /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? [] : [];
  if (of !== undefined && account !== undefined) return `ServiceAccount ${of}/${account}`;
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

function bindingId({ kind, name, namespace }: RbacBinding): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

function roleId({ kind, name, namespace }: RbacRole): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

function roleIdOf({ role, namespace }: RbacBinding): string {
  return role.kind === "Role" ? `${role.kind} ${namespace ?? ""}/${role.name}` : `${role.kind} ${role.name}`;
}

function byPlace(a: SecretAccess, b: SecretAccess): number {
  const [one, other] = [a, b].map(({ subject, namespace, binding }) => [subject, namespace, binding].join("\n"));
  return one === other ? 0 : (one ?? "") < (other ?? "") ? -1 : 1;
}
