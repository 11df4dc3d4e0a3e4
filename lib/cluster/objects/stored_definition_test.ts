import { deepEqual, equal } from "node:assert/strict";
import * as fc from "fast-check";
import { servedDefinition } from "./stored_definition.ts";

const head = { kind: "CustomResourceDefinition", metadata: { name: "widgets.e.io" } };
const names = { kind: "Widget", plural: "widgets" };
const schema = { openAPIV3Schema: { type: "object" } };

Deno.test("servedDefinition() gives each version what all share in v1beta1", () => {
  const stored = {
    apiVersion: "apiextensions.k8s.io/v1beta1",
    ...head,
    spec: {
      group: "e.io",
      names,
      scope: "Namespaced",
      version: "v1",
      validation: schema,
      subresources: { status: {} },
      additionalPrinterColumns: [{ name: "Age", type: "date", JSONPath: ".metadata.creationTimestamp" }],
      versions: [{ name: "v1", served: true, storage: true }, { name: "v2", served: true, storage: false }],
      conversion: {
        strategy: "Webhook",
        webhookClientConfig: { url: "https://127.0.0.1" },
        conversionReviewVersions: ["v1"],
      },
      preserveUnknownFields: false,
    },
    status: { storedVersions: ["v1"] },
  };
  const version = {
    served: true,
    schema,
    subresources: { status: {} },
    additionalPrinterColumns: [{ name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" }],
  };
  deepEqual(servedDefinition(stored), {
    apiVersion: "apiextensions.k8s.io/v1",
    ...head,
    spec: {
      group: "e.io",
      names,
      scope: "Namespaced",
      versions: [{ name: "v1", storage: true, ...version }, { name: "v2", storage: false, ...version }],
      conversion: {
        strategy: "Webhook",
        webhook: { clientConfig: { url: "https://127.0.0.1" }, conversionReviewVersions: ["v1"] },
      },
    },
  });
});

Deno.test("servedDefinition() keeps what a version has of its own, and what v1 would refuse", () => {
  const own = { name: "v1", schema: { openAPIV3Schema: { type: "string" } } };
  const spec = { validation: schema, versions: [own], preserveUnknownFields: true, conversion: { strategy: "None" } };
  const { spec: served } = servedDefinition({ apiVersion: "apiextensions.k8s.io/v1beta1", ...head, spec });
  deepEqual(served, { versions: [own], preserveUnknownFields: true, conversion: { strategy: "None" } });
});

Deno.test("servedDefinition() changes nothing else", () => {
  const v1 = { apiVersion: "apiextensions.k8s.io/v1", ...head, spec: { names } };
  deepEqual(servedDefinition({ ...v1, status: {} }), v1);
  const widget = { apiVersion: "e.io/v1beta1", kind: "Widget", spec: { validation: 1 }, status: {} };
  equal(servedDefinition(widget), widget);
});

Deno.test("servedDefinition() is total", () => {
  fc.assert(fc.property(fc.jsonValue(), (spec) => {
    const { apiVersion } = servedDefinition({ apiVersion: "apiextensions.k8s.io/v1beta1", ...head, spec });
    equal(apiVersion, "apiextensions.k8s.io/v1");
  }));
});
