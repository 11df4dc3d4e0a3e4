/**
 * The bill of materials of a release: the part of CycloneDX 1.6 that it uses.
 *
 * @module
 */
import * as z from "zod/mini";
import { fromBase64 } from "../base/bytes.ts";
import type { RuntimeOfBinary } from "./binary_facts.ts";
import { ReleaseError } from "./release_error.ts";

/** Its name in a release. */
export const billOfMaterialsFile = "sbom.cdx.json";

/** The names of our own properties. */
export const bomProperties = {
  /** `amd64` or `arm64`. */
  architecture: "trousseau:architecture",
  /** Base64 of the first 64 bytes of the runtime. */
  elfHeader: "trousseau:runtime:elf-header",
  /** Bytes of the runtime. */
  size: "trousseau:runtime:bytes",
} as const;

const hash = z.object({ alg: z.string(), content: z.string() });
const component = z.looseObject({
  "bom-ref": z.string(),
  type: z.string(),
  name: z.string(),
  version: z.optional(z.string()),
  scope: z.optional(z.enum(["required", "optional", "excluded"])),
  hashes: z.optional(z.array(hash)),
  properties: z.optional(z.array(z.object({ name: z.string(), value: z.string() }))),
});
const document = z.looseObject({
  bomFormat: z.literal("CycloneDX"),
  specVersion: z.literal("1.6"),
  metadata: z.looseObject({ component: z.looseObject({ version: z.string() }) }),
  components: z.array(component),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.optional(z.array(z.string())) })),
});

/** A component. */
type BomComponent = z.infer<typeof component>;

/** The document. */
export type BillOfMaterials = z.infer<typeof document>;

/** Reads the document. @throws {ReleaseError} */
export function parseBillOfMaterials(text: string): BillOfMaterials {
  const parsed = document.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new ReleaseError("Cannot read the bill of materials: it is not the CycloneDX document that a release has.");
}

/** A parsed JSON text; `undefined` if it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The component of a binary, by the name of its file. */
export function bomBinary(bom: BillOfMaterials, file: string): BomComponent | undefined {
  return bom.components.find(({ type, name }) => type === "application" && name === file);
}

/** The SHA-256 of a component, in lowercase hex. */
export function bomSha256({ hashes = [] }: BomComponent): string | undefined {
  return hashes.find(({ alg }) => alg === "SHA-256")?.content;
}

/** The packages in a binary as `name@version`, sorted. */
export function bomPackages(bom: BillOfMaterials, { "bom-ref": ref }: BomComponent): string[] {
  const parts = dependenciesOf(bom, ref).filter(({ type, scope }) => type === "library" && scope !== "excluded");
  return parts.map(({ name, version }) => `${name}@${version}`).toSorted();
}

/** The runtime in a binary, with its SHA-256. */
export function bomRuntime(
  bom: BillOfMaterials,
  { "bom-ref": ref }: BomComponent,
): (RuntimeOfBinary & { readonly name: string; readonly sha256: string }) | undefined {
  const found = dependenciesOf(bom, ref).find(({ type }) => type === "platform");
  const value = (name: string) => found?.properties?.find((property) => property.name === name)?.value ?? "";
  const header = fromBase64(value(bomProperties.elfHeader));
  const size = Number(value(bomProperties.size));
  const sha256 = found === undefined ? undefined : bomSha256(found);
  if (header?.length !== 64 || !Number.isSafeInteger(size) || sha256 === undefined) return undefined;
  return { header, size, sha256, name: found?.name ?? "" };
}

function dependenciesOf(bom: BillOfMaterials, ref: string): BomComponent[] {
  const refs = new Set(bom.dependencies.filter((row) => row.ref === ref).flatMap(({ dependsOn = [] }) => dependsOn));
  return bom.components.filter((one) => refs.has(one["bom-ref"]));
}
