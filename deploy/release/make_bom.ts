/**
 * Makes the bill of materials of a release, in CycloneDX 1.6.
 *
 * @module
 */
import { base64, hex, sha256, utf8 } from "../../lib/base/bytes.ts";
import { type BillOfMaterials, bomProperties } from "../../lib/release/bill_of_materials.ts";
import type { Architecture } from "../compile/targets.ts";
import { type LockedPackage, packageId } from "./locked_packages.ts";
import type { ReleaseDebianPackage, ReleaseIdentity } from "./part.ts";

/** A binary, with the runtime and the packages inside it. */
export interface BomBinary {
  /** The name of its file in the release. */
  readonly file: string;
  readonly artefact: string;
  readonly architecture: Architecture;
  /** Lowercase hex. */
  readonly sha256: string;
  /** As `name@version`. */
  readonly packages: readonly string[];
  readonly runtime: {
    readonly sha256: string;
    readonly size: number;
    readonly header: Uint8Array;
    readonly standIn: boolean;
  };
}

/** The input. */
export interface BomInput extends ReleaseIdentity {
  readonly binaries: readonly BomBinary[];
  readonly packages: readonly LockedPackage[];
  /** The SPDX identifier of each package as `name@version`. */
  readonly licences: Readonly<Record<string, string>>;
  /** The packages of Debian in the images. Their licences are texts in the images. */
  readonly debian: readonly ReleaseDebianPackage[];
}

/** Components inside the runtime that are known by their version alone. */
const runtimeNote = "The crates inside Deno and V8 are not listed: their locks are those of the Deno project.";

/**
 * The document.
 *
 * @throws {Error} if a binary has a package that no lock has, or a package has no licence.
 */
