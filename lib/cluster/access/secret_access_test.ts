import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { readRbac } from "./rbac.ts";
import { secretAccess } from "./secret_access.ts";
import { namedSecretWays } from "./secret_ways.ts";

type Rule = { verbs: string[]; apiGroups: string[]; resources: string[]; resourceNames?: string[] };

const group = "rbac.authorization.k8s.io";
const anna = { kind: "User", name: "anna", apiGroup: group };

function role(name: string, rules: readonly Rule[] | null, namespace?: string) {
  return { kind: namespace === undefined ? "ClusterRole" : "Role", metadata: { name, namespace }, rules };
}

function binding(
  name: string,
  roleRef: { kind: string; name: string },
  namespace?: string,
  subjects: unknown = [anna],
) {
  const kind = namespace === undefined ? "ClusterRoleBinding" : "RoleBinding";
  return { kind, metadata: { name, namespace }, roleRef: { apiGroup: group, ...roleRef }, subjects };
}

function report(...items: readonly unknown[]) {
  return secretAccess(readRbac({ kind: "List", items }, "a list"));
}

/** The ways that one rule gives, by a ClusterRoleBinding and by a RoleBinding in `a`. */
function waysOf(rule: Rule) {
  const ref = { kind: "ClusterRole", name: "r" };
  const by = (namespace?: string) =>
    report(role("r", [rule]), binding("b", ref, namespace)).access.map(({ way }) => way);
  return { everywhere: by(), inOne: by("a") };
}

const core = (resources: string[], verbs: string[], resourceNames: string[] = []) => ({
  apiGroups: [""],
  resources,
  verbs,
  resourceNames,
});

Deno.test("secretAccess() gives the subject, the place and the path of a permission", () => {
  const { access, dangling } = report(
    role("reader", [core(["secrets", "pods"], ["get", "watch"])], "a"),
    binding("readers", { kind: "Role", name: "reader" }, "a"),
    binding("lost", { kind: "Role", name: "reader" }, "b"),
  );
  deepEqual(access, [{
    subject: "User anna",
    namespace: "a",
    way: "read",
    resources: ["/secrets"],
    verbs: ["get", "watch"],
    names: [],
    binding: "RoleBinding a/readers",
    role: "Role a/reader",
    builtIn: false,
  }]);
  deepEqual(dangling, ["RoleBinding b/lost"]);
});

Deno.test("secretAccess() finds each way by each of its resources and verbs alone", () => {
  for (const way of namedSecretWays) {
    for (const resource of way.resources) {
      const [apiGroup = "", ...name] = resource.split("/");
      for (const verb of way.verbs) {
        const { everywhere, inOne } = waysOf({ apiGroups: [apiGroup], resources: [name.join("/")], verbs: [verb] });
        ok(everywhere.includes(way.name), `${way.name} ${resource} ${verb}`);
        equal(inOne.includes(way.name), way.clusterWide !== true, `${way.name} by a RoleBinding`);
      }
    }
  }
});

Deno.test("secretAccess() reads wildcards of groups, resources, subresources and verbs", () => {
  const all = waysOf({ apiGroups: ["*"], resources: ["*"], verbs: ["*"] });
  deepEqual(all.everywhere, namedSecretWays.map(({ name }) => name));
  deepEqual(all.inOne, namedSecretWays.filter((way) => way.clusterWide !== true).map(({ name }) => name));
  deepEqual(waysOf(core(["*"], ["list"])).everywhere, ["read"]);
  deepEqual(waysOf(core(["*/exec"], ["create"])).everywhere, ["exec"]);
  deepEqual(waysOf(core(["pods"], ["*"])).everywhere, ["pods"], "a resource does not include its subresources");
  deepEqual(waysOf({ apiGroups: ["apps"], resources: ["secrets", "pods"], verbs: ["*"] }).everywhere, []);
  deepEqual(waysOf({ apiGroups: [], resources: ["secrets"], verbs: ["get"] }).everywhere, []);
});

Deno.test("secretAccess() finds who can change the image of a running pod, and who is sent the Secrets that are written", () => {
  for (const verb of ["update", "patch"]) {
    deepEqual(waysOf(core(["pods"], [verb], ["web"])), { everywhere: ["pods"], inOne: ["pods"] }, verb);
  }
  deepEqual(waysOf(core(["pods"], ["get", "delete"])), { everywhere: [], inOne: [] });
  for (const resource of ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]) {
    for (const verb of ["create", "update", "patch"]) {
      const rule = { apiGroups: ["admissionregistration.k8s.io"], resources: [resource], verbs: [verb] };
      deepEqual(waysOf(rule), { everywhere: ["admission-webhooks"], inOne: [] }, `${verb} ${resource}`);
    }
  }
});

Deno.test("secretAccess() keeps the names of a rule, which permit nothing to a request without a name", () => {
  const ref = { kind: "ClusterRole", name: "r" };
  const rules = [core(["secrets"], ["get"], ["b", "a", "b"]), core(["pods", "pods/exec"], ["create"], ["p"])];
  const { access } = report(role("r", rules), binding("b", ref));
  deepEqual(access.map(({ way, names }) => [way, names]), [["read", ["a", "b"]], ["exec", ["p"]]]);
});

Deno.test("secretAccess() joins no verb with a resource that does not have it", () => {
  const rules = [
    { apiGroups: ["apps"], resources: ["deployments"], verbs: ["create"] },
    { apiGroups: ["batch"], resources: ["jobs"], verbs: ["patch"] },
  ];
  const { access } = report(role("r", rules), binding("b", { kind: "ClusterRole", name: "r" }));
  deepEqual(access.map(({ resources, verbs }) => [resources, verbs]), [
    [["apps/deployments"], ["create"]],
    [["batch/jobs"], ["patch"]],
  ]);
});

