import assert from "node:assert/strict";
import { repository } from "../compile/stage.ts";
import { licenceOf } from "./licences.ts";
import { licenceProblems, lockedPackages, readLicences } from "./locked_packages.ts";

Deno.test("licences.json has an accepted licence for each package of the locks, and no other package", async () => {
  assert.deepEqual(licenceProblems(await lockedPackages(repository), await readLicences(repository)), []);
});

Deno.test("lockedPackages() has each package once, with the SHA-512 of its archive", async () => {
  const packages = await lockedPackages(repository);
  assert.ok(packages.length > 50);
  assert.equal(new Set(packages.map(({ name, version }) => `${name}@${version}`)).size, packages.length);
  for (const { sha512 } of packages) assert.match(sha512, /^[0-9a-f]{128}$/);
});

Deno.test("licenceProblems() names a package without a licence, a licence that is not accepted, and a row too many", () => {
  const packages = [{ name: "a", version: "1.0.0", sha512: "" }, { name: "@s/b", version: "2.0.0", sha512: "" }];
  assert.deepEqual(licenceProblems(packages, { "a@1.0.0": "GPL-3.0-only", "c@1.0.0": "MIT" }), [
    "@s/b@2.0.0 has no licence in deploy/release/licences.json.",
    "deploy/release/licences.json has c@1.0.0, which no lock has.",
    "a@1.0.0 has the licence GPL-3.0-only, which is not accepted.",
  ]);
});

Deno.test("licenceOf() reads the manifest's text or its old form", () => {
  assert.equal(licenceOf({ license: "MIT" }), "MIT");
  assert.equal(licenceOf({ license: { type: "ISC", url: "" } }), "ISC");
  for (const manifest of [undefined, {}, { license: 1 }]) assert.equal(licenceOf(manifest), undefined);
});