export function makeBillOfMaterials(input: BomInput): BillOfMaterials {
  const { version, commit, sourceDate, binaries } = input;
  refuseUnknown(input);
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(`${version} ${commit} ${sourceDate}`)}`,
    version: 1,
    metadata: {
      timestamp: new Date(sourceDate * 1000).toISOString().replace(".000", ""),
      component: {
        type: "application",
        "bom-ref": "trousseau",
        name: "trousseau",
        version,
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
      properties: [{ name: "trousseau:commit", value: commit }, { name: "trousseau:note", value: runtimeNote }],
    },
    components: [
      ...binaries.map((one) => binaryComponent(one, version)),
      ...runtimeComponents(binaries),
      ...packageComponents(input),
      ...debianComponents(input),
    ],
    dependencies: dependenciesOf(input),
    compositions: [{ aggregate: "incomplete", assemblies: runtimeComponents(binaries).map((one) => one["bom-ref"]) }],
  };
}

function refuseUnknown({ binaries, packages, licences }: BomInput): void {
  const ids = new Set(packages.map(packageId));
  for (const { file, packages: inside } of binaries) {
    const unknown = inside.find((id) => !ids.has(id));
    if (unknown !== undefined) throw new Error(`Cannot list the parts of ${file}: no lock has its package ${unknown}.`);
  }
  const bare = [...ids].find((id) => licences[id] === undefined);
  if (bare !== undefined) throw new Error(`Cannot list the parts: ${bare} has no licence. Run deno task licences.`);
}

function binaryComponent({ file, sha256, artefact }: BomBinary, version: string) {
  return {
    type: "application",
    "bom-ref": `file:${file}`,
    name: file,
    version,
    description: `The program ${artefact}`,
    hashes: [{ alg: "SHA-256", content: sha256 }],
    licenses: [{ license: { id: "Apache-2.0" } }],
  };
}

/** The reference of the runtime for a machine. */
function runtimeRef({ architecture }: BomBinary): string {
  return `runtime:${architecture}`;
}

function runtimeComponents(binaries: readonly BomBinary[]) {
  const { deno, v8 } = Deno.version;
  const byRef = new Map(binaries.map((binary) => [runtimeRef(binary), binary]));
  const runtimes = [...byRef].map(([ref, { architecture, runtime: { sha256, size, header, standIn } }]) => ({
    type: "platform",
    "bom-ref": ref,
    name: standIn ? "deno, a stand-in for denort" : "denort",
    version: deno,
    hashes: [{ alg: "SHA-256", content: sha256 }],
    licenses: [{ license: { id: "MIT" } }],
    properties: [
      { name: bomProperties.architecture, value: architecture },
      { name: bomProperties.elfHeader, value: base64(header) },
      { name: bomProperties.size, value: String(size) },
    ],
  }));
  const engine = {
    type: "framework",
    "bom-ref": "v8",
    name: "v8",
    version: v8,
    licenses: [{ license: { id: "BSD-3-Clause" } }],
  };
  return [...runtimes, engine];
}

function packageComponents({ binaries, packages, licences }: BomInput) {
  const inside = new Set(binaries.flatMap((one) => one.packages));
  return packages.map((one) => ({
    type: "library",
    "bom-ref": packageUrl(one),
    name: one.name,
    version: one.version,
    // A package of the lock that no binary contains, since no module of it is imported.
    scope: inside.has(packageId(one)) ? "required" as const : "excluded" as const,
    purl: packageUrl(one),
    hashes: [{ alg: "SHA-512", content: one.sha512 }],
    licenses: [{ license: { id: licences[packageId(one)] } }],
  }));
}

/** The package URL. The `@` of a scope is escaped. */
function packageUrl({ name, version }: Pick<LockedPackage, "name" | "version">): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}

/** Each package once, though several images have it; then the images themselves. */
function debianComponents({ debian, version }: BomInput) {
  const packages = [...new Map(debian.map((one) => [debianUrl(one), one]))].map((
    [purl, { name, version, sha256 }],
  ) => ({
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    hashes: [{ alg: "SHA-256", content: sha256 }],
  }));
  const images = [...imagesOf(debian)].map(([ref, { tag, architecture }]) => ({
    type: "container",
    "bom-ref": ref,
    name: `trousseau:${tag}`,
    version,
    properties: [{ name: bomProperties.architecture, value: architecture }],
  }));
  return [...packages, ...images];
}

/** The images by their references, each with the packages in it. */
function imagesOf(debian: readonly ReleaseDebianPackage[]) {
  const rows = debian.flatMap((one) => one.images.map((tag) => ({ tag, one })));
  const byRef = Map.groupBy(rows, ({ tag, one }) => `image:${tag}:${one.architecture}`);
  return new Map([...byRef].map(([ref, [first, ...rest]]) => [ref, {
    tag: first?.tag ?? "",
    architecture: first?.one.architecture ?? "",
    packages: [first, ...rest].flatMap((row) => row === undefined ? [] : debianUrl(row.one)),
  }]));
}

/** The package URL, as its type `deb` has it. */
function debianUrl({ name, version, architecture, release }: ReleaseDebianPackage): string {
  return `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-${release}`;
}

function dependenciesOf({ binaries, debian }: BomInput) {
  const programs = binaries.map((binary) => ({
    ref: `file:${binary.file}`,
    dependsOn: [runtimeRef(binary), ...binary.packages.map(splitId).map(packageUrl)],
  }));
  const runtimes = [...new Set(binaries.map(runtimeRef))].map((ref) => ({ ref, dependsOn: ["v8"] }));
  const images = [...imagesOf(debian)].map(([ref, { architecture, packages }]) => {
    const program = binaries.filter((one) => one.artefact === "trousseau" && one.architecture === architecture);
    return { ref, dependsOn: [...program.map(({ file }) => `file:${file}`), ...packages] };
  });
  const parts = [...programs, ...images];
  return [{ ref: "trousseau", dependsOn: parts.map(({ ref }) => ref) }, ...parts, ...runtimes];
}

function splitId(id: string): { name: string; version: string } {
  const at = id.lastIndexOf("@");
  return { name: id.slice(0, at), version: id.slice(at + 1) };
}

/** A UUID of version 8 (RFC 9562, section 5.8) from a text: the same release has the same number. */
function uuidOf(text: string): string {
  const bytes = sha256(utf8(text)).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
