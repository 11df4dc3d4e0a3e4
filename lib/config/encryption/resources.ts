/**
 * The resources that can be encrypted. kube-apiserver accepts any other name, and encrypts nothing under it.
 *
 * @module
 */
import { nearest } from "../../base/nearest.ts";
import { parseResource } from "./rules.ts";

/** Resources by group; the core group is `""`. */
export type ResourceTable = ReadonlyMap<string, readonly string[]>;

/**
 * The resources that kube-apiserver 1.36 stores, including alpha and beta APIs, as its discovery names them. `events`
 * of `events.k8s.io` are missing, because they are stored in the core group; some groups store nothing.
 */
const storedNames = {
  "": "configmaps endpoints events limitranges namespaces nodes persistentvolumeclaims persistentvolumes pods " +
    "podtemplates replicationcontrollers resourcequotas secrets serviceaccounts services",
  "admissionregistration.k8s.io": "mutatingadmissionpolicies mutatingadmissionpolicybindings " +
    "mutatingwebhookconfigurations validatingadmissionpolicies validatingadmissionpolicybindings " +
    "validatingwebhookconfigurations",
  "apiextensions.k8s.io": "customresourcedefinitions",
  "apiregistration.k8s.io": "apiservices",
  "authentication.k8s.io": "",
  "authorization.k8s.io": "",
  "apps": "controllerrevisions daemonsets deployments replicasets statefulsets",
  "autoscaling": "horizontalpodautoscalers",
  "batch": "cronjobs jobs",
  "certificates.k8s.io": "certificatesigningrequests clustertrustbundles podcertificaterequests",
  "coordination.k8s.io": "leasecandidates leases",
  "discovery.k8s.io": "endpointslices",
  "flowcontrol.apiserver.k8s.io": "flowschemas prioritylevelconfigurations",
  "internal.apiserver.k8s.io": "storageversions",
  "networking.k8s.io": "ingressclasses ingresses ipaddresses networkpolicies servicecidrs",
  "node.k8s.io": "runtimeclasses",
  "policy": "poddisruptionbudgets",
  "rbac.authorization.k8s.io": "clusterrolebindings clusterroles rolebindings roles",
  "resource.k8s.io": "deviceclasses devicetaintrules resourceclaims resourceclaimtemplates " +
    "resourcepoolstatusrequests resourceslices",
  "scheduling.k8s.io": "podgroups priorityclasses workloads",
  "storage.k8s.io": "csidrivers csinodes csistoragecapacities storageclasses volumeattachments " +
    "volumeattributesclasses",
  "storagemigration.k8s.io": "storageversionmigrations",
} as const satisfies Record<string, string>;

/** The built-in resources of Kubernetes. */
export function builtInResources(): ResourceTable {
  return new Map(
    Object.entries(storedNames).map(([group, names]) => [group, names.split(" ").filter((name) => name !== "")]),
  );
}

/** The finding about a name that is not in a table. */
export interface ResourceDoubt {
  /**
   * `nothing`: nothing is stored under the name. `unknown`: it may be a custom resource, which only a cluster can
   * confirm.
   */
  readonly kind: "nothing" | "unknown";
  /** The name that was probably intended. */
  readonly likely?: string;
}

/**
 * Looks up a name, which can be a wildcard.
 *
 * @param complete whether the table contains the custom resources of the cluster.
 * @returns `undefined` if the table contains it.
 */
export function resourceDoubt(name: string, table: ResourceTable, complete: boolean): ResourceDoubt | undefined {
  const { resource, group } = parseResource(name);
  const stored = table.get(group) ?? [];
  if (group === "*" || (resource === "*" ? stored.length > 0 : stored.includes(resource))) return undefined;
  const near = inGroup(resource, group, table);
  // The group of a custom resource contains a dot (apiextensions.k8s.io, `spec.group` of a CustomResourceDefinition).
  const mayBeCustom = !complete && !table.has(group) && group.includes(".") && near === undefined;
  if (mayBeCustom) return { kind: "unknown" };
  const likely = near ?? anywhere(resource, table);
  return { kind: "nothing", ...(likely === undefined ? {} : { likely }) };
}

/** The name that was probably intended, whatever the reason why this one is wrong. */
export function likelyName(name: string, table: ResourceTable): string | undefined {
  const { resource, group } = parseResource(name);
  return inGroup(resource, group, table) ?? anywhere(resource, table);
}

/** A version, which kubectl puts between resource and group, for instance `deployments.v1.apps`. */
const versionSegment = /^v[1-9][0-9]*(?:(?:alpha|beta)[1-9][0-9]*)?(?:\.|$)/;

function inGroup(resource: string, group: string, table: ResourceTable): string | undefined {
  const meant = group.replace(versionSegment, "");
  // In the core group, a wrong name says nothing about the group: `deployments` is probably not intended to be in it.
  if (meant === "" && group === "") return undefined;
  const found = table.has(meant) ? meant : nearest(meant, [...table.keys()]);
  if (found === undefined) return undefined;
  if (resource === "*") return joined("*", found);
  const near = nearest(resource, table.get(found) ?? []);
  return near === undefined ? undefined : joined(near, found);
}

function anywhere(resource: string, table: ResourceTable): string | undefined {
  if (resource === "*") return undefined;
  const near = nearest(resource, [...table.values()].flat());
  const group = [...table].find(([, names]) => near !== undefined && names.includes(near))?.[0];
  return near === undefined || group === undefined ? undefined : joined(near, group);
}

function joined(resource: string, group: string): string {
  return group === "" && resource !== "*" ? resource : `${resource}.${group}`;
}
