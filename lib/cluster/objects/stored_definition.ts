/**
 * CustomResourceDefinitions: kube-apiserver stores them as `apiextensions.k8s.io/v1beta1`, which it serves no more.
 *
 * Source: the conversions of `k8s.io/apiextensions-apiserver` 0.36. Of v1beta1, schema, subresources and columns that all
 * versions share stand beside the list of versions.
 *
 * @module
 */

/** A mapping of a manifest. */
type Mapping = Readonly<Record<string, unknown>>;

const group = "apiextensions.k8s.io";

/** The fields of `spec` that all versions share in v1beta1. */
const sharedFields = ["version", "validation", "subresources", "additionalPrinterColumns", "preserveUnknownFields"];

/** A definition as v1, without its status, which the API server writes anew. Any other manifest is returned as it is. */
export function servedDefinition(manifest: Mapping): Mapping {
  if (manifest["kind"] !== "CustomResourceDefinition") return manifest;
  const { status: _status, ...kept } = manifest;
  if (manifest["apiVersion"] === `${group}/v1`) return kept;
  if (manifest["apiVersion"] !== `${group}/v1beta1`) return manifest;
  return { ...kept, apiVersion: `${group}/v1`, spec: servedSpec(mapping(manifest["spec"])) };
}

function servedSpec(spec: Mapping): Mapping {
  const own = Object.entries(spec).filter(([name]) => !sharedFields.includes(name));
  const written = Array.isArray(spec["versions"]) ? spec["versions"] : [];
  // Only a definition of before Kubernetes 1.11 has no list of versions.
  const versions = written.length > 0 ? written : [{ name: spec["version"], served: true, storage: true }];
  return {
    ...Object.fromEntries(own),
    versions: versions.map((version) => servedVersion(mapping(version), spec)),
    ...(spec["conversion"] === undefined ? {} : { conversion: servedConversion(mapping(spec["conversion"])) }),
    // v1 accepts it from no new definition; without it the fields that no schema names would be lost in silence.
    ...(spec["preserveUnknownFields"] === true ? { preserveUnknownFields: true } : {}),
  };
}

function servedVersion(version: Mapping, shared: Mapping): Mapping {
  const schema = version["schema"] ?? shared["validation"];
  const subresources = version["subresources"] ?? shared["subresources"];
  const columns = version["additionalPrinterColumns"] ?? shared["additionalPrinterColumns"];
  return {
    ...version,
    ...(schema === undefined ? {} : { schema }),
    ...(subresources === undefined ? {} : { subresources }),
    ...(Array.isArray(columns) ? { additionalPrinterColumns: columns.map((one) => servedColumn(mapping(one))) } : {}),
  };
}

function servedColumn({ JSONPath: jsonPath, ...column }: Mapping): Mapping {
  return jsonPath === undefined ? column : { ...column, jsonPath };
}

function servedConversion({ webhookClientConfig, conversionReviewVersions, ...conversion }: Mapping): Mapping {
  if (webhookClientConfig === undefined) return conversion;
  return { ...conversion, webhook: { clientConfig: webhookClientConfig, conversionReviewVersions } };
}

function mapping(value: unknown): Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Mapping : {};
}
