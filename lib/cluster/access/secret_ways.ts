/**
 * The permissions that let their holder read Secrets, directly or by one further step.
 *
 * Sources: "Role Based Access Control Good Practices" and "Using RBAC Authorization" of the Kubernetes documentation;
 * `changes` was seen on kube-apiserver 1.36: such a request is answered with the object.
 *
 * @module
 */

/** A permission. */
interface Way {
  /** The effect, as a phrase after `can`. */
  readonly can: string;
  /** Names of resources, `GROUP/RESOURCE`, with `""` for the core group; a subresource follows another slash. */
  readonly resources: readonly string[];
  /** One of these verbs is enough. */
  readonly verbs: readonly string[];
  /** Whether a RoleBinding does not give it, since the resource is in no namespace. */
  readonly clusterWide?: true;
}

/** All permissions, in the order of the report. */
export const secretWays = {
  "read": { can: "read Secrets", resources: ["/secrets"], verbs: ["get", "list", "watch"] },
  "change": {
    can: "change or delete Secrets, which is answered with the object",
    resources: ["/secrets"],
    verbs: ["update", "patch", "delete", "deletecollection"],
  },
  "pods": {
    can: "make pods, which mount any Secret of their namespace, or change the images of those that run",
    resources: ["/pods"],
    verbs: ["create", "update", "patch"],
  },
  "workloads": {
    can: "make or change workloads, whose pods mount any Secret of their namespace",
    resources: [
      "/replicationcontrollers",
      "apps/deployments",
      "apps/replicasets",
      "apps/statefulsets",
      "apps/daemonsets",
      "batch/jobs",
      "batch/cronjobs",
    ],
    verbs: ["create", "update", "patch"],
  },
  "exec": {
    can: "run programs in pods, or read their terminals",
    resources: ["/pods/exec", "/pods/attach"],
    verbs: ["create", "get"],
  },
  "ephemeral-containers": {
    can: "add containers to running pods",
    resources: ["/pods/ephemeralcontainers"],
    verbs: ["update", "patch"],
  },
  "node-proxy": {
    can: "call kubelets, which run programs in every pod",
    resources: ["/nodes/proxy"],
    verbs: ["get", "create", "update", "patch", "delete"],
    clusterWide: true,
  },
  "tokens": {
    can: "make tokens of ServiceAccounts",
    resources: ["/serviceaccounts/token"],
    verbs: ["create"],
  },
  "impersonate-accounts": {
    can: "act as ServiceAccounts",
    resources: ["/serviceaccounts"],
    verbs: ["impersonate"],
  },
  "impersonate": {
    can: "act as users and groups",
    resources: ["/users", "/groups"],
    verbs: ["impersonate"],
    clusterWide: true,
  },
  "escalate": {
    can: "give roles rights that they do not have themselves",
    resources: ["rbac.authorization.k8s.io/roles"],
    verbs: ["escalate"],
  },
  "escalate-cluster": {
    can: "give ClusterRoles rights that they do not have themselves",
    resources: ["rbac.authorization.k8s.io/clusterroles"],
    verbs: ["escalate"],
    clusterWide: true,
  },
  "bind": {
    can: "bind roles that have more rights than they",
    resources: ["rbac.authorization.k8s.io/roles", "rbac.authorization.k8s.io/clusterroles"],
    verbs: ["bind"],
  },
  "admission-webhooks": {
    can: "make or change admission webhooks, to which the API server sends each Secret that is written",
    resources: [
      "admissionregistration.k8s.io/mutatingwebhookconfigurations",
      "admissionregistration.k8s.io/validatingwebhookconfigurations",
    ],
    verbs: ["create", "update", "patch"],
    clusterWide: true,
  },
  "approve-certificates": {
    can: "approve requests for client certificates",
    resources: ["certificates.k8s.io/certificatesigningrequests/approval"],
    verbs: ["update", "patch"],
    clusterWide: true,
  },
  "sign-certificates": {
    can: "sign client certificates",
    resources: ["certificates.k8s.io/certificatesigningrequests/status"],
    verbs: ["update", "patch"],
    clusterWide: true,
  },
} as const satisfies Readonly<Record<string, Way>>;

/** The name of a permission. */
export type SecretWay = keyof typeof secretWays;

/** All rows, each with its name. */
export const namedSecretWays: readonly (Way & { readonly name: SecretWay })[] = Object.entries(secretWays)
  .map(([name, way]) => ({ name: name as SecretWay, ...way }));
