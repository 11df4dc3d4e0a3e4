import assert from "node:assert/strict";
import {
  bomBinary,
  bomPackages,
  bomRuntime,
  bomSha256,
  parseBillOfMaterials,
} from "../../lib/release/bill_of_materials.ts";
import { type BomInput, makeBillOfMaterials } from "./make_bom.ts";

const sha256 = "a".repeat(64);
const binary = {
  file: "clectl-linux-amd64",
  artefact: "clectl",
  architecture: "amd64",
  sha256,
  packages: ["@s/b@2.0.0"],
  runtime: { sha256: "b".repeat(64), size: 200, header: new Uint8Array(64).fill(1), standIn: false },
} as const;
const input: BomInput = {
  version: "1.2.3",
  commit: "c".repeat(40),
  sourceDate: 1_700_000_000,
  binaries: [binary],
  packages: [
    { name: "@s/b", version: "2.0.0", sha512: "d".repeat(128) },
    { name: "unused", version: "1.0.0", sha512: "e".repeat(128) },
  ],
  licences: { "@s/b@2.0.0": "MIT", "unused@1.0.0": "ISC" },
  debian: [],
};

Deno.test("makeBillOfMaterials() lists binaries, runtimes, V8 and packages, and says what it leaves out", () => {
  const bom = makeBillOfMaterials(input);
  assert.deepEqual(bom.components.map(({ type, name, version, scope }) => [type, name, version, scope]), [
    ["application", "clectl-linux-amd64", "1.2.3", undefined],
    ["platform", "denort", Deno.version.deno, undefined],
    ["framework", "v8", Deno.version.v8, undefined],
    ["library", "@s/b", "2.0.0", "required"],
    ["library", "unused", "1.0.0", "excluded"],
  ]);
  assert.equal(bom.components[3]?.["purl"], "pkg:npm/%40s/b@2.0.0");
  assert.match(JSON.stringify(bom.metadata), /The crates inside Deno and V8 are not listed/);
  assert.deepEqual(bom["compositions"], [{ aggregate: "incomplete", assemblies: ["runtime:amd64", "v8"] }]);
  assert.match(
    String(bom["serialNumber"]),
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  const refs = bom.components.map((one) => one["bom-ref"]);
  assert.equal(new Set(refs).size, refs.length);
  for (const { ref, dependsOn = [] } of bom.dependencies) {
    for (const name of [ref, ...dependsOn]) assert.ok([...refs, "trousseau"].includes(name), name);
  }
});

Deno.test("parseBillOfMaterials() reads what makeBillOfMaterials() made", () => {
  const bom = parseBillOfMaterials(JSON.stringify(makeBillOfMaterials(input)));
  const found = bomBinary(bom, binary.file);
  assert.ok(found !== undefined);
  assert.equal(bomSha256(found), sha256);
  assert.deepEqual(bomPackages(bom, found), ["@s/b@2.0.0"]);
  assert.deepEqual(bomRuntime(bom, found), {
    header: binary.runtime.header,
    size: 200,
    sha256: "b".repeat(64),
    name: "denort",
  });
});

Deno.test("makeBillOfMaterials() refuses a package that no lock has, and one without a licence", () => {
  const other = { ...binary, packages: ["c@1.0.0"] };
  assert.throws(() => makeBillOfMaterials({ ...input, binaries: [other] }), /no lock has its package c@1\.0\.0/);
  assert.throws(
    () => makeBillOfMaterials({ ...input, licences: {} }),
    /@s\/b@2\.0\.0 has no licence\. Run deno task licences/,
  );
});
