import { deepEqual, equal } from "node:assert/strict";
import { builtInResources } from "../../config/encryption/resources.ts";
import { StoredKeys } from "./stored_key.ts";

const keys = new StoredKeys("/registry", builtInResources());

Deno.test("StoredKeys.read() gives resource, namespace and name", () => {
  const cases = [
    ["/registry/secrets/default/db", "secrets", "default", "db"],
    ["/registry/deployments/a/b", "deployments.apps", "a", "b"],
    ["/registry/minions/node-1", "nodes", "", "node-1"],
    ["/registry/services/specs/a/b", "services", "a", "b"],
    ["/registry/services/endpoints/a/b", "endpoints", "a", "b"],
    ["/registry/controllers/a/b", "replicationcontrollers", "a", "b"],
    ["/registry/ingress/a/b", "ingresses.networking.k8s.io", "a", "b"],
    ["/registry/example.com/widgets/a/b", "widgets.example.com", "a", "b"],
    ["/registry/example.com/clusterwidgets/b", "clusterwidgets.example.com", "", "b"],
    ["/registry/apiregistration.k8s.io/apiservices/v1.apps", "apiservices.apiregistration.k8s.io", "", "v1.apps"],
    ["/registry/ranges/serviceips", "ranges", "", "serviceips"],
    ["/registry/masterleases/10.0.0.1", "masterleases", "", "10.0.0.1"],
    ["/registry/somethingnew/a/b", "somethingnew", "a", "b"],
  ] as const;
  for (const [key, resource, namespace, name] of cases) deepEqual(keys.read(key), { resource, namespace, name }, key);
});

Deno.test("StoredKeys.read() reads nothing outside of the prefix", () => {
  for (const key of ["/registry2/secrets/a/b", "compact_rev_key", "/other/secrets/a/b"]) {
    equal(keys.read(key), undefined);
  }
});

Deno.test("StoredKeys.read() takes another prefix, with a slash at its end or without", () => {
  for (const prefix of ["/prod/eu", "/prod/eu/"]) {
    const { resource } = new StoredKeys(prefix, builtInResources()).read("/prod/eu/secrets/a/b") ?? {};
    equal(resource, "secrets");
  }
});
