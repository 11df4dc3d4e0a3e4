import { deepEqual, equal } from "node:assert/strict";
import { builtInResources, likelyName, resourceDoubt } from "./resources.ts";

const table = builtInResources();

for (const name of ["secrets", "events", "deployments.apps", "*.", "*.*", "*.apps", "leases.coordination.k8s.io"]) {
  Deno.test(`resourceDoubt() is undefined for ${name}`, () => equal(resourceDoubt(name, table, false), undefined));
}

const nothing: readonly (readonly [name: string, likely: string | undefined])[] = [
  ["secretz", "secrets"],
  ["secret", "secrets"],
  ["deployments", "deployments.apps"],
  ["deployment", "deployments.apps"],
  ["deployment.apps", "deployments.apps"],
  ["deployments.app", "deployments.apps"],
  ["deployments.v1.apps", "deployments.apps"],
  ["deployments.batch", "deployments.apps"],
  ["secrets.v1", "secrets"],
  ["ingresses", "ingresses.networking.k8s.io"],
  ["roles.rbac", "roles.rbac.authorization.k8s.io"],
  ["*.app", "*.apps"],
  ["*.v1", "*."],
  // Only created as requests, never stored.
  ["tokenreviews.authentication.k8s.io", undefined],
  ["zzzzzz", undefined],
];

for (const [name, likely] of nothing) {
  Deno.test(`resourceDoubt() reports that ${name} stores nothing, likely ${likely}`, () => {
    deepEqual(resourceDoubt(name, table, false), { kind: "nothing", ...(likely === undefined ? {} : { likely }) });
  });
}

Deno.test("resourceDoubt() leaves a custom resource open without the cluster's own list", () => {
  for (const name of ["widgets.example.com", "*.example.com", "volumesnapshots.snapshot.storage.k8s.io"]) {
    equal(resourceDoubt(name, table, false)?.kind, "unknown", name);
    equal(resourceDoubt(name, table, true)?.kind, "nothing", name);
  }
  const cluster = new Map([...table, ["example.com", ["widgets"]]]);
  equal(resourceDoubt("widgets.example.com", cluster, true), undefined);
  equal(resourceDoubt("*.example.com", cluster, true), undefined);
  equal(resourceDoubt("widget.example.com", cluster, true)?.likely, "widgets.example.com");
});

Deno.test("likelyName() finds the new group of a moved resource", () => {
  equal(likelyName("ingresses.extensions", table), "ingresses.networking.k8s.io");
  equal(likelyName("deployments.extensions", table), "deployments.apps");
  equal(likelyName("events.events.k8s.io", table), "events");
});