Deno.test("secretAccess() tells components of Kubernetes apart from everybody and from whom an operator binds", () => {
  const subjects = [
    anna,
    { kind: "Group", name: "system:masters" },
    { kind: "Group", name: "system:authenticated" },
    { kind: "User", name: "system:kube-scheduler" },
    { kind: "ServiceAccount", name: "job-controller", namespace: "kube-system" },
    { kind: "ServiceAccount", name: "default", namespace: "a" },
  ];
  const bound = binding("admin", { kind: "ClusterRole", name: "r" }, undefined, subjects);
  const labels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
  const builtIn = (item: unknown) =>
    report(role("r", [core(["secrets"], ["get"])]), item).access.filter((one) => one.builtIn).map((one) => one.subject);
  deepEqual(builtIn({ ...bound, metadata: { name: "admin", labels } }), [
    "Group system:masters",
    "ServiceAccount kube-system/job-controller",
    "User system:kube-scheduler",
  ]);
  deepEqual(builtIn(bound), []);
});

Deno.test("secretAccess() takes a ServiceAccount and the user of its name for one subject", () => {
  const subjects = [
    { kind: "User", name: "system:serviceaccount:a:b" },
    { kind: "ServiceAccount", name: "b", namespace: "a" },
  ];
  const { access } = report(
    role("r", [core(["secrets"], ["get"])]),
    binding("b", { kind: "ClusterRole", name: "r" }, undefined, subjects),
  );
  deepEqual(access.map(({ subject }) => subject), ["ServiceAccount a/b"]);
});

Deno.test("readRbac() takes the namespace of a RoleBinding for its ServiceAccounts that name none, as the API server does", () => {
  const accounts = [
    { kind: "ServiceAccount", name: "default" },
    { kind: "ServiceAccount", name: "ci", namespace: "" },
    {
      kind: "ServiceAccount",
      name: "ci",
      namespace: "b",
    },
  ];
  const { access } = report(
    role("r", [core(["secrets"], ["get"])]),
    binding("b", { kind: "ClusterRole", name: "r" }, "shop", accounts),
  );
  deepEqual(access.map(({ subject }) => subject), [
    "ServiceAccount b/ci",
    "ServiceAccount shop/ci",
    "ServiceAccount shop/default",
  ]);
});

Deno.test("readRbac() refuses what it would overlook, and passes over other kinds", () => {
  for (
    const [item, why] of [
      [{ kind: "Role", metadata: { name: "r" } }, /items\[0\] has no namespace/],
      [{ kind: "ClusterRole", metadata: {} }, /items\[0\] has no name/],
      [role("r", { length: 1 } as never), /rules that are no list/],
      [role("r", [core(["secrets"], [1 as never])]), /verbs that are no texts/],
      [binding("b", { kind: "Other", name: "r" }), /no Role or ClusterRole/],
      [binding("b", { kind: "ClusterRole", name: "r" }, undefined, [{ kind: "Robot", name: "r" }]), /no User, Group/],
      [
        binding("b", { kind: "ClusterRole", name: "r" }, undefined, [{ kind: "ServiceAccount", name: "r" }]),
        /namespace/,
      ],
      [
        binding("b", { kind: "ClusterRole", name: "r" }, "a", [{ kind: "ServiceAccount", name: "r", namespace: 1 }]),
        /namespace/,
      ],
    ] as const
  ) throws(() => readRbac({ items: [item] }, "a.json"), { code: "config", message: why });
  for (const document of [undefined, null, 1, [], {}, { items: {} }]) {
    throws(() => readRbac(document, "a.json"), { code: "config", message: /^a\.json is no list/ });
  }
  deepEqual(readRbac({ items: [null, 1, { kind: "Secret" }, role("r", null)] }, "a"), {
    roles: [{ kind: "ClusterRole", name: "r", namespace: undefined, rules: [] }],
    bindings: [],
  });
});

Deno.test("readRbac() and secretAccess() end with a report or a sentence for any JSON", () => {
  fc.assert(fc.property(fc.array(fc.jsonValue()), fc.constantFrom("Role", "RoleBinding", undefined), (items, kind) => {
    try {
      secretAccess(readRbac({ items }, "a", kind as "Role"));
    } catch (thrown) {
      equal((thrown as { code?: unknown }).code, "config");
    }
  }));
});

const word = fc.constantFrom("*", "", "secrets", "pods", "pods/exec", "*/exec", "get", "list", "create", "apps", "a");
const words = fc.array(word, { maxLength: 3 });
const anyRule = fc.record({ verbs: words, apiGroups: words, resources: words, resourceNames: words });

Deno.test("secretAccess() never loses access by a further rule, and depends on no order", () => {
  const ref = { kind: "ClusterRole", name: "r" };
  const atoms = (rules: readonly Rule[]) =>
    new Set(
      report(role("r", rules), binding("b", ref)).access.flatMap(({ way, resources, verbs, names }) =>
        resources.flatMap((resource) => verbs.map((verb) => JSON.stringify([way, resource, verb, names])))
      ),
    );
  fc.assert(fc.property(fc.array(anyRule, { maxLength: 4 }), anyRule, (rules, more) => {
    const [before, after] = [atoms(rules), atoms([...rules, more])];
    ok(before.isSubsetOf(after));
    deepEqual(after, atoms([more, ...rules.toReversed()]).union(after));
    deepEqual(after.size, atoms([more, ...rules.toReversed()]).size);
  }));
});
