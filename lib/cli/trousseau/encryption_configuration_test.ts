import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { parse } from "yaml";
import { encryptionConfiguration, encryptionDefaults } from "./encryption_configuration.ts";

const socketPath = "/run/trousseau/kms.sock";

/** The providers of a file, as kube-apiserver reads them. */
function providers(text: string): unknown {
  return parse(text).resources[0].providers;
}

Deno.test("encryptionConfiguration() is valid for kube-apiserver with v2", () => {
  deepEqual(parse(encryptionConfiguration({ ...encryptionDefaults, socketPath })), {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [{
      resources: ["secrets", "configmaps"],
      providers: [
        { kms: { apiVersion: "v2", name: "trousseau", endpoint: `unix://${socketPath}`, timeout: "3s" } },
        { identity: {} },
      ],
    }],
  });
});

Deno.test("encryptionConfiguration() adds the cache and the feature gate of v1beta1", () => {
  const text = encryptionConfiguration({ ...encryptionDefaults, socketPath, kmsVersion: "v1beta1", identity: "none" });
  deepEqual(providers(text), [{
    kms: { apiVersion: "v1", name: "trousseau", endpoint: `unix://${socketPath}`, timeout: "3s", cachesize: 1000 },
  }]);
  match(text, /--feature-gates=KMSv1=true/);
  match(text, /k8s:enc:kms:v1:trousseau:/);
});

Deno.test("encryptionConfiguration() puts identity at the requested position", () => {
  const kinds = (identity: "first" | "last" | "none") =>
    (providers(encryptionConfiguration({ ...encryptionDefaults, socketPath, identity })) as Record<string, unknown>[])
      .flatMap((provider) => Object.keys(provider));
  deepEqual(kinds("first"), ["identity", "kms"]);
  deepEqual(kinds("last"), ["kms", "identity"]);
  deepEqual(kinds("none"), ["kms"]);
});

Deno.test("encryptionConfiguration() explains how each resource is rewritten, and omits it without steps", () => {
  const options = { ...encryptionDefaults, socketPath, resources: ["secrets", "widgets.example.com", "*.apps"] };
  const text = encryptionConfiguration(options);
  ok(text.includes("kubectl get widgets.example.com --all-namespaces -o json | kubectl replace -f -"));
  ok(!text.includes("kubectl get *.apps"));
  equal(encryptionConfiguration({ ...options, steps: false }).includes("#"), false);
});

Deno.test("encryptionConfiguration() keeps any name and any path unchanged", () => {
  const printable = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !/[\p{C}\p{Z}:]/u.test(text));
  fc.assert(fc.property(printable, fc.stringMatching(/^\/[a-z#?% é/-]{1,30}$/u), (name, path) => {
    const text = encryptionConfiguration({ ...encryptionDefaults, socketPath: path, name });
    const [{ kms }] = providers(text) as [{ kms: { name: string; endpoint: string } }];
    equal(kms.name, name);
    equal(decodeURIComponent(new URL(kms.endpoint).pathname), path);
  }));
});

for (const word of ["yes", "null", "1e3", "~", "#x", "- a", "'", "true", "0x1f", "a: b"]) {
  Deno.test(`encryptionConfiguration() writes the name ${word} so that YAML reads text`, () => {
    const text = encryptionConfiguration({ ...encryptionDefaults, socketPath, name: word });
    const [{ kms }] = providers(text) as [{ kms: { name: string } }];
    equal(kms.name, word);
  });
}
