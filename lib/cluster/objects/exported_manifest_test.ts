import { deepEqual, equal, match, ok } from "node:assert/strict";
import * as fc from "fast-check";
import { exportedManifest, kindOf } from "./exported_manifest.ts";
import type { StoredObject } from "./stored_object.ts";

function object(apiVersion: string, kind: string, manifest: Readonly<Record<string, unknown>>): StoredObject {
  return { apiVersion, kind, manifest: { apiVersion, kind, ...manifest } };
}

const secret = object("v1", "Secret", { metadata: { name: "db", namespace: "default" }, data: { a: "Yg==" } });

/** The path of an object, or the reason why there is none. */
function pathOf(key: string, one: StoredObject): string {
  const exported = exportedManifest(key, one);
  return exported.state === "manifest" ? exported.path : exported.state;
}

Deno.test("exportedManifest() leaves out what the cluster set, and keeps all else", () => {
  const metadata = {
    name: "w",
    namespace: "a",
    labels: { uid: "stays" },
    annotations: { b: "c" },
    finalizers: ["e.io/f"],
    uid: "1",
    resourceVersion: "2",
    managedFields: [{}],
    ownerReferences: [{}],
    creationTimestamp: "2023-11-14T22:13:20Z",
    generation: 3,
    selfLink: "/x",
    deletionTimestamp: "2023-11-14T22:13:20Z",
    deletionGracePeriodSeconds: 0,
  };
  const widget = object("e.io/v1", "Widget", { metadata, spec: { uid: "stays" } });
  deepEqual(exportedManifest("/registry/e.io/widgets/a/w", widget), {
    state: "manifest",
    path: "a/Widget.e.io/w.yaml",
    manifest: {
      apiVersion: "e.io/v1",
      kind: "Widget",
      metadata: {
        name: "w",
        namespace: "a",
        labels: { uid: "stays" },
        annotations: { b: "c" },
        finalizers: ["e.io/f"],
      },
      spec: { uid: "stays" },
    },
  });
});

Deno.test("exportedManifest() tells what has no manifest", () => {
  const key = "/registry/secrets/default/db";
  equal(exportedManifest(key, { apiVersion: "v1", kind: "Pod", protobuf: new Uint8Array(1) }).state, "protobuf");
  const token = { ...secret.manifest, type: "kubernetes.io/service-account-token" };
  equal(exportedManifest(key, { ...secret, manifest: token }).state, "token");
  for (const metadata of [undefined, null, [], "db", {}, { name: 1 }, { name: "db", namespace: null }]) {
    equal(exportedManifest(key, { ...secret, manifest: { metadata } }).state, "foreign", JSON.stringify(metadata));
  }
});

Deno.test("exportedManifest() refuses metadata that are not those of the key", () => {
  equal(pathOf("/registry/secrets/default/db", secret), "default/Secret/db.yaml");
  for (const key of ["/registry/secrets/other/db", "/registry/secrets/default/db2", "/registry/secrets/db"]) {
    equal(pathOf(key, secret), "foreign", key);
  }
});

Deno.test("exportedManifest() has a folder for objects without a namespace, and names that no DNS name has", () => {
  const apiService = object("apiregistration.k8s.io/v1", "APIService", { metadata: { name: "v1." } });
  equal(
    pathOf("/registry/apiregistration.k8s.io/apiservices/v1.", apiService),
    "_cluster/APIService.apiregistration.k8s.io/v1..yaml",
  );
  const group = "g".repeat(253);
  const long = object(`${group}/v1`, "K".repeat(63), { metadata: { name: "n".repeat(253) } });
  for (const segment of pathOf(`/registry/x/${"n".repeat(253)}`, long).split("/").slice(1)) {
    equal(segment.length, 255);
    match(segment, /~[0-9a-f]{64}(\.yaml)?$/);
  }
  equal(kindOf(long), `${"K".repeat(63)}.${group}`);
});

Deno.test("exportedManifest() gives paths that stay below the folder of the archive", () => {
  const part = fc.oneof(
    fc.constantFrom("..", ".", "", "/", "a/b", "../x", "-rf", "a\nb", "A", "ok", "v1", "\u0000", "~", "ä", "C:"),
    fc.string(),
  );
  fc.assert(fc.property(part, part, part, part, (namespace, name, apiVersion, kind) => {
    const path = pathOf(
      namespace === "" ? `/${name}` : `/${namespace}/${name}`,
      object(apiVersion, kind, { metadata: namespace === "" ? { name } : { namespace, name } }),
    );
    if (path === "foreign") return;
    const segments = path.split("/");
    equal(segments.length, 3, path);
    for (const segment of segments) {
      match(segment, /^[A-Za-z0-9_][A-Za-z0-9._:~-]*$/);
      ok(segment !== "." && segment !== ".." && segment.length <= 255, segment);
    }
  }));
});
